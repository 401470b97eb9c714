import type { AlarmName, AlarmState } from './alarms.ts'
import type { EffectName, OperationName } from './faults/operations.ts'
import type { Dialect, JobType } from './job.ts'
import type { Refusal } from './signature.ts'
import type { JobStatus, RecipientStatus } from './status.ts'

/** Which job an event belongs to. `job` is the id in its string form. */
export interface JobRef {
  readonly tenant: number
  readonly job: string
}

/** By which door something came. */
export type Via = 'api' | 'sqs'

/** What the stand-in for Moodle made of a callback. */
export type CallbackVerdict =
  'applied' | 'unchanged' | Refusal | 'token-missing' | 'token-wrong' | 'malformed' | 'invalid' | 'unknown-job'

/**
 * The account of what happened; the tables are the truth. An event is written in the transaction of the change that it
 * records. It holds recipient keys and keyed hashes of addresses, never addresses, names, passwords or secrets.
 */
export type JournalEvent =
  | ({
      type: 'job.accepted'
      via: Via
      dialect: Dialect
      jobType: JobType
      recipients: number
      batches: number
    } & JobRef)
  | ({ type: 'job.duplicate'; via: Via; recipients: number } & JobRef)
  /** What was answered to a submission over HTTP that could be read. `body`, `key`: keyed hashes of it and of its Idempotency-Key. */
  | ({
      type: 'job.submitted'
      recipients: number
      body: string
      key?: string
      answer: 'accepted' | 'repeated' | 'job-conflict' | 'idempotency-conflict'
    } & JobRef)
  | { type: 'job.refused'; via: Via; tenant?: number; job?: string; status: number; reason: string }
  | ({ type: 'job.advice'; code: string; path: string; text: string; fix: string } & JobRef)
  | ({ type: 'job.status'; from: JobStatus; to: JobStatus; sent: number; failed: number } & JobRef)
  | ({ type: 'job.finding'; recipient?: string; text: string } & JobRef)
  | { type: 'message.dead'; queue: string; messageId: string; reason: string }
  | ({ type: 'certificate.stored'; recipient: string; key: string; bytes: number; sha256: string } & JobRef)
  | ({ type: 'mail.accepted'; recipient: string; address: string; messageId: string; attempt: number } & JobRef)
  | ({ type: 'mail.found'; recipient: string; messageId: string } & JobRef)
  | ({ type: 'mail.ambiguous'; recipient: string; messageId: string; attempt: number } & JobRef)
  | ({ type: 'mail.feedback'; recipient: string; kind: 'bounce' | 'complaint' | 'delivery'; detail: string } & JobRef)
  | ({
      type: 'recipient.outcome'
      recipient: string
      status: RecipientStatus
      attempt: number
      error?: string
    } & JobRef)
  | ({ type: 'recipient.retry'; recipient: string; attempt: number; dueAt: number; error: string } & JobRef)
  | ({
      type: 'pass.ended'
      messageId: string
      sent: number
      failed: number
      retried: number
      milliseconds: number
    } & JobRef)
  | ({
      type: 'callback.created'
      callback: string
      updates: number
      state: 'waiting' | 'parked'
      reason?: string
    } & JobRef)
  | ({
      type: 'callback.attempt'
      callback: string
      attempt: number
      url: string
      status: number | null
      words: string
      milliseconds: number
      /** When it began, epoch milliseconds. */
      startedAt: number
      /** What the body says, epoch seconds, and whether the signature fits its bytes; where the dialect has them. */
      timestamp?: number
      verifies?: boolean
      /** What the receiver asked for. */
      retryAfterMs?: number
    } & JobRef)
  | ({ type: 'callback.settled'; callback: string; state: 'delivered' | 'dead'; attempts: number } & JobRef)
  | ({
      type: 'moodle.submitted'
      via: Via
      dialect: Dialect
      recipients: number
      batches: number
      accepted: number
      refused: number
      local: number
      reason?: string
    } & JobRef)
  | { type: 'moodle.duplicate'; tenant: number; recipients: number; text: string }
  | {
      type: 'moodle.callback'
      tenant?: number
      job?: string
      status: number
      verdict: CallbackVerdict
      reason?: string
      applied: number
      unchanged: number
      unknown: number
      /** A keyed hash of what was told, without its time: the same of two callbacks that say the same. */
      content?: string
    }
  | { type: 'state.reset'; tenant?: number }
  | { type: 'emulator.started'; boot: number; recovered: number }
  /** An event that a worker of the user's own was invoked with; `failed` messages come again. */
  | { type: 'worker.invoked'; messages: number; failed: number; milliseconds: number; error?: string }
  /** A mail that a caller outside gave to a provider. `content` is a keyed hash of what its readers see. */
  | {
      type: 'mail.submitted'
      provider: string
      messageId: string
      addresses: string[]
      content: string
      suppressed: number
      queued: number
    }
  | { type: 'mail.refused'; provider: string; reason: string }
  /** What a provider tells later about a mail from outside. */
  | {
      type: 'mail.reported'
      provider: string
      messageId: string
      kind: 'bounce' | 'complaint' | 'delivery'
      addresses: string[]
      detail: string
    }
  /** A fault rule hit: why something failed that would not have. `effect` is what it did, in words. */
  | {
      type: 'fault.injected'
      rule: string
      operation: OperationName
      kind: EffectName
      effect: string
      tenant?: number
      job?: string
      recipient?: string
      attempt?: number
    }
  | { type: 'faults.set'; rules: string[] }
  /** The emulator's own worker after a fault had ended it: the messages and recipients that it had left. */
  | { type: 'worker.restarted'; messages: number; recovered: number }
  /** A callback that a person sent again beside the outbox, perhaps altered; `statuses` are the answers, null where none came. */
  | ({
      type: 'callback.replayed'
      callback: string
      url: string
      tamper: string[]
      statuses: (number | null)[]
    } & JobRef)
  /** `threshold` in the unit of `value`: a number of things, or a share from 0 to 1. */
  | {
      type: 'alarm.changed'
      alarm: AlarmName
      from: AlarmState
      to: AlarmState
      reason: string
      value?: number
      threshold: number
    }
  | { type: 'mail.webhook-lost'; provider: string; url: string; attempts: number; reason: string }

export type JournalEventType = JournalEvent['type']
