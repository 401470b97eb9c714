import { expect, it } from 'vitest'
import type { CallbackContent } from '../../contracts/callback.ts'
import { encodeCallback } from '../../contracts/dialects/index.ts'
import { createCallbackLog } from '../../emulator/deployment/callback-log.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { addressOf, jobIdOf, useridOf, type Dialect, type Shape } from '../../load/k6/people.ts'
import { createTally, type Tally } from '../../load/run/tally.ts'

const callbackPath = '/local/manireports/ui/ajax/cloud_callback.php'
const secret = 'a secret'
const token = 'a token'

function scene(
  dialect: Dialect,
  { shape = 'batches', recipients = 6, batch = 2 }: { shape?: Shape; recipients?: number; batch?: number } = {},
) {
  const clock = virtualClock()
  const of = { run: 77, dialect, shape, address: 'load-{run}-{n}@check.offload.test' }
  const tally = createTally({ ...of, recipients, batch, budgetMs: 60_000, callbackPath })
  const log = createCallbackLog({
    clock,
    dialect,
    secret,
    token,
    keep: 'nothing',
    onCallback: (callback) => tally.told(JSON.parse(JSON.stringify(tally.read(callback))) as ReturnType<Tally['read']>),
  })
  const submit = (index: number, status = 202) => {
    tally.submission({ event: 'begin', run: 77, index, at: clock.now() })
    tally.submission({ event: 'end', run: 77, index, at: clock.now() + 10, ms: 10, status, recipients: batch })
  }
  const tell = (
    ordinals: readonly number[],
    {
      failed = [] as readonly number[],
      path = callbackPath,
      signedWith = secret,
      job = jobIdOf(of, ordinals[0] ?? 0),
    } = {},
  ) => {
    const updates = [...ordinals, ...failed].map((ordinal) => ({
      key: String(useridOf(ordinal)),
      userid: useridOf(ordinal),
      email: addressOf(of, ordinal),
      status: failed.includes(ordinal) ? ('failed' as const) : ('sent' as const),
      ...(failed.includes(ordinal)
        ? { error: `550 nobody at ${addressOf(of, ordinal)}` }
        : { timeSent: Math.floor(clock.now() / 1000) }),
      attempts: 1,
    }))
    const content: CallbackContent = {
      dialect,
      jobId: job,
      tenant: 1,
      status: 'processing',
      sent: ordinals.length,
      failed: failed.length,
      updates,
    }
    const { headers, body } = encodeCallback(content, {
      secret: signedWith,
      token: signedWith === secret ? token : 'no',
      now: clock.now(),
    })
    log.receive({ method: 'POST', path, headers, body: Buffer.from(body) })
  }
  return { clock, of, tally, submit, tell }
}

it.each(['spec', 'detailed', 'plugin'] as const)(
  '%s: knows each recipient from submission to callback',
  async (dialect) => {
    const { clock, tally, submit, tell } = scene(dialect)
    submit(0)
    submit(1)
    await clock.advance(5000)
    tell([0, 1, 2], { failed: [3] })
    expect(tally.totals).toMatchObject({ submittedRecipients: 4, sent: 3, failed: 1, callbacks: 1, strangers: 0 })
    expect(tally.missing()).toEqual({ count: 0, ordinals: [] })
    expect([...tally.reasons.values()]).toEqual([1])
    expect([...tally.reasons.keys()].join('')).not.toContain('check.offload.test')
    expect((tally.toldAt[0] ?? 0) - (tally.submittedAt[0] ?? 0)).toBe(5000)
  },
)

it('flow names nobody: its counts are taken, and the largest of them', () => {
  const { tally, submit, tell } = scene('flow')
  submit(0)
  submit(1)
  tell([0, 1])
  expect(tally.missing().count).toBe(2)
  tell([0, 1, 2], { failed: [3] })
  tell([0, 1])
  expect(tally.totals).toMatchObject({ sent: 3, failed: 1 })
  expect(tally.missing().count).toBe(0)
})

it('counts a callback that comes again as the same, and a bounce after sent as a failure', () => {
  const { tally, submit, tell } = scene('spec')
  submit(0)
  tell([0, 1])
  tell([0, 1])
  expect(tally.totals).toMatchObject({ sent: 2, failed: 0, repeated: 2 })
  tell([], { failed: [0] })
  tell([0])
  expect(tally.totals).toMatchObject({ sent: 1, failed: 1 })
})

it('takes no callback that is forged, tells of strangers, and of other addresses', () => {
  const { tally, submit, tell } = scene('spec')
  submit(0)
  tell([0, 1], { signedWith: 'another secret' })
  expect(tally.totals).toMatchObject({ sent: 0, callbacks: 0, callbacksRefused: 1 })
  tell([0, 99])
  expect(tally.totals).toMatchObject({ sent: 1, strangers: 1 })
  tell([1], { job: 'f0000000-0000-4000-8000-000000000000' })
  expect(tally.totals).toMatchObject({ sent: 1, strangers: 2 })
  tell([1], { path: '/elsewhere' })
  expect([...tally.paths]).toEqual([['/elsewhere', 1]])
})

it('knows what a resumption has to send: what has no answer, unless a callback has shown that it arrived', () => {
  const { tally, submit, tell } = scene('spec', { recipients: 10 })
  submit(0)
  submit(1, 400)
  submit(2, 0)
  submit(3, 503)
  tally.submission({ event: 'begin', run: 77, index: 3, at: 1 })
  tell([6])
  expect(tally.countMessages()).toEqual({ waiting: 1, begun: 0, accepted: 1, refused: 1, unknown: 2 })
  expect(tally.remaining()).toEqual([2, 4])
  expect(tally.ambiguous(6)).toBe(true)
  expect(tally.ambiguous(0)).toBe(false)
})

it('tells one-recipient jobs apart', () => {
  const { tally, submit, tell, of } = scene('plugin', { shape: 'one-recipient-jobs', batch: 1 })
  submit(4)
  tell([4])
  expect(tally.totals).toMatchObject({ submittedRecipients: 1, sent: 1, strangers: 0 })
  expect(tally.isOurs(jobIdOf(of, 5))).toBe(true)
  expect(tally.isOurs(jobIdOf({ ...of, run: 78 }, 5))).toBe(false)
})
