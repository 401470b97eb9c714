import { expect, it } from 'vitest'
import { receiverCases } from '../../contracts/checks/receiver/index.ts'
import { sign } from '../../contracts/signature.ts'
import { givenJob, inventedJobs } from '../../emulator/check/jobs.ts'
import { checkReceiver, type CaseResult } from '../../emulator/check/receiver.ts'
import type { ReceiverTarget } from '../../emulator/check/target.ts'
import { goesOn } from '../mutants/mutants.ts'
import { createReceiver, type Row, type Update } from '../mutants/receiver.ts'

const small = receiverCases.filter(({ id, except }) => id !== 'body/oversize' && except.spec === undefined)

async function run(target: ReceiverTarget, cases = small): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for await (const result of checkReceiver(target, cases)) results.push(result)
  return results
}
const sent = (results: readonly CaseResult[]) =>
  Object.fromEntries(
    results.map(({ id, exchanges }) => [
      id,
      exchanges.map(({ request }) => [request.headers, Buffer.from(request.body).toString('base64')]),
    ]),
  )
const verdicts = (results: readonly CaseResult[]) => Object.fromEntries(results.map(({ id, verdict }) => [id, verdict]))
const count = (results: readonly CaseResult[], verdict: string) =>
  results.filter((one) => one.verdict === verdict).length

it('sends the same requests for the same seed', async () => {
  expect(sent(await run(createReceiver('spec')))).toEqual(sent(await run(createReceiver('spec'))))
  const invented = async (seed: string) => (await inventedJobs('spec', seed).take()).id
  expect(await invented('a')).toBe(await invented('a'))
  expect(await invented('a')).not.toBe(await invented('b'))
})

// Each case leaves its traces: one receiver accepts whatever is signed, the other refuses and writes all the same.
const leaving = {
  loose: {
    validate: () => undefined,
    fresh: () => true,
    merge: (row: Row, { status }: Update) => void (row.status = status),
  },
  'that goes on': goesOn.parts,
}
it.each(Object.entries(leaving))('has no case that depends on another, with a receiver %s', async (_name, parts) => {
  const forwards = verdicts(await run(createReceiver('spec', parts)))
  expect(verdicts(await run(createReceiver('spec', parts), small.toReversed()))).toEqual(forwards)
  for (const one of small) {
    const [, alone] = await run(createReceiver('spec', parts), [one])
    expect([one.id, alone?.verdict]).toEqual([one.id, forwards[one.id]])
  }
  expect(Object.values(forwards).filter((verdict) => verdict === 'fail').length).toBeGreaterThan(10)
})

it('says where a verdict rests on the answer alone, and what it cannot see', async () => {
  const { tables: _tables, ...blind } = createReceiver('spec')
  const results = await run(blind)
  expect(count(results, 'fail')).toBe(0)
  expect(results.filter(({ evidence }) => evidence === 'tables')).toEqual([])
  expect(results.filter(({ verdict }) => verdict === 'unobserved').map(({ id }) => id)).toContain('meaning/replay')
})

it('with an invented job runs what needs none, and skips the rest', async () => {
  const results = await run({ ...createReceiver('spec'), jobs: inventedJobs('spec', 'seed') })
  expect(results[0]).toMatchObject({ id: 'valid/callback', verdict: 'unobserved' })
  const of = verdicts(results)
  expect(of).toMatchObject({ 'signature/empty-secret': 'pass', 'time/305-s-old': 'pass', 'body/bom': 'pass' })
  expect(of).toMatchObject({ 'time/295-s-old': 'skip', 'meaning/replay': 'skip', 'meaning/unknown-job': 'skip' })
  expect(count(results, 'fail')).toBe(0)
})

it('with an invented job finds a receiver that looks at no signature', async () => {
  const open = createReceiver('spec', {
    signature: () => true,
    before: ({ body }) => (body.length > 0 ? { status: 200 } : undefined),
  })
  const results = await run({ ...open, jobs: inventedJobs('spec', 'seed') })
  expect(verdicts(results)).toMatchObject({ 'signature/missing': 'fail', 'signature/wrong-secret': 'fail' })
})

it('tells nothing by a receiver that looks for the job first, and knows none', async () => {
  const results = await run({
    ...createReceiver('spec', { before: () => ({ status: 404 }) }),
    jobs: inventedJobs('spec', 'seed'),
  })
  expect([count(results, 'fail'), count(results, 'pass')]).toEqual([1, 0])
  expect(results[0]?.reason).toMatch(/looks for the job before it looks at the signature/)
})

it('with one job runs what may share it', async () => {
  const receiver = createReceiver('spec')
  const results = await run({ ...receiver, jobs: givenJob(await receiver.jobs.take()) })
  expect(count(results, 'fail')).toBe(0)
  expect(verdicts(results)).toMatchObject({ 'signature/missing': 'pass', 'meaning/replay': 'skip' })
})

it("corrects its skews by the receiver's clock", async () => {
  const ahead = 120_000
  const receiver = createReceiver('spec', {
    fresh: (given, seconds) => Math.abs(seconds + ahead / 1000 - Number(given)) <= 300,
  })
  const date = new Date(receiver.clock.now() + ahead).toUTCString()
  const target: ReceiverTarget = {
    ...receiver,
    exactClock: false,
    send: async (request) => ({ ...(await receiver.send(request)), headers: { date } }),
  }
  const results = await run(
    target,
    small.filter(({ id }) => /295|305/.test(id)),
  )
  expect(results.map(({ verdict }) => verdict)).toEqual(['pass', 'pass', 'pass', 'pass', 'pass'])
})

it('notes that a clock is wrong where a valid callback was refused for it', async () => {
  const receiver = createReceiver('spec', {
    before: () => ({ status: 401, headers: { date: new Date(Date.UTC(2026, 0, 1, 22)).toUTCString() } }),
  })
  const [canary] = await run(receiver, [])
  expect(canary?.reason).toMatch(/the receiver's clock is 2400 s ahead of ours/)
})

it('notes that the receiver has no secret at all', async () => {
  const { send, ...receiver } = createReceiver('spec', { signature: (given, body) => given === sign('', body) })
  const [canary] = await run({ ...receiver, send }, [])
  expect(canary).toMatchObject({
    verdict: 'fail',
    reason: expect.stringMatching(/empty secret is accepted.*set cloud_callback_secret/) as string,
  })
})
