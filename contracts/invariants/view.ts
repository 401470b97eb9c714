import type { JournalEvent, JournalEventType } from '../events.ts'
import type { ActionType, Dialect } from '../job.ts'
import type { JobStatus, RecipientStatus, UpdateStatus } from '../status.ts'

/** An entry of the journal, as the kernel keeps it. */
export interface JournalLine<Event extends JournalEvent = JournalEvent> {
  readonly id: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly event: Event
}

/** A recipient as the ledger has it. Addresses are keyed hashes, here and everywhere in a view. */
export interface RecipientState {
  readonly key: string
  readonly address: string
  readonly status: RecipientStatus
  readonly attempts: number
  readonly messageId?: string
  /** Where this recipient's certificate is stored, if it has one. */
  readonly certificate: string
}

/** A job as the ledger has it; the counters as they are kept, not summed up. */
export interface JobState {
  readonly tenant: number
  readonly job: string
  readonly dialect: Dialect
  readonly action: ActionType
  readonly status: JobStatus
  readonly recipients: number
  readonly sent: number
  readonly failed: number
  readonly permanentlyFailed: number
  /** Recipients that came again, in the same message or in another. */
  readonly duplicates: number
  readonly ended: boolean
  /** Whether one of its messages is still in a queue, be it the dead-letter queue. */
  readonly carried: boolean
  readonly rows: readonly RecipientState[]
}

/** A callback as the outbox has it. */
export interface CallbackState {
  readonly id: string
  readonly tenant: number
  readonly job: string
  readonly state: 'waiting' | 'delivered' | 'dead' | 'parked'
  /** Over the whole job. */
  readonly sent: number
  readonly failed: number
  readonly updates: readonly { readonly key: string; readonly status: 'sent' | 'failed' }[]
}

/** A recipient as the receiver of callbacks has it. */
export interface ReceivedRow {
  /** The recipient's key in the ledger; undefined where the dialect names recipients by address alone. */
  readonly key?: string
  readonly address: string
  readonly status: UpdateStatus
  /** The message that carried it. */
  readonly batch: number
}

/** A job as the receiver of callbacks has it: the plugin's tables. */
export interface ReceivedJob {
  readonly tenant: number
  readonly job: string
  readonly dialect: Dialect
  readonly recipients: number
  /** The counters as they are kept, not summed up. */
  readonly completed: number
  readonly failed: number
  /** Its messages, and what the cloud answered: `queued` was acknowledged. */
  readonly batches: readonly { readonly batch: number; readonly status: 'pending' | 'queued' | 'refused' | 'local' }[]
  readonly rows: readonly ReceivedRow[]
}

/** A mail as it arrived. */
export interface MailState {
  /** Without angle brackets. */
  readonly messageId: string
  /** Whether the emulator's own worker sent it: it carries the tag of a job. */
  readonly ofJob: boolean
  readonly addresses: readonly string[]
  /** When it arrived, epoch milliseconds. */
  readonly at: number
}

/** An object of the certificates' bucket. */
export interface ObjectState {
  readonly key: string
  /** When it was written last, epoch milliseconds. */
  readonly at: number
  /** Hex. */
  readonly sha256: string
}

/** What the laws have to know of how the emulator was set. Durations are milliseconds of the clock, as they pass. */
export interface RunSettings {
  /** Between the attempts for a recipient, and between those of a callback. */
  readonly retryScheduleMs: readonly number[]
  /** `--speed`: delays that others ask for (Retry-After) pass so many times faster. */
  readonly speed: number
  /** How much later than its time an attempt may be; undefined where nothing can be said (a busy machine, real time). */
  readonly latenessMs?: number
  /** How long after it happened something may be written down: 0 in virtual time, where it takes none. */
  readonly jitterMs: number
  /** Mails a second of the emulator's own worker; Infinity where it is not limited. */
  readonly workerRate: number
  /** Recipients a second, and in 24 hours, that SES takes from callers outside. */
  readonly sesRate: number
  readonly sesDailyQuota: number
  /** Whether our own worker does the work; another one's callbacks and mails are not ours to judge. */
  readonly ownWorker: boolean
}

/** What is left of a run, or there is now: the material of the laws. Times are epoch milliseconds. */
export interface RunView {
  /** The journal, oldest first, from the last reset on. */
  readonly journal: readonly JournalLine[]
  /** Nothing is under way any more: what has not happened by now never will. */
  readonly ended: boolean
  readonly jobs: readonly JobState[]
  readonly callbacks: readonly CallbackState[]
  /** The stand-in's tables. */
  readonly received: readonly ReceivedJob[]
  /** Undefined where the inbox cannot be asked. */
  readonly mails?: readonly MailState[]
  readonly objects: readonly ObjectState[]
  /** Messages that still lie in a queue, be it the dead-letter queue. */
  readonly queued: number
  readonly settings: RunSettings
}

export interface Violation {
  /** What is wrong, in one sentence with the figures that show it. */
  readonly text: string
  /** Entries of the journal that show it, by id. */
  readonly entries: readonly number[]
}

export interface Findings {
  /** How many cases the law was held against; with none it is not observed, which is no pass. */
  readonly checked: number
  readonly violations: readonly Violation[]
}

export type Of<Type extends JournalEventType> = Extract<JournalEvent, { type: Type }>
