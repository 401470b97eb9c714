import type { Via } from '../../../contracts/events.ts'
import type { Job, Recipient, JobFields } from '../../../contracts/job.ts'
import type { JobStatus } from '../../../contracts/status.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { JobRow } from './tables.ts'

export interface Admission {
  readonly row: JobRow
  /** Recipients that the ledger did not know. */
  readonly added: number
  /** Recipients that it knew, with the same content. */
  readonly known: number
}

export interface AdmissionDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  /** Where certificates of jobs accepted now can be verified; fixed per job, since it is printed in the QR code. */
  readonly verifyBase: () => string
  /** Whether one of these messages is still in a queue, be it the dead-letter queue. */
  readonly isQueued: (messageIds: readonly string[]) => boolean
}

/** Job-level content that a later message of the same job must repeat. */
function fieldsOf(job: Job): JobFields {
  const { recipients: _, contentHash: __, advice: ___, duplicates: ____, ...fields } = job
  return fields
}

/**
 * Enters a message's job and recipients into the ledger, in one transaction with the caller's.
 * The same message twice changes nothing. Throws `job-conflict` where a known job or recipient comes with other content.
 */
export function createAdmission({ store, clock, journal, verifyBase, isQueued }: AdmissionDeps) {
  const jobRow = (tenant: number, job: string) =>
    store.get<JobRow>('SELECT * FROM jobs WHERE tenant = ? AND job = ?', tenant, job)

  const conflict = (job: Job, paths: string[]): never => {
    throw new EmulatorError(
      'job-conflict',
      `Job ${job.jobId} of tenant ${job.tenant} is known with other content: ${paths.join(', ')}. ` +
        `Send changed content under a new job id. Database reset? offload reset --tenant ${job.tenant}`,
      { paths, tenant: job.tenant, job: String(job.jobId) },
    )
  }

  const create = (job: Job): JobRow => {
    store.run(
      `INSERT INTO jobs (tenant, job, raw_id, dialect, type, type_name, action, status, content_hash, fields, advice,
         verify_base, parent, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)`,
      job.tenant,
      String(job.jobId),
      JSON.stringify(job.jobId),
      job.dialect,
      job.type,
      job.typeName,
      job.action,
      job.contentHash,
      JSON.stringify(fieldsOf(job)),
      JSON.stringify(job.advice),
      verifyBase(),
      job.parentJobId === undefined ? null : String(job.parentJobId),
      clock.now(),
    )
    return jobRow(job.tenant, String(job.jobId))!
  }

  /** Whether recipients are open that no message carries any more, say after PurgeQueue. */
  const isLost = (row: JobRow): boolean => {
    const open = store.get(
      "SELECT 1 FROM recipients WHERE job_id = ? AND status IN ('pending', 'processing') LIMIT 1",
      row.id,
    )
    if (open === undefined) return false
    const carriers = store.all<{ message_id: string }>('SELECT message_id FROM job_messages WHERE job_id = ?', row.id)
    return !isQueued(carriers.map(({ message_id }) => message_id))
  }

  /** A retry takes over its parent's failed recipients: they are not retried again unless it fails too. */
  const takeOver = (parent: JobRow, child: JobRow, recipients: readonly Recipient[]) => {
    const failed = "job_id = ? AND status IN ('failed', 'permanently_failed')"
    const take = `UPDATE recipients SET retried_by = ?, retried_as = ? WHERE ${failed}`
    for (const { key, email } of recipients) {
      // Two recipients may share an address; who is taken over by the key is not also by it.
      const byKey = 'retried_by IS ? AND retried_as = key'
      store.run(`${take} AND email = ? AND NOT (${byKey})`, child.id, key, parent.id, email, child.id)
      store.run(`${take} AND key = ?`, child.id, key, parent.id, key)
    }
  }

  const insertRecipient = (row: JobRow, recipient: Recipient): boolean =>
    store.run(
      `INSERT INTO recipients (job_id, key, email, content, content_hash, invalid, status, due_at)
       VALUES (?, ?, ?, ?, ?, ?, 'pending', 0) ON CONFLICT DO NOTHING`,
      row.id,
      recipient.key,
      recipient.email,
      JSON.stringify(recipient),
      recipient.contentHash,
      recipient.invalid ?? null,
    ).changes === 1

  /** `messages`: the message that was received, or, at ingest, how to queue what turns out to be new. */
  return function admit(job: Job, messages: { received: string } | { enqueue: () => string[] }, via: Via): Admission {
    return store.tx(() => {
      const ref = { tenant: job.tenant, job: String(job.jobId) }
      const before = jobRow(ref.tenant, ref.job)
      const redelivered =
        'received' in messages &&
        store.get('SELECT 1 FROM job_messages WHERE message_id = ?', messages.received) !== undefined
      if (before !== undefined && redelivered) return { row: before, added: 0, known: job.recipients.length }
      if (before !== undefined && before.dialect !== job.dialect) conflict(job, [`dialect (was ${before.dialect})`])
      if (before !== undefined && before.content_hash !== job.contentHash) conflict(job, ['job-level fields'])

      const row = before ?? create(job)
      const paths: string[] = []
      let added = 0
      for (const recipient of job.recipients) {
        if (insertRecipient(row, recipient)) {
          added++
          continue
        }
        const known = store.get<{ content_hash: string }>(
          'SELECT content_hash FROM recipients WHERE job_id = ? AND key = ?',
          row.id,
          recipient.key,
        )
        if (known?.content_hash !== recipient.contentHash && paths.length < 10) paths.push(`recipient ${recipient.key}`)
      }
      if (paths.length > 0) conflict(job, paths)

      const messageIds =
        'received' in messages ? [messages.received] : added > 0 || isLost(row) ? messages.enqueue() : []
      for (const id of messageIds) store.run('INSERT OR IGNORE INTO job_messages VALUES (?, ?)', id, row.id)
      const known = job.recipients.length - added
      // New recipients reopen a job that had ended: the one legal step back.
      const reopened = added > 0 && row.ended_at !== null
      store.run(
        `UPDATE jobs SET recipients = recipients + ?, duplicates = duplicates + ?,
           status = iif(?, 'processing', status), ended_at = iif(?, NULL, ended_at) WHERE id = ?`,
        added,
        known + job.duplicates,
        Number(reopened),
        Number(reopened),
        row.id,
      )
      const moved = (of: JobRow, to: JobStatus) => {
        const failed = of.failed + of.permanently_failed
        journal.record({
          type: 'job.status',
          tenant: of.tenant,
          job: of.job,
          from: of.status,
          to,
          sent: of.sent,
          failed,
        })
      }
      if (reopened) moved(row, 'processing')
      const parent = row.parent === null ? undefined : jobRow(row.tenant, row.parent)
      if (parent !== undefined && added > 0) takeOver(parent, row, job.recipients)
      // Whoever waits for the parent waits for its retry too.
      const waiting = new Set([row.id])
      for (let above = parent; above !== undefined && added > 0 && !waiting.has(above.id);) {
        waiting.add(above.id)
        if (above.ended_at !== null && above.status !== 'manual_retry') {
          store.run("UPDATE jobs SET status = 'manual_retry' WHERE id = ?", above.id)
          moved(above, 'manual_retry')
        }
        above = above.parent === null ? undefined : jobRow(above.tenant, above.parent)
      }
      if (added > 0) {
        journal.record({
          type: 'job.accepted',
          ...ref,
          via,
          dialect: job.dialect,
          jobType: job.type,
          recipients: added,
          batches: Math.max(1, messageIds.length),
        })
      }
      if (known > 0) journal.record({ type: 'job.duplicate', ...ref, via, recipients: known })
      if (before === undefined) {
        for (const { code, path, text, fix } of job.advice) {
          journal.record({ type: 'job.advice', ...ref, code, path, text, fix })
        }
      }
      return { row: jobRow(ref.tenant, ref.job)!, added, known }
    })
  }
}
