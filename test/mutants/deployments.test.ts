import { describe, expect, it } from 'vitest'
import { deploymentCases } from '../../contracts/checks/deployment/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { checkCloud, type CloudResult } from '../../emulator/check/cloud.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { createDeployment, type Parts } from './deployment.ts'
import { wrongDeployments } from './deployments.ts'

async function check(
  dialect: Dialect,
  parts: Partial<Parts> = {},
  { way = 'api', without = [] }: { way?: 'api' | 'sqs' | undefined; without?: readonly string[] } = {},
): Promise<CloudResult[]> {
  const clock = virtualClock()
  const cases = deploymentCases.filter(({ id, except }) => except[dialect] === undefined && !without.includes(id))
  const results: CloudResult[] = []
  let done = false
  const run = (async () => {
    const target = createDeployment(dialect, clock, parts, { way })
    for await (const result of checkCloud(target, cases)) results.push(result)
  })().finally(() => (done = true))
  await clock.run({ until: () => done })
  await run
  return results
}

const ids = (results: readonly CloudResult[], verdict: string) =>
  results.filter((one) => one.verdict === verdict).map(({ id }) => id)

describe('a right deployment in memory', () => {
  it.each(dialects)('passes every case of %s', async (dialect) => {
    const results = await check(dialect)
    expect(results.filter(({ verdict }) => verdict !== 'pass').map(({ id, reason }) => `${id}: ${reason}`)).toEqual([])
  })

  it('passes by its queue alone', async () => {
    const results = await check('spec', {}, { way: 'sqs' })
    expect(ids(results, 'fail')).toEqual([])
    expect(ids(results, 'unobserved')).toEqual([])
  })
})

describe('a deployment that is wrong in one thing', () => {
  it.each(wrongDeployments)('$does: $case', async ({ case: made, also = [], dialect = 'spec', way, parts }) => {
    // Ten megabytes a time; only the deployment that trips over them needs them.
    const without = made === 'submit/too-large' ? [] : ['submit/too-large']
    const results = await check(dialect, parts, { way, without })
    expect(ids(results, 'fail').toSorted()).toEqual([made, ...also].toSorted())
  })

  it('is there for every case', () => {
    const made = new Set(wrongDeployments.map((wrong) => wrong.case))
    expect(deploymentCases.map(({ id }) => id).filter((id) => !made.has(id))).toEqual([])
  })
})
