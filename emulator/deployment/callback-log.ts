import { createHash, timingSafeEqual } from 'node:crypto'
import type { Authentic, ScriptedAnswer, SeenCallback } from '../../contracts/checks/deployment/seen.ts'
import { decodeCallback } from '../../contracts/dialects/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { verify } from '../../contracts/signature.ts'
import type { Clock } from '../kernel/clock.ts'

export type { SeenCallback as ReceivedCallback, ScriptedAnswer } from '../../contracts/checks/deployment/seen.ts'

/** A request as it came to the receiver. */
export interface IncomingRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes that a signature covers. */
  readonly body: Uint8Array
}

export interface CallbackLogOptions {
  readonly clock: Clock
  readonly dialect: Dialect
  /** Verifies `X-Signature`. */
  readonly secret: string
  /** `plugin`: what the body's `token` must be. */
  readonly token?: string
  /** Keep the callbacks (true by default), and their bodies too; a long run keeps neither and listens. */
  readonly keep?: 'all' | 'without-bodies' | 'nothing'
  /** Each callback as it comes, before it is answered. */
  readonly onCallback?: (callback: SeenCallback) => void
}

/** What came to a receiver, and what it answers. Knows no sockets. */
export interface CallbackLog {
  /** Takes a request and says what to answer. `hungUp` is called when the sender of a hanging one has gone. */
  receive(request: IncomingRequest): { readonly answer: ScriptedAnswer; hungUp(): void }
  /** Of one job, or all of them; in the order of arrival. */
  callbacks(job?: string | number): readonly SeenCallback[]
  /** The job's first callbacks are answered so, one after the other; all others with 200. */
  answerWith(job: string | number, answers: readonly ScriptedAnswer[]): void
  /** Until `enough`, asked again after each callback; false where that has not come within `ms` of wall time. */
  waitFor(enough: () => boolean, ms: number): Promise<boolean>
}

const accepted = { status: 200 } as const

interface Kept extends SeenCallback {
  hungUpAt: number | undefined
}

export function createCallbackLog(options: CallbackLogOptions): CallbackLog {
  const { clock, keep = 'all', onCallback } = options
  const kept: Kept[] = []
  const byJob = new Map<string, Kept[]>()
  const scripts = new Map<string, ScriptedAnswer[]>()
  const waiting = new Set<() => void>()
  let ordinal = 0

  const wake = () => {
    for (const look of [...waiting]) look()
  }

  return {
    receive(request) {
      const { method, path, headers, body } = request
      const read = readCallback(request, options)
      const script = method === 'POST' && read.job !== undefined ? scripts.get(read.job) : undefined
      const answer = script?.shift() ?? accepted
      const callback: Kept = {
        ordinal: ++ordinal,
        at: clock.now(),
        method,
        path,
        headers,
        bytes: body.length,
        ...(keep === 'all' ? { body } : {}),
        ...read,
        answered: answer,
        hungUpAt: undefined,
      }
      if (keep !== 'nothing') {
        kept.push(callback)
        if (callback.job !== undefined) {
          const ofJob = byJob.get(callback.job)
          if (ofJob === undefined) byJob.set(callback.job, [callback])
          else ofJob.push(callback)
        }
      }
      onCallback?.(callback)
      wake()
      return {
        answer,
        hungUp() {
          callback.hungUpAt = clock.now()
          wake()
        },
      }
    },
    callbacks: (job) => (job === undefined ? kept : (byJob.get(String(job)) ?? [])),
    answerWith(job, answers) {
      scripts.set(String(job), [...answers])
    },
    waitFor(enough, ms) {
      if (enough()) return Promise.resolve(true)
      return new Promise((resolve) => {
        const end = (came: boolean) => {
          waiting.delete(look)
          timer.cancel()
          resolve(came)
        }
        const look = () => {
          if (enough()) end(true)
        }
        const timer = clock.at(clock.now() + ms, () => end(false))
        waiting.add(look)
      })
    },
  }
}

type Read = Pick<SeenCallback, 'job' | 'message' | 'problem' | 'authentic' | 'timestamp'>

function readCallback(
  { body, headers }: IncomingRequest,
  { clock, dialect, secret, token = '' }: CallbackLogOptions,
): Read {
  const now = clock.now()
  const signature = headers['x-signature']
  let value: unknown
  let problem: string | undefined
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    problem = body.length === 0 ? 'it has no body' : 'its body is no JSON'
  }
  const timestamp = fieldOf(value, 'timestamp')
  const authentic =
    dialect === 'plugin'
      ? tokenOf(fieldOf(value, 'token'), token)
      : dialect === 'spec' || signature !== undefined
        ? verify({ secret, body, signature, now, timestamp: dialect === 'spec' ? timestamp : Math.floor(now / 1000) })
        : undefined
  const id = fieldOf(value, 'job_id') ?? fieldOf(value, 'job_uuid')
  const common = {
    job: typeof id === 'string' || typeof id === 'number' ? String(id) : undefined,
    authentic,
    timestamp,
  }
  if (problem !== undefined) return { ...common, problem }
  const decoded = decodeCallback(value, dialect)
  if (decoded.ok) return { ...common, message: decoded.callback }
  const [first] = decoded.issues
  return { ...common, problem: first === undefined ? 'it is not valid' : `${first.path} ${first.reason}`.trim() }
}

function tokenOf(given: unknown, expected: string): Authentic {
  if (typeof given !== 'string' || given === '') {
    return { ok: false, code: 'token-missing', reason: 'the body has no token' }
  }
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return expected !== '' && timingSafeEqual(digest(given), digest(expected))
    ? { ok: true }
    : { ok: false, code: 'token-wrong', reason: 'the token is not the one that the receiver expects' }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
