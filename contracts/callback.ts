import type { Dialect } from './job.ts'
import type { JobStatus, UpdateStatus } from './status.ts'

/** The outcome of one recipient, as a callback tells it. */
export interface RecipientUpdate {
  readonly key: string
  readonly userid?: number | string
  readonly email: string
  readonly status: 'sent' | 'failed'
  readonly certificateUrl?: string
  /** Epoch seconds. */
  readonly timeSent?: number
  readonly error?: string
  readonly messageId?: string
  readonly attempts: number
}

/** What a callback is made from, independent of dialect: one pass (`spec`) or the whole job (the others). */
export interface CallbackContent {
  readonly dialect: Dialect
  readonly jobId: string | number
  readonly tenant: number
  readonly status: JobStatus
  /** Over the whole job. */
  readonly sent: number
  readonly failed: number
  readonly updates: readonly RecipientUpdate[]
}

/** A callback as it goes on the wire. */
export interface CallbackRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A callback as its receiver reads it, whatever dialect it came in. */
export interface CallbackMessage {
  readonly dialect: Dialect
  readonly jobId: string | number
  /** In the canonical words; `spec` names none. */
  readonly status?: JobStatus
  /** Over the whole job; `spec` names none. */
  readonly sent?: number
  readonly failed?: number
  /** Empty in `flow`, which names only the addresses that failed, in `errors`. */
  readonly updates: readonly ReceivedUpdate[]
  readonly errors: readonly string[]
  /** Epoch seconds; `spec` alone. */
  readonly timestamp?: number
  /** `plugin` alone. */
  readonly token?: string
}

/** One recipient of a received callback, named by userid (`spec`), by address (`plugin`) or by both (`detailed`). */
export interface ReceivedUpdate {
  readonly userid?: number | string
  readonly email?: string
  readonly status: UpdateStatus
  readonly certificateUrl?: string
  /** Epoch seconds. */
  readonly timeSent?: number
  readonly error?: string
  readonly messageId?: string
  readonly attempts?: number
}
