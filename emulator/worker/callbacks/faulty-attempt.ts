import { createHash } from 'node:crypto'
import { alterCallback, type AlterationName } from '../../../contracts/alterations.ts'
import type { CallbackContent } from '../../../contracts/callback.ts'
import type { Subject } from '../../../contracts/faults/decide.ts'
import { rowOf, type EffectName } from '../../../contracts/faults/operations.ts'
import { freshnessSeconds } from '../../../contracts/signature.ts'
import { sleep, type Clock } from '../../kernel/clock.ts'
import type { Faults, Struck } from '../../kernel/faults/faults.ts'
import { attempt, type Attempting, type Outcome } from './attempt.ts'
import type { Place } from './addressing.ts'
import type { CallbackRow } from './tables.ts'
import { CallbackFailure, type CallbackAnswer, type CallbackTransport } from './transport.ts'

export interface CallbackFaults {
  readonly faults: Faults
  /** The type of a callback's job, for rules that choose by it. */
  readonly typeOf: (tenant: number, job: string) => string | undefined
}

export interface FaultyAttempt {
  (row: CallbackRow, place: Extract<Place, { state: 'send' }>, deps: Attempting): Promise<Outcome>
  /** Ends the waits of those that hang or are late. */
  close(): void
}

/** `early` is of the submit, which it holds up (see `faultyIngest`). */
const ofAttempt: ReadonlySet<EffectName> = new Set(
  rowOf('callback.attempt').effects.filter((effect) => effect !== 'early'),
)

const alterations: Partial<Record<EffectName, AlterationName>> = {
  'bad-signature': 'signature',
  'altered-body': 'body',
  'wrong-secret': 'secret',
}

/** An attempt as `attempt` makes it, unless a fault rule hits it. */
export function createFaultyAttempt({
  clock,
  timeoutMs,
  callbackFaults,
}: {
  clock: Clock
  timeoutMs: number
  callbackFaults: CallbackFaults | undefined
}): FaultyAttempt {
  const stopping = new AbortController()
  const wait = async (run: Promise<void>) => {
    await run
    if (stopping.signal.aborted) throw new CallbackFailure('stopped', 'the emulator stops')
  }
  const timedOut = () => new CallbackFailure('timeout', `no answer within ${timeoutMs / 1000} s`, 'ETIMEDOUT')

  /** How the request goes, where it is not as it should. */
  const sending = ({ effect, delayMs }: Struck, send: CallbackTransport): CallbackTransport => {
    switch (effect.kind) {
      case 'delay':
        return async (post) => {
          await wait(sleep(clock, delayMs, stopping.signal))
          return await send(post)
        }
      case 'drop':
        return () => answered(200)
      case 'error': {
        const status = Number(effect.code)
        return (post) =>
          answered(status, status < 400 ? { location: new URL('/login/index.php', post.url).href } : undefined)
      }
      case 'throttle':
        return () => answered(429, { 'retry-after': String(Math.max(1, Math.ceil(effect.retryAfterMs / 1000))) })
      case 'hang':
        return async () => {
          await wait(sleepFor(clock, timeoutMs, stopping.signal))
          throw timedOut()
        }
      case 'reset':
        return () =>
          Promise.reject(new CallbackFailure('reset', 'the connection closed without an answer', 'ECONNRESET'))
      case 'answer-lost':
        return async (post) => {
          await send(post)
          throw timedOut()
        }
      case 'twice':
        return async (post) => {
          await send(post)
          return await send(post)
        }
      default:
        return send
    }
  }

  const faulty = async (
    row: CallbackRow,
    place: Extract<Place, { state: 'send' }>,
    deps: Attempting,
    struck: Struck,
  ) => {
    const { effect, delayMs } = struck
    if (effect.kind === 'late' || effect.kind === 'out-of-order') {
      return { result: 'put-off', until: Math.ceil(clock.deadline(delayMs)) } as const
    }
    const alteration = alterations[effect.kind]
    const skewMs =
      effect.kind === 'clock-skew' ? effect.ms : effect.kind === 'stale-timestamp' ? -1000 * (freshnessSeconds + 1) : 0
    return await attempt(row, place, {
      ...deps,
      send: sending(struck, deps.send),
      skewMs,
      ...(alteration === undefined ? {} : { alter: (request, context) => alterCallback(alteration, request, context) }),
    })
  }

  const once = (row: CallbackRow, place: Extract<Place, { state: 'send' }>, deps: Attempting): Promise<Outcome> => {
    if (callbackFaults?.faults.active('callback.attempt') !== true) return attempt(row, place, deps)
    const struck = callbackFaults.faults.strike('callback.attempt', subjectOf(row, callbackFaults), ofAttempt)
    return struck === undefined ? attempt(row, place, deps) : faulty(row, place, deps, struck)
  }
  return Object.assign(once, { close: () => stopping.abort() })
}

function subjectOf(row: CallbackRow, { typeOf }: CallbackFaults): Subject {
  const { tenant, job } = row
  const { updates } = JSON.parse(row.content) as CallbackContent
  const told = updates.map(({ key, status }) => `${key} ${status}`)
  return {
    tenant,
    job,
    get type() {
      return typeOf(tenant, job)
    },
    addresses: updates.flatMap(({ key, email }) => [key, email]),
    // Which of its job's callbacks it is: the one that tells about these.
    identity: createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 32),
    attempt: row.attempts + 1,
  }
}

const answered = (status: number, headers: Record<string, string> = {}): Promise<CallbackAnswer> =>
  Promise.resolve({ status, headers, body: '' })

/** In wall time, as the transport's own timeout. */
const sleepFor = (clock: Clock, ms: number, signal: AbortSignal) =>
  sleep({ ...clock, deadline: (delay) => clock.now() + delay }, ms, signal)
