import type { RecipientUpdate } from '../../../contracts/callback.ts'
import type { JobFields, Recipient } from '../../../contracts/job.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { CallbackPort } from '../ports.ts'
import { ownStatus, refOf } from './standing.ts'
import type { JobRow, RecipientRow } from './tables.ts'

/** A recipient's outcome as a callback tells it. */
export function updateOf(
  row: RecipientRow,
  { userid }: Pick<Recipient, 'userid'> = JSON.parse(row.content) as Recipient,
): RecipientUpdate {
  return {
    key: row.key,
    ...(userid === undefined ? {} : { userid }),
    email: row.email,
    status: row.status === 'sent' ? 'sent' : 'failed',
    ...(row.certificate_url === null ? {} : { certificateUrl: row.certificate_url }),
    ...(row.sent_at === null ? {} : { timeSent: Math.floor(row.sent_at / 1000) }),
    ...(row.error === null || row.status === 'sent' ? {} : { error: row.error }),
    ...(row.message_id === null ? {} : { messageId: row.message_id }),
    attempts: row.attempts,
  }
}

/** Adds callbacks about a job to the outbox, in the caller's transaction. */
export function createTelling({ clock, callbacks }: { clock: Clock; callbacks: CallbackPort }) {
  /** The part of a callback that tells of the whole job. */
  return function tell(job: JobRow, updates: readonly RecipientUpdate[]): string {
    const fields = JSON.parse(job.fields) as JobFields
    return callbacks.add({
      ...refOf(job),
      content: {
        dialect: job.dialect,
        jobId: fields.jobId,
        tenant: job.tenant,
        status: ownStatus(job),
        sent: job.sent,
        failed: job.failed + job.permanently_failed,
        updates,
      },
      url: fields.callbackUrl,
      secret: fields.callbackSecret,
      notBefore: clock.now(),
    })
  }
}

export type Telling = ReturnType<typeof createTelling>
