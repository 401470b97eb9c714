import { expect, it } from 'vitest'
import { decodeCallback } from '../../contracts/dialects/index.ts'
import { verify, type Verdict } from '../../contracts/signature.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { receiver, specJob } from '../end-to-end/running.ts'
import { faulty } from './set-up.ts'

const clock = systemClock()
const secret = 'offload-dev-secret'

const timestampOf = (raw: Buffer): unknown => (JSON.parse(raw.toString()) as { timestamp: unknown }).timestamp

/** One job whose callback meets the fault, and the receiver that it goes to. */
async function oneCallback(effect: string, when = '', config = {}) {
  const moodle = await receiver()
  const emulator = await faulty(`- {at: callback.attempt, ${when} then: ${effect}}`, {
    callback_url: moodle.url,
    callback_timeout: '300ms',
    cloud_retry_policy: ['20ms'],
    ...config,
  })
  await emulator.submit(specJob())
  const verdicts = (): Verdict[] =>
    moodle.received.map(({ raw, headers }) =>
      verify({
        secret,
        body: raw,
        signature: headers['x-signature'] as string | undefined,
        now: clock.now(),
        timestamp: timestampOf(raw),
      }),
    )
  const attempts = () =>
    emulator.journal.read().flatMap(({ event }) => (event.type === 'callback.attempt' ? [event.status] : []))
  return { ...emulator, moodle, verdicts, attempts }
}

const once = 'when: {times: 1},'

it('is dropped: the cloud believes that it was delivered, and nothing came', async () => {
  const run = await oneCallback('drop')
  await run.event('callback.settled', ({ state }) => state === 'delivered')
  expect(run.moodle.received).toHaveLength(0)
})

it.each([
  ['{error: 303}', [303, 200]],
  ['{error: 401}', [401, 200]],
  ['{error: 500}', [500, 200]],
  ['reset', [null, 200]],
  ['hang', [null, 200]],
])('%s is not delivered, and tried again', async (effect, statuses) => {
  const run = await oneCallback(effect, once)
  await run.event('callback.settled')
  expect(run.attempts()).toEqual(statuses)
  expect(run.moodle.received).toHaveLength(1)
  expect(run.verdicts()).toEqual([{ ok: true }])
})

it('a throttle is honoured as Retry-After says', async () => {
  const run = await oneCallback('{throttle: {retry-after: 1s}}', once)
  const first = await run.event('callback.attempt')
  expect(first.status).toBe(429)
  const throttledAt = clock.monotonic()
  await run.event('callback.settled')
  expect(clock.monotonic() - throttledAt).toBeGreaterThan(900)
})

it('an answer is lost: the callback comes again, and both were right', async () => {
  const run = await oneCallback('answer-lost', once)
  await run.event('callback.settled')
  expect(run.attempts()).toEqual([null, 200])
  expect(run.verdicts()).toEqual([{ ok: true }, { ok: true }])
})

it('comes twice, byte for byte', async () => {
  const run = await oneCallback('twice')
  await run.event('callback.settled')
  expect(run.attempts()).toEqual([200])
  const [first, second] = run.moodle.received
  expect(second?.raw).toEqual(first?.raw)
})

it('comes late, once, and no attempt is counted for the wait', async () => {
  const run = await oneCallback('{late: 300ms}')
  await run.event('fault.injected')
  const began = clock.monotonic()
  await run.event('callback.settled')
  expect(clock.monotonic() - began).toBeGreaterThan(200)
  expect(run.attempts()).toEqual([200])
})

it('is delayed in flight', async () => {
  const run = await oneCallback('{delay: 150ms}')
  const { milliseconds } = await run.event('callback.attempt')
  expect(milliseconds).toBeGreaterThan(140)
})

it.each([
  ['bad-signature', 'signature-wrong', /does not fit/],
  ['wrong-secret', 'signature-wrong', /does not fit/],
  ['altered-body', 'signature-wrong', /white space/],
  ['stale-timestamp', 'stale', /30[12] s old/],
  ['{clock-skew: 10m}', 'stale', /(599|600) s in the future/],
])('%s is refused by a receiver that verifies', async (effect, code, reason) => {
  const run = await oneCallback(effect)
  await run.event('callback.settled')
  expect(run.verdicts()).toMatchObject([{ ok: false, code, reason: expect.stringMatching(reason) }])
})

it('a skew inside the tolerance passes', async () => {
  const run = await oneCallback('{clock-skew: -4m}')
  await run.event('callback.settled')
  expect(run.verdicts()).toEqual([{ ok: true }])
})

it('comes before the answer to the submit', async () => {
  const moodle = await receiver()
  const emulator = await faulty('- {at: callback.attempt, when: {tenant: 123}, then: early}', {
    callback_url: moodle.url,
    callback_delay: '50ms',
  })
  const answer = await emulator.submit(specJob())
  expect(answer.status).toBe(202)
  expect(moodle.received).toHaveLength(1)
  await emulator.submit(specJob({ tenant_id: 5 }))
  expect(moodle.received).toHaveLength(1)
})

it('of one job comes out of order: those of a later pass overtake it', async () => {
  const moodle = await receiver()
  const emulator = await faulty(
    '- {at: callback.attempt, when: {recipient: user1@example.com}, then: {out-of-order: 400ms}}',
    { callback_url: moodle.url },
  )
  const { recipients } = specJob()
  await emulator.submit(specJob({ recipients: recipients.slice(0, 1) }))
  await emulator.event('fault.injected')
  await emulator.submit(specJob({ recipients: recipients.slice(1) }))
  await emulator.settled(specJob().job_id)
  const told = moodle.received.map(({ raw }) => {
    const read = decodeCallback(JSON.parse(raw.toString()), 'spec')
    return read.ok ? read.callback.updates.map(({ userid }) => userid) : []
  })
  expect(told).toEqual([[1002], [1001]])
})

it('chooses by job type', async () => {
  const run = await oneCallback('drop', 'when: {type: csv_import},')
  await run.event('callback.settled')
  expect(run.moodle.received).toHaveLength(1)
  expect(run.injected()).toEqual([])
})

it('is not tried again when the stand-in was told so by 410', async () => {
  const run = await oneCallback('{error: 410}')
  await run.event('callback.settled', ({ state }) => state === 'dead')
  expect(run.attempts()).toEqual([410])
})

it('a submit that a gateway repeats is one job, with one callback', async () => {
  const moodle = await receiver()
  const emulator = await faulty('- {at: ingest.submit, then: duplicate}', { callback_url: moodle.url })
  expect((await emulator.submit(specJob())).status).toBe(202)
  await emulator.settled(specJob().job_id)
  expect(emulator.injected()).toMatchObject([{ operation: 'ingest.submit', effect: 'duplicate' }])
  expect(moodle.received).toHaveLength(1)
  expect((await emulator.mailpit.listMessages()).total).toBe(2)
})
