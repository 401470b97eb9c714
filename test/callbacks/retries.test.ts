import { array, assert, asyncProperty, constantFrom, integer, oneof, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CallbackFailure, type CallbackTransport, type FailureKind } from '../../emulator/worker/callbacks/transport.ts'
import { startReceiver } from './receiver.ts'
import { schedule, setUp } from './set-up.ts'

describe('an attempt that fails', () => {
  it('is made again 5 s, 30 s and 2 minutes later, then the callback is dead', async () => {
    const receiver = await startReceiver(() => ({ status: 500 }))
    const { add, callbacks, pass, events } = setUp({ url: receiver.url })
    const id = add()
    await callbacks.whenIdle()
    const counts = [receiver.requests.length]
    for (const delay of schedule) {
      await pass(delay - 1)
      counts.push(receiver.requests.length)
      await pass(1)
      counts.push(receiver.requests.length)
    }
    await pass(10 * 3_600_000)
    counts.push(receiver.requests.length)
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    expect(callbacks.get(id)).toMatchObject({ state: 'dead', attempts: 4, lastStatus: 500, dueAt: null })
    expect(events().at(-1)).toMatchObject({ type: 'callback.settled', state: 'dead', attempts: 4 })
  })

  it('waits as long as Retry-After says, in seconds or as a date, where that is longer than the schedule', async () => {
    const start = Date.UTC(2026, 0, 1)
    const values = ['60', new Date(start + 60_000 + 90_000).toUTCString(), '7']
    const receiver = await startReceiver((nth) => ({ status: 503, headers: { 'retry-after': values[nth] ?? '' } }))
    const { add, callbacks, pass, clock } = setUp({ url: receiver.url, now: start })
    const id = add()
    await callbacks.whenIdle()
    const waits: number[] = []
    for (let nth = 0; nth < 3; nth++) {
      const wait = (callbacks.get(id).dueAt ?? 0) - clock.now()
      waits.push(wait)
      await pass(wait - 1)
      expect(receiver.requests).toHaveLength(nth + 1)
      await pass(1)
      expect(receiver.requests).toHaveLength(nth + 2)
    }
    expect(waits).toEqual([60_000, 90_000, 120_000])
  })

  it.each(['86400', new Date(Date.UTC(2030, 0, 1)).toUTCString(), '99999999999999999999'])(
    'waits an hour at most (Retry-After: %s)',
    async (value) => {
      const receiver = await startReceiver(() => ({ status: 429, headers: { 'retry-after': value } }))
      const { add, callbacks, clock } = setUp({ url: receiver.url })
      const id = add()
      await callbacks.whenIdle()
      expect(callbacks.get(id).dueAt).toBe(clock.now() + 3_600_000)
    },
  )

  it.each(['soon', '-5', '', new Date(0).toUTCString()])(
    'ignores a Retry-After without a future (%s)',
    async (value) => {
      const receiver = await startReceiver(() => ({ status: 429, headers: { 'retry-after': value } }))
      const { add, callbacks, clock } = setUp({ url: receiver.url })
      const id = add()
      await callbacks.whenIdle()
      expect(callbacks.get(id).dueAt).toBe(clock.now() + 5000)
    },
  )

  it('is the last one where the receiver says 410 Gone', async () => {
    const receiver = await startReceiver(() => ({ status: 410 }))
    const { add, callbacks, pass } = setUp({ url: receiver.url })
    const id = add()
    await callbacks.whenIdle()
    await pass(3_600_000)
    expect(receiver.requests).toHaveLength(1)
    expect(callbacks.get(id)).toMatchObject({ state: 'dead', attempts: 1 })
  })
})

type Step = { status: number; retryAfter?: string } | { failure: FailureKind }

const failures: FailureKind[] = ['timeout', 'refused', 'reset', 'unreachable', 'dns', 'tls', 'protocol']
const step = oneof(
  record(
    {
      status: oneof(
        constantFrom(200, 204, 301, 303, 400, 401, 403, 404, 410, 429, 500, 503),
        integer({ min: 200, max: 599 }),
      ),
      retryAfter: constantFrom('0', '3', '4000', 'soon', 'Thu, 01 Jan 2026 00:10:00 GMT'),
    },
    { requiredKeys: ['status'] },
  ),
  record({ failure: constantFrom(...failures) }),
)

describe('whatever a receiver answers', () => {
  it('ends in delivered or dead, on the schedule, with nothing sent after a 2xx or a 410', async () => {
    let answers: Step[] = []
    let sent: { at: number; answer: Step }[] = []
    const send: CallbackTransport = async () => {
      const answer = answers[sent.length % answers.length] ?? { status: 200 }
      sent.push({ at: clock.now(), answer })
      if ('failure' in answer) throw new CallbackFailure(answer.failure, answer.failure)
      const headers: Record<string, string> = {}
      if (answer.retryAfter !== undefined) headers['retry-after'] = answer.retryAfter
      return { status: answer.status, headers, body: '' }
    }
    const { add, callbacks, clock, pass } = setUp({ url: 'http://127.0.0.1:1/', send })
    const isFinal = (answer: Step) => 'status' in answer && (answer.status < 300 || answer.status === 410)

    const run = async (chosen: Step[]) => {
      answers = chosen
      sent = []
      const id = add()
      await callbacks.whenIdle()
      await pass(4 * 3_600_000)
      const { state, attempts } = callbacks.get(id)

      const last = sent.at(-1)?.answer
      const accepted = last !== undefined && 'status' in last && last.status < 300
      expect(state).toBe(accepted ? 'delivered' : 'dead')
      const firstFinal = sent.findIndex(({ answer }) => isFinal(answer))
      expect(sent).toHaveLength(firstFinal === -1 ? schedule.length + 1 : firstFinal + 1)
      expect(attempts).toBe(sent.length)
      for (const [nth, delay] of schedule.slice(0, sent.length - 1).entries()) {
        expect((sent[nth + 1]?.at ?? 0) - (sent[nth]?.at ?? 0)).toBeGreaterThanOrEqual(delay)
      }
    }
    await assert(asyncProperty(array(step, { minLength: 1, maxLength: 6 }), run), { numRuns: 100 })
  })
})
