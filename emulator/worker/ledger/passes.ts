import type { RecipientUpdate } from '../../../contracts/callback.ts'
import type { JobRef } from '../../../contracts/events.ts'
import type { Dialect, Recipient, JobFields } from '../../../contracts/job.ts'
import { jobStatusOf, type JobStatus } from '../../../contracts/status.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { CallbackPort, MailFeedback } from '../ports.ts'
import type { JobRow, RecipientRow } from './tables.ts'

/** How long a recipient belongs to the pass that leased it; wall time, and far longer than a pass takes. */
const leaseMs = 15 * 60_000

export interface Leased {
  readonly row: RecipientRow
  readonly recipient: Recipient
}

export interface Lease {
  readonly leased: readonly Leased[]
  /** When the last of the asked recipients that wait is due again (epoch ms); undefined where none is waiting. */
  readonly nextDue: number | undefined
  /** Another pass holds some of them, until this time at the latest (epoch ms). */
  readonly heldUntil: number | undefined
}

export interface Certificate {
  readonly key: string
  readonly url: string
  readonly code: string
}

/**
 * What one attempt for one recipient came to. `found`: an earlier attempt had sent the mail; `again`: the Message-ID of
 * one that may have gone out before, where nobody could be asked;
 * `absent`: an earlier attempt had not.
 */
export type Outcome = {
  readonly leased: Leased
  readonly again?: string
  readonly absent?: boolean
  readonly certificate?: Certificate
} & (
  | { result: 'sent'; messageId?: string; found?: boolean; feedback?: MailFeedback }
  | { result: 'failed'; permanent: boolean; error: string }
  | { result: 'deferred'; error: string; ambiguous: boolean }
)

/** What a pass has to write down beside its outcomes. */
export interface PassNotes {
  /** What a person should know about the job, or about one of its recipients. */
  readonly findings: { recipient?: string; text: string }[]
  /** Certificates that were rendered and stored. */
  readonly stored: { recipient: string; key: string; bytes: number; sha256: string }[]
}

export interface PassResult extends PassNotes {
  readonly outcomes: readonly Outcome[]
}

export interface PassDeps {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly callbacks: CallbackPort
  /** Who leases; the leases of an owner that died are released when the next one starts. */
  readonly owner: string
  /** Delays before the second, third, … attempt, in milliseconds. */
  readonly retrySchedule: readonly number[]
  readonly bounceWindowMs: number
}

/** These dialects get one cumulative callback a job; `spec` gets the updates of each pass. */
const cumulative: Record<Dialect, boolean> = { spec: false, detailed: true, flow: true, plugin: true }

const refOf = (row: JobRow): JobRef => ({ tenant: row.tenant, job: row.job })

function updateOf(row: RecipientRow): RecipientUpdate {
  const recipient = JSON.parse(row.content) as Recipient
  return {
    key: row.key,
    ...(recipient.userid === undefined ? {} : { userid: recipient.userid }),
    email: row.email,
    status: row.status === 'sent' ? 'sent' : 'failed',
    ...(row.certificate_url === null ? {} : { certificateUrl: row.certificate_url }),
    ...(row.sent_at === null ? {} : { timeSent: Math.floor(row.sent_at / 1000) }),
    ...(row.error === null || row.status === 'sent' ? {} : { error: row.error }),
    ...(row.message_id === null ? {} : { messageId: row.message_id }),
    attempts: row.attempts,
  }
}

