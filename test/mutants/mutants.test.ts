import { describe, expect, it } from 'vitest'
import { canaryId, receiverCases } from '../../contracts/checks/receiver/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { checkReceiver, type CaseResult } from '../../emulator/check/receiver.ts'
import { closed, mutants } from './mutants.ts'
import { createReceiver, type Parts } from './receiver.ts'

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
