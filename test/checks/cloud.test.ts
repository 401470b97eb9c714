import { describe, expect, it } from 'vitest'
import { deploymentCases, type DeploymentCase } from '../../contracts/checks/deployment/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { checkCloud, type CloudResult, type CloudTarget } from '../../emulator/check/cloud.ts'
import { createMailWitness } from '../../emulator/deployment/mails.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { createDeployment } from '../mutants/deployment.ts'

const casesOf = (dialect: Dialect) =>
  deploymentCases.filter(({ id, except }) => except[dialect] === undefined && id !== 'submit/too-large')

async function check(
  make: (clock: VirtualClock) => CloudTarget,
  cases: readonly DeploymentCase[] = casesOf('spec'),
): Promise<CloudResult[]> {
  const clock = virtualClock()
  const results: CloudResult[] = []
  let done = false
  const run = (async () => {
    for await (const result of checkCloud(make(clock), cases)) results.push(result)
  })().finally(() => (done = true))
  run.catch(() => {})
  await clock.run({ until: () => done })
  await run
  return results
}

const wrong = (results: readonly CloudResult[]) =>
  results.filter(({ verdict }) => verdict === 'fail').map(({ id, reason }) => `${id}: ${reason}`)
const ids = (results: readonly CloudResult[], verdict: string) =>
  results.filter((one) => one.verdict === verdict).map(({ id }) => id)

const requests = (results: readonly CloudResult[]) =>
  results.map(({ id, exchanges }) => [
    id,
    exchanges.map(({ send }) => ({ ...send, body: Buffer.from(send.body).toString('latin1') })),
  ])

describe('a run', () => {
  it.each(dialects)('sends the same for the same seed, and shares no job with another: %s', async (dialect) => {
    const run = (seed: string) => check((clock) => createDeployment(dialect, clock, {}, { seed }), casesOf(dialect))
    const [one, again, other] = [await run('a'), await run('a'), await run('b')]
    expect(requests(again)).toEqual(requests(one))
    const labels = (results: readonly CloudResult[]) =>
      new Set(JSON.stringify(requests(results)).match(/oc-[0-9a-f]{8}-[0-9a-f]{8}/g))
    expect([...labels(one)].filter((label) => labels(other).has(label))).toEqual([])
  })

  it('has cases that depend on no other: backwards, one by one, and alone', async () => {
    const verdicts = (results: readonly CloudResult[]) =>
      Object.fromEntries(results.map(({ id, verdict, reason }) => [id, `${verdict}: ${reason}`]))
    const right = (clock: VirtualClock) => createDeployment('spec', clock)
    const forwards = verdicts(await check(right))
    const single = (clock: VirtualClock) => ({ ...createDeployment('spec', clock), concurrency: 1 })
    expect(verdicts(await check(single, casesOf('spec').toReversed()))).toEqual(forwards)
    for (const one of casesOf('spec')) {
      const [, result] = await check(right, [one])
      expect(`${result?.verdict}: ${result?.reason}`).toBe(forwards[one.id])
    }
  })
})

describe('what cannot be seen is no pass', () => {
  const restOnMails = [
    'identity/same-again',
    'identity/duplicate-recipients',
    'identity/same-address',
    'identity/batches-in-any-order',
    'outcome/own-content',
    'retry/mails-once',
    'queue/redelivery',
    'queue/redelivered-later',
  ]

  it('where nobody sees the mails', async () => {
    const results = await check((clock) => ({
      ...createDeployment('spec', clock),
      mails: createMailWitness({ kind: 'none' }),
    }))
    expect(wrong(results)).toEqual([])
    expect(ids(results, 'unobserved')).toEqual(restOnMails)
  })

  it('where events tell of some mails alone, which others may follow', async () => {
    const results = await check((clock) => {
      const target = createDeployment('spec', clock)
      return {
        ...target,
        mails: { ...target.mails, sees: 'envelopes', find: async () => ({ observed: true, mails: [] }) },
      }
    })
    expect(wrong(results)).toEqual([])
    expect(ids(results, 'unobserved')).toEqual(restOnMails)
  })

  it('where a second attempt is due later than anybody waits', async () => {
    const results = await check((clock) => {
      const target = createDeployment('spec', clock, { retry: () => 600_000 })
      return { ...target, patience: { ...target.patience, firstRetry: 600_000 } }
    })
    expect(wrong(results)).toEqual([])
    expect(ids(results, 'unobserved')).toEqual([
      'retry/500',
      'retry/hang',
      'retry/after',
      'retry/stamped-anew',
      'retry/redirect',
    ])
  })

  it('where there is no queue to put something into', async () => {
    const results = await check((clock) => ({
      ...createDeployment('spec', clock),
      queue: undefined,
      deadLetter: undefined,
    }))
    expect(wrong(results)).toEqual([])
    expect(ids(results, 'skip')).toEqual(
      casesOf('spec')
        .map(({ id }) => id)
        .filter((id) => id.startsWith('queue/')),
    )
  })
})

describe('a deployment that does nothing right', () => {
  it.each<[string, (target: CloudTarget) => CloudTarget]>([
    [
      'refuses everything',
      (target) => ({ ...target, submitter: { ...target.submitter, submit: async () => answer(401) } }),
    ],
    [
      'takes everything and does nothing',
      (target) => ({ ...target, submitter: { ...target.submitter, submit: async () => answer(202) } }),
    ],
  ])('%s: one failure, and nothing passes', async (_name, change) => {
    const results = await check((clock) => change(createDeployment('spec', clock)))
    expect([ids(results, 'fail'), ids(results, 'pass')]).toEqual([['canary/job'], []])
    expect(ids(results, 'skip')).toHaveLength(casesOf('spec').length)
  })

  it('is not there at all', async () => {
    const gone = { ...answer(500), status: null, unreachable: true, answer: 'connect ECONNREFUSED' }
    const run = check((clock) => {
      const target = createDeployment('spec', clock)
      return { ...target, submitter: { ...target.submitter, submit: async () => gone } }
    })
    await expect(run).rejects.toMatchObject({
      name: 'UnreachableError',
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
  })
})

const answer = (status: number) => ({
  accepted: status < 300,
  status,
  answer: '{"status":"queued"}',
  headers: {},
  unreachable: false,
  ms: 1,
})
