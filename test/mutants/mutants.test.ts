import { describe, expect, it } from 'vitest'
import { canaryId, receiverCases } from '../../contracts/checks/receiver/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { checkReceiver, type CaseResult } from '../../emulator/check/receiver.ts'
import { judge } from '../../emulator/worker/observer/judge.ts'
import { wrongDeployments } from './deployments.ts'
import { badJobs } from './jobs.ts'
import { closed, mutants } from './mutants.ts'
import { createReceiver, type Parts } from './receiver.ts'
import { rightWorker, wrongWorkers } from './workers.ts'

async function check(
  dialect: Dialect,
  parts: Partial<Parts> = {},
  without: readonly string[] = [],
): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  const cases = receiverCases.filter(({ id, except }) => except[dialect] === undefined && !without.includes(id))
  for await (const result of checkReceiver(createReceiver(dialect, parts), cases)) results.push(result)
  return results
}
const ids = (results: readonly CaseResult[], verdict: string) =>
  results.filter((one) => one.verdict === verdict).map(({ id }) => id)

it.each(dialects)('a right receiver in memory passes every case of %s', async (dialect) => {
  const results = await check(dialect)
  expect(results.filter(({ verdict }) => verdict !== 'pass').map(({ id, reason }) => `${id}: ${reason}`)).toEqual([])
})

describe('a receiver that is wrong in one thing', () => {
  it.each(mutants)('$does: $case', async ({ case: made, also = [], dialect = 'spec', parts }) => {
    // Nine megabytes a time; only the receiver that trips over them needs them.
    const results = await check(dialect, parts, made === 'body/oversize' ? [] : ['body/oversize'])
    expect(ids(results, 'fail').toSorted()).toEqual([made, ...also].toSorted())
  })

  it('is there for every case', () => {
    const made = new Set(mutants.map((mutant) => mutant.case))
    expect(receiverCases.map(({ id }) => id).filter((id) => !made.has(id))).toEqual([])
  })
})

it.each(closed)('a receiver that $does is one failure, with one diagnosis', async ({ answer, says }) => {
  const results = await check('spec', { before: () => answer })
  expect(ids(results, 'fail')).toEqual([canaryId])
  expect(results[0]?.reason).toMatch(says)
  expect(ids(results, 'pass')).toEqual([])
  expect(ids(results, 'skip')).toHaveLength(results.length - 1)
})

const late = 100_000

it.each(wrongWorkers)('a worker that $does is found by the judge of workers', ({ seen, finds }) => {
  expect(judge(rightWorker, late)).toEqual([])
  expect(judge(seen, late).map(({ code }) => code)).toEqual([finds])
})

it('has each of the nineteen mistakes, and tells who finds it', async () => {
  const rows = [
    ...mutants.map(({ does, case: made, also = [], mistake, dialect = 'spec' }) => ({
      mistake,
      wrong: `a receiver that ${does}`,
      found: `check moodle (${dialect}): ${[made, ...also].join(', ')}`,
    })),
    ...closed.map(({ does, mistake }) => ({
      mistake,
      wrong: `a receiver that ${does}`,
      found: `check moodle (spec): ${canaryId}`,
    })),
    ...wrongDeployments.map(({ does, case: made, also = [], mistake, dialect = 'spec' }) => ({
      mistake,
      wrong: `a deployment that ${does}`,
      found: `check cloud (${dialect}): ${[made, ...also].join(', ')}`,
    })),
    ...badJobs.map(({ does, mistake, finds }) => ({
      mistake,
      wrong: `a job that ${does}`,
      found: `check job: ${finds}`,
    })),
    ...wrongWorkers.map(({ does, mistake, finds }) => ({
      mistake,
      wrong: `a worker that ${does}`,
      found: `offload up --worker …: ${finds}`,
    })),
  ].toSorted((a, b) => (a.mistake ?? 99) - (b.mistake ?? 99))
  const found = new Set(rows.map(({ mistake }) => mistake))
  expect(Array.from({ length: 19 }, (_, index) => index + 1).filter((mistake) => !found.has(mistake))).toEqual([])

  const table = [
    '# What is wrong, and which case finds it',
    '',
    'Written by `mutants.test.ts` (`vitest -u`); the numbers are those of the mistakes in `contracts/checks/README.md`.',
    '',
    '| mistake | wrong | found by |',
    '|---|---|---|',
    ...rows.map(({ mistake, wrong, found: by }) => `| ${mistake ?? ''} | ${wrong} | ${by} |`),
    '',
  ].join('\n')
  await expect(table).toMatchFileSnapshot('TABLE.md')
})
