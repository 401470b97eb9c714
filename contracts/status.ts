/** pending → processing → sent | failed; failed → permanently_failed; a bounce after `sent` makes it failed. */
export const recipientStatuses = ['pending', 'processing', 'sent', 'failed', 'permanently_failed'] as const
export type RecipientStatus = (typeof recipientStatuses)[number]

/** pending → queued → processing → completed | partial_failure | failed; the retry states belong to a parent job. */
export const jobStatuses = [
  'pending',
  'queued',
  'processing',
  'completed',
  'partial_failure',
  'failed',
  'retry_pending',
  'manual_retry',
] as const
export type JobStatus = (typeof jobStatuses)[number]

/** What a callback says about one recipient in `spec`; a receiver merges by pending < completed < failed. */
export const updateStatuses = ['pending', 'completed', 'failed'] as const
export type UpdateStatus = (typeof updateStatuses)[number]

/**
 * What two updates of one recipient say together: the higher of pending < completed < failed. Commutative, associative
 * and idempotent, so that any order and any repetition of the same callbacks gives one state.
 */
export function mergeUpdate(a: UpdateStatus, b: UpdateStatus): UpdateStatus {
  return updateStatuses.indexOf(a) >= updateStatuses.indexOf(b) ? a : b
}

/**
 * The steps a recipient may take. `processing → pending` is a temporary error (due again later) or a lease released;
 * `sent → failed | permanently_failed` is a bounce that came after the provider had accepted the mail.
 */
const recipientMoves: Readonly<Record<RecipientStatus, readonly RecipientStatus[]>> = {
  pending: ['processing'],
  processing: ['pending', 'sent', 'failed', 'permanently_failed'],
  sent: ['failed', 'permanently_failed'],
  failed: ['permanently_failed'],
  permanently_failed: [],
}

/**
 * The steps a job may take. An ended job goes back to `processing` only when a message adds recipients; it ends
 * otherwise than before only by a bounce; and it waits for a child job in `retry_pending` or `manual_retry`.
 */
const jobMoves: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  pending: ['queued', 'processing', 'failed'],
  queued: ['processing', 'failed'],
  processing: ['completed', 'partial_failure', 'failed'],
  completed: ['processing', 'partial_failure', 'failed', 'retry_pending', 'manual_retry'],
  partial_failure: ['processing', 'failed', 'retry_pending', 'manual_retry'],
  failed: ['processing', 'retry_pending', 'manual_retry'],
  retry_pending: ['processing', 'completed', 'partial_failure', 'failed', 'manual_retry'],
  manual_retry: ['processing', 'completed', 'partial_failure', 'failed', 'retry_pending'],
}

export function canMoveRecipient(from: RecipientStatus, to: RecipientStatus): boolean {
  return recipientMoves[from].includes(to)
}

export function canMoveJob(from: JobStatus, to: JobStatus): boolean {
  return jobMoves[from].includes(to)
}

/** How a job's recipients stand. `sent + failed + permanentlyFailed + open = recipients`. */
export interface JobTotals {
  readonly recipients: number
  readonly sent: number
  /** Given up after the last retry of a temporary error. */
  readonly failed: number
  /** Bounced, or an address that no mail can go to. */
  readonly permanentlyFailed: number
  /** Without an outcome yet. */
  readonly open: number
}

/**
 * A job's status from the sum over its recipients: `completed` when all were sent, or some were and the rest are
 * permanent failures; `partial_failure` when some were sent and a temporary error was given up; `failed` when none was.
 */
export function jobStatusOf({ recipients, sent, failed, open }: JobTotals): JobStatus {
  if (recipients === 0) return 'pending'
  if (open > 0) return 'processing'
  if (sent === 0) return 'failed'
  return failed === 0 ? 'completed' : 'partial_failure'
}
