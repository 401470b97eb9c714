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