/** Leases, outcomes and what follows from them: the part of the ledger that makes redelivery harmless. */
export function createPasses(deps: PassDeps) {
  const { store, clock, ids, journal, callbacks, owner, retrySchedule } = deps
  // Leases are wall time: after a suspended laptop wakes up they may have run out under a pass that still goes on.
  const busy = new Set<number>()

  const forget = (leased: readonly Leased[]) => {
    for (const { row } of leased) busy.delete(row.id)
  }

  const jobById = (id: number) => store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', id)!
  const recipientById = (id: number) => store.get<RecipientRow>('SELECT * FROM recipients WHERE id = ?', id)!

  /** The part of a callback that tells of the whole job. */
  const callbackFor = (job: JobRow, updates: RecipientUpdate[]) => {
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

  const moveJob = (job: JobRow, to: JobStatus) => {
    if (job.status === to) return
    store.run('UPDATE jobs SET status = ? WHERE id = ?', to, job.id)
    const failed = job.failed + job.permanently_failed
    journal.record({ type: 'job.status', ...refOf(job), from: job.status, to, sent: job.sent, failed })
  }

  /** How a job stands by its own recipients. */
  const ownStatus = (job: JobRow): JobStatus =>
    jobStatusOf({
      recipients: job.recipients,
      sent: job.sent,
      failed: job.failed,
      permanentlyFailed: job.permanently_failed,
      open: job.recipients - job.sent - job.failed - job.permanently_failed,
    })

  /** What became of a failed recipient in the retries that took it over, the last word first. */
  const lastWord = (row: RecipientRow): RecipientRow => {
    let last = row
    for (let depth = 0; depth < 100 && last.retried_by !== null; depth++) {
      const again = store.get<RecipientRow>(
        'SELECT * FROM recipients WHERE job_id = ? AND (key = ? OR email = ?) ORDER BY key = ? DESC LIMIT 1',
        last.retried_by,
        last.key,
        last.email,
        last.key,
      )
      if (again === undefined) break
      last = again
    }
    return last
  }

  /** How an ended job stands: by itself and its retries together; manual_retry while one of them is open. */
  const statusOf = (job: JobRow): JobStatus => {
    const retried = store.all<RecipientRow>(
      "SELECT * FROM recipients WHERE job_id = ? AND status IN ('failed', 'permanently_failed') AND retried_by IS NOT NULL",
      job.id,
    )
    const count = { sent: job.sent, failed: job.failed, permanently_failed: job.permanently_failed }
    for (const row of retried) {
      const { status } = lastWord(row)
      if (status === 'pending' || status === 'processing') return 'manual_retry'
      count[row.status as 'failed' | 'permanently_failed']--
      count[status]++
    }
    return ownStatus({ ...job, ...count })
  }

  /** Moves an ended job, and the jobs that it retries, to where they stand now. */
  const refresh = (job: JobRow) => {
    if (job.ended_at === null) return
    moveJob(job, statusOf(job))
    if (job.parent === null) return
    const parent = store.get<JobRow>('SELECT * FROM jobs WHERE tenant = ? AND job = ?', job.tenant, job.parent)
    if (parent !== undefined && parent.id !== job.id) refresh(parent)
  }

  /** Ends the job where nothing is open any more, or says that it has begun. */
  const advanceJob = (id: number) => {
    const job = jobById(id)
    const ended = job.sent + job.failed + job.permanently_failed >= job.recipients
    if (!ended) return moveJob(job, 'processing')
    store.run('UPDATE jobs SET ended_at = coalesce(ended_at, ?) WHERE id = ?', clock.now(), id)
    if (cumulative[job.dialect]) {
      store.run('UPDATE jobs SET settle_at = ? WHERE id = ?', clock.deadline(deps.bounceWindowMs), id)
    }
    refresh(jobById(id))
  }

  /** Notes a finding, once. */
  const note = (job: JobRow, recipient: string | undefined, text: string) => {
    const { changes } = store.run(
      'INSERT OR IGNORE INTO findings (job_id, recipient, text) VALUES (?, ?, ?)',
      job.id,
      recipient ?? '',
      text,
    )
    if (changes === 0) return
    journal.record({ type: 'job.finding', ...refOf(job), ...(recipient === undefined ? {} : { recipient }), text })
  }

  const write = (outcome: Outcome, job: JobRow): RecipientUpdate | undefined => {
    const { row } = outcome.leased
    const ref = { ...refOf(job), recipient: row.key }
    const attempt = row.attempts + 1
    const { certificate } = outcome
    const ended = outcome.result === 'deferred' && attempt > retrySchedule.length
    const status =
      outcome.result === 'sent'
        ? 'sent'
        : outcome.result === 'deferred'
          ? ended
            ? 'failed'
            : 'pending'
          : outcome.permanent
            ? 'permanently_failed'
            : 'failed'
    const error = outcome.result === 'sent' ? null : outcome.error
    // Servers repeat the address in what they say; the journal must not hold it.
    const told = error?.replaceAll(row.email, '(address)') ?? ''
    // Counted from the end of the pass that it failed in.
    const dueAt = status === 'pending' ? clock.deadline(retrySchedule[attempt - 1]!) : 0
    const { changes } = store.run(
      `UPDATE recipients SET status = ?, attempts = ?, due_at = ?, lease_owner = NULL, lease_until = 0, interrupted = ?,
         error = ?, message_id = coalesce(?, message_id), sent_at = coalesce(?, sent_at),
         certificate_key = coalesce(?, certificate_key), certificate_url = coalesce(?, certificate_url),
         certificate_code = coalesce(?, certificate_code)
       WHERE id = ? AND status = 'processing'`,
      status,
      attempt,
      dueAt,
      outcome.result === 'deferred' && (outcome.ambiguous || (row.interrupted === 1 && outcome.absent !== true))
        ? 1
        : 0,
      error,
      outcome.result === 'sent' ? (outcome.messageId ?? null) : null,
      outcome.result === 'sent' ? clock.now() : null,
      certificate?.key ?? null,
      certificate?.url ?? null,
      certificate?.code ?? null,
      row.id,
    )
    if (changes === 0) return undefined
    if (outcome.again !== undefined) {
      journal.record({ type: 'mail.ambiguous', ...ref, messageId: outcome.again, attempt })
    }
    if (outcome.result === 'sent' && outcome.messageId !== undefined) {
      const { messageId } = outcome
      if (outcome.found) journal.record({ type: 'mail.found', ...ref, messageId })
      else
        journal.record({
          type: 'mail.accepted',
          ...ref,
          address: ids.stable(16, 'address', row.email),
          messageId,
          attempt,
        })
      if (outcome.feedback !== undefined) {
        const { kind, detail, afterMs } = outcome.feedback
        store.run(
          'INSERT INTO feedback (recipient_id, job_id, due_at, kind, detail) VALUES (?, ?, ?, ?, ?)',
          row.id,
          job.id,
          clock.deadline(afterMs),
          kind,
          detail,
        )
      }
    }
    if (status === 'pending') {
      journal.record({ type: 'recipient.retry', ...ref, attempt, dueAt, error: told })
      return undefined
    }
    journal.record({ type: 'recipient.outcome', ...ref, status, attempt, ...(error === null ? {} : { error: told }) })
    store.run(`UPDATE jobs SET ${status} = ${status} + 1 WHERE id = ?`, job.id)
    return updateOf(recipientById(row.id))
  }

  return {
    /** Leases those of `keys` that are open and due, atomically. */
    lease(jobId: number, keys: readonly string[]): Lease {
      return store.tx(() => {
        const now = clock.now()
        const leased: Leased[] = []
        let nextDue: number | undefined
        let heldUntil: number | undefined
        for (const key of keys) {
          const row = store.get<RecipientRow>('SELECT * FROM recipients WHERE job_id = ? AND key = ?', jobId, key)
          if (row === undefined) {
            throw new EmulatorError(
              'recipient-unknown',
              `The ledger knows no recipient ${key} of this job: was it reset?`,
            )
          }
          if (row.status !== 'pending' && row.status !== 'processing') continue
          const held = busy.has(row.id) || (row.lease_owner !== null && row.lease_until > now)
          if (held) {
            heldUntil = Math.max(row.lease_until, now + 1000, heldUntil ?? 0)
            continue
          }
          if (row.due_at > now) {
            nextDue = Math.max(row.due_at, nextDue ?? 0)
            continue
          }
          store.run(
            "UPDATE recipients SET status = 'processing', lease_owner = ?, lease_until = ? WHERE id = ?",
            owner,
            now + leaseMs,
            row.id,
          )
          // A lease that ran out is an attempt whose end nobody saw.
          const interrupted = row.interrupted === 1 || row.lease_owner !== null ? 1 : 0
          leased.push({
            row: { ...row, status: 'processing', interrupted },
            recipient: JSON.parse(row.content) as Recipient,
          })
        }
        if (leased.length > 0) {
          store.run('UPDATE jobs SET started_at = coalesce(started_at, ?) WHERE id = ?', now, jobId)
          const job = jobById(jobId)
          if (job.status === 'queued') moveJob(job, 'processing')
          store.afterCommit(() => {
            for (const { row } of leased) busy.add(row.id)
          })
        }
        return { leased, nextDue, heldUntil }
      })
    },

    /** Writes a pass's outcomes, callback and journal in one transaction; returns when the last that it deferred is due. */
    conclude(jobId: number, messageId: string, result: PassResult, milliseconds: number): number | undefined {
      const { outcomes, findings, stored } = result
      return store.tx(() => {
        store.afterCommit(() => forget(outcomes.map(({ leased }) => leased)))
        const job = store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', jobId)
        // The job may have been reset while the pass went on.
        if (job === undefined) return undefined
        const updates: RecipientUpdate[] = []
        const count = { sent: 0, failed: 0, retried: 0 }
        for (const certificate of stored) journal.record({ type: 'certificate.stored', ...refOf(job), ...certificate })
        for (const { recipient, text } of findings) note(job, recipient, text)
        for (const outcome of outcomes) {
          const update = write(outcome, job)
          if (update === undefined) count.retried++
          else count[update.status]++
          if (update !== undefined) updates.push(update)
        }
        advanceJob(jobId)
        if (updates.length > 0 && !cumulative[job.dialect]) callbackFor(jobById(jobId), updates)
        journal.record({ type: 'pass.ended', ...refOf(job), messageId, ...count, milliseconds })
        let nextDue: number | undefined
        for (const { leased, result } of outcomes) {
          if (result !== 'deferred') continue
          const row = recipientById(leased.row.id)
          if (row.status === 'pending') nextDue = Math.max(nextDue ?? 0, row.due_at)
        }
        return nextDue
      })
    },

    /** Gives recipients back untried, for instance when the worker stops; they are due at once. */
    giveBack(leased: readonly Leased[]): void {
      store.tx(() => {
        for (const { row } of leased) {
          store.run(
            "UPDATE recipients SET status = 'pending', lease_owner = NULL, lease_until = 0, interrupted = ? WHERE id = ?",
            row.interrupted,
            row.id,
          )
        }
        forget(leased)
      })
    },

    /** Gives up a pass that could not be concluded: what it did is looked up when its message comes again. */
    abandon(leased: readonly Leased[]): void {
      forget(leased)
      store.tx(() => {
        for (const { row } of leased) {
          store.run('UPDATE recipients SET lease_owner = NULL, lease_until = 0, interrupted = 1 WHERE id = ?', row.id)
        }
      })
    },

    /** Releases what another process of this state file left leased when it died. */
    recover(): number {
      return store.run(
        `UPDATE recipients SET lease_owner = NULL, lease_until = 0, interrupted = 1
         WHERE lease_owner LIKE 'embedded:%' AND lease_owner <> ?`,
        owner,
      ).changes
    },

    /** Applies what the provider reports after it accepted a mail, and settles jobs; returns when to come again. */
    settle(): number | undefined {
      return store.tx(() => {
        const now = clock.now()
        const due = store.all<{
          id: number
          recipient_id: number
          job_id: number
          kind: MailFeedback['kind']
          detail: string
        }>('SELECT * FROM feedback WHERE due_at <= ? ORDER BY due_at, id LIMIT 500', now)
        const updates = new Map<number, RecipientUpdate[]>()
        for (const { id, recipient_id, job_id, kind, detail } of due) {
          store.run('DELETE FROM feedback WHERE id = ?', id)
          const row = recipientById(recipient_id)
          const job = jobById(job_id)
          journal.record({ type: 'mail.feedback', ...refOf(job), recipient: row.key, kind, detail })
          if (kind !== 'bounce' || row.status !== 'sent') continue
          store.run(
            "UPDATE recipients SET status = 'permanently_failed', error = ? WHERE id = ?",
            `Bounce: ${detail}`,
            row.id,
          )
          store.run('UPDATE jobs SET sent = sent - 1, permanently_failed = permanently_failed + 1 WHERE id = ?', job_id)
          journal.record({
            type: 'recipient.outcome',
            ...refOf(job),
            recipient: row.key,
            status: 'permanently_failed',
            attempt: row.attempts,
            error: `Bounce: ${detail}`,
          })
          const list = updates.get(job_id) ?? []
          list.push(updateOf(recipientById(recipient_id)))
          updates.set(job_id, list)
        }
        for (const [jobId, list] of updates) {
          advanceJob(jobId)
          const job = jobById(jobId)
          if (!cumulative[job.dialect]) callbackFor(job, list)
        }
        for (const job of store.all<JobRow>('SELECT * FROM jobs WHERE settle_at <= ? AND ended_at IS NOT NULL', now)) {
          const { at } = store.get<{ at: number | null }>(
            'SELECT max(due_at) AS at FROM feedback WHERE job_id = ?',
            job.id,
          )!
          if (at !== null) {
            // The provider has more to report: tell of it too.
            store.run('UPDATE jobs SET settle_at = ? WHERE id = ?', Math.max(at, now) + 1, job.id)
            continue
          }
          store.run('UPDATE jobs SET settle_at = NULL WHERE id = ?', job.id)
          const ended =
            job.dialect === 'flow' ? "('failed', 'permanently_failed')" : "('sent', 'failed', 'permanently_failed')"
          const told = `status IN ${ended}`
          const rows = store.all<RecipientRow>(
            `SELECT * FROM recipients WHERE job_id = ? AND ${told} ORDER BY id`,
            job.id,
          )
          callbackFor(job, rows.map(updateOf))
        }
        return (
          store.get<{ at: number | null }>(
            `SELECT min(at) AS at FROM (SELECT min(due_at) AS at FROM feedback
             UNION ALL SELECT min(settle_at) FROM jobs WHERE settle_at IS NOT NULL)`,
          )?.at ?? undefined
        )
      })
    },
  }
}
