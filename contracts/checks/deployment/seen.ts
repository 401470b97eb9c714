import type { CallbackMessage } from '../../callback.ts'
import type { Dialect } from '../../job.ts'
import type { InventedPerson } from './job.ts'

/** What a receiver says to a callback: an answer, or nothing at all until the sender hangs up. */
export type ScriptedAnswer = { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | 'hang'

/** Whether the sender has shown that it knows the secret, and that the callback is fresh. */
export type Authentic =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code:
        'secret-empty' | 'signature-missing' | 'signature-wrong' | 'stale' | 'token-missing' | 'token-wrong'
      readonly reason: string
    }

/** A callback as a receiver saw it. */
export interface SeenCallback {
  /** In the order of arrival, from 1. */
  readonly ordinal: number
  /** When its last byte had come, epoch milliseconds. */
  readonly at: number
  readonly method: string
  /** With its query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Length of its body. */
  readonly bytes: number
  /** Only where bodies are kept. */
  readonly body?: Uint8Array
  /** As the body names it; undefined where none can be read. */
  readonly job: string | undefined
  /** What it says, read in the dialect; undefined where it does not hold the contract. */
  readonly message?: CallbackMessage
  /** Why it could not be read. */
  readonly problem?: string
  /** Undefined where the dialect names no authentication and none was sent. */
  readonly authentic: Authentic | undefined
  /** The body's `timestamp`, whatever it is. */
  readonly timestamp: unknown
  readonly answered: ScriptedAnswer
  /** When the sender gave up waiting for an answer that did not come, epoch milliseconds. */
  readonly hungUpAt: number | undefined
}

/** A mail that went out, to one address. */
export interface SeenMail {
  readonly address: string
  readonly messageId: string
  /** Undefined where only events are seen. */
  readonly subject: string | undefined
  /** Text and html; only where it was asked for and can be read. */
  readonly content?: string
}

export type SeenMails =
  | { readonly observed: true; readonly mails: readonly SeenMail[] }
  | { readonly observed: false; readonly reason: string }

/** What a deployment answered to a submission. */
export interface SubmitAnswer {
  /** A 2xx, or a message id. */
  readonly accepted: boolean
  /** `null` where no answer came. */
  readonly status: number | null
  /** The answer's text, its beginning; with SQS the message id, or the error. */
  readonly answer: string
  /** Names in lower case; empty for SQS. */
  readonly headers: Readonly<Record<string, string>>
  /** Nobody is there: a refused connection, an unknown host. */
  readonly unreachable: boolean
  /** How long it took, in milliseconds. */
  readonly ms: number
}

/** What callbacks that were accepted say together of a job. */
export interface Told {
  /** By userid (`spec`, `detailed`) or address (`plugin`); empty in `flow`, which has counts alone. */
  readonly outcomes: ReadonlyMap<string, 'completed' | 'failed'>
  /** Who has no part in the job. */
  readonly strangers: readonly string[]
  /** The largest that were told; of the outcomes where the dialect has no counts. */
  readonly sent: number
  readonly failed: number
  /** The last word about the job; `spec` has none. */
  readonly status: string | undefined
  /** Everybody has an outcome. */
  readonly whole: boolean
}

/** The name by which a dialect's callback calls a person; `flow` names nobody. */
export const nameOf = (dialect: Dialect, { userid, email }: InventedPerson): string =>
  dialect === 'spec' || dialect === 'detailed' ? String(userid) : email.toLowerCase()

const ended = new Set<string>(['completed', 'partial_failure', 'failed'])

/** Merges the callbacks as a right receiver does: failed stands above completed, counts only grow. */
export function toldOf(dialect: Dialect, people: readonly InventedPerson[], callbacks: readonly SeenCallback[]): Told {
  const known = new Set(people.map((person) => nameOf(dialect, person)))
  const outcomes = new Map<string, 'completed' | 'failed'>()
  const strangers = new Set<string>()
  let [sent, failed, status]: [number, number, string | undefined] = [0, 0, undefined]
  for (const { message, method, answered } of callbacks) {
    const applied = answered !== 'hang' && answered.status < 300
    if (message === undefined || method !== 'POST' || !applied) continue
    for (const update of message.updates) {
      const name =
        dialect === 'spec' || dialect === 'detailed' ? String(update.userid) : (update.email ?? '').toLowerCase()
      if (!known.has(name)) strangers.add(name)
      else if (update.status === 'failed' || (update.status === 'completed' && !outcomes.has(name))) {
        outcomes.set(name, update.status)
      }
    }
    sent = Math.max(sent, message.sent ?? 0)
    failed = Math.max(failed, message.failed ?? 0)
    // What has ended does not begin again.
    if (status === undefined || !ended.has(status) || ended.has(message.status ?? status))
      status = message.status ?? status
  }
  const counted = (outcome: string) => [...outcomes.values()].filter((one) => one === outcome).length
  const whole = dialect === 'flow' ? sent + failed >= people.length : outcomes.size >= known.size
  return {
    outcomes,
    strangers: [...strangers],
    sent: dialect === 'spec' ? counted('completed') : sent,
    failed: dialect === 'spec' ? counted('failed') : failed,
    status,
    whole,
  }
}
