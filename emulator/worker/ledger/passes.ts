import type { RecipientUpdate } from '../../../contracts/callback.ts'
import type { Recipient } from '../../../contracts/job.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Holder } from '../../kernel/holders.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailFeedback } from '../ports.ts'
import { cumulative, refOf, type Standing } from './standing.ts'
import type { JobRow, RecipientRow } from './tables.ts'
import { updateOf, type Telling } from './telling.ts'

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
  /** What a person should know about the job, one of its recipients, or how many of them. */
  readonly findings: { recipient?: string; recipients?: number; text: string }[]
  /** Certificates that were rendered and stored. */
  readonly stored: { recipient: string; key: string; bytes: number; sha256: string }[]
}

export interface PassResult extends PassNotes {
  readonly outcomes: readonly Outcome[]
  /** Those whose turn did not come before the worker had to stop: they are given back. */
  readonly untried: readonly Leased[]
}

export interface PassDeps {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly standing: Standing
  readonly tell: Telling
  /** Who leases: this process, among those that share the ledger. */
  readonly holder: Holder
  /** Delays before the second, third, … attempt, in milliseconds. */
  readonly retrySchedule: readonly number[]
}

/** Leases, outcomes and what follows from them: the part of the ledger that makes redelivery harmless. */
export function createPasses(deps: PassDeps) {
  const { store, clock, ids, journal, standing, tell, holder, retrySchedule } = deps
  // Leases are wall time: after a suspended laptop wakes up they may have run out under a pass that still goes on.
  const busy = new Set<number>()

  const forget = (leased: readonly Leased[]) => {
    for (const { row } of leased) busy.delete(row.id)
  }

  /** Whether a pass has it: one of this process, or of another one that still lives. */
  const isHeld = ({ id, lease_owner: owner, lease_until: until }: RecipientRow, now: number) =>
    busy.has(id) || (owner !== null && (until > now || (owner !== holder.name && holder.isAlive(owner))))

  const jobById = (id: number) => store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', id)!
  const recipientById = (id: number) => store.get<RecipientRow>('SELECT * FROM recipients WHERE id = ?', id)!
  const rowsOf = (jobId: number, keys: readonly string[]) =>
    new Map(
      store
        .all<RecipientRow>(
          'SELECT * FROM recipients WHERE job_id = ? AND key IN (SELECT value FROM json_each(?))',
          jobId,
          JSON.stringify(keys),
        )
        .map((row) => [row.key, row]),
    )

  /** Notes a finding, once; `recipients` are counted from pass to pass. */
  const note = (job: JobRow, { recipient, recipients, text }: PassNotes['findings'][number]) => {
    const { changes } = store.run(
      'INSERT OR IGNORE INTO findings (job_id, recipient, text) VALUES (?, ?, ?)',
      job.id,
      recipient ?? '',
      text,
    )
    if (recipients !== undefined) {
      store.run(
        `UPDATE findings SET recipients = coalesce(recipients, 0) + ? WHERE job_id = ? AND recipient = '' AND text = ?`,
        recipients,
        job.id,
        text,
      )
    }
    if (changes === 0) return
    journal.record({ type: 'job.finding', ...refOf(job), ...(recipient === undefined ? {} : { recipient }), text })
  }

  /** Writes what became of one recipient; returns its row where that was its end. */
  const write = (outcome: Outcome, job: JobRow): RecipientRow | undefined => {
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
    const sentAt = outcome.result === 'sent' ? clock.now() : null
    const { changes } = store.run(
      `UPDATE recipients SET status = ?, attempts = ?, due_at = ?, lease_owner = NULL, lease_until = 0, interrupted = ?,
         error = ?, message_id = coalesce(?, message_id), sent_at = coalesce(?, sent_at),
         certificate_key = coalesce(?, certificate_key), certificate_url = coalesce(?, certificate_url),
         certificate_code = coalesce(?, certificate_code)
       WHERE id = ? AND status = 'processing' AND lease_owner = ?`,
      status,
      attempt,
      dueAt,
      outcome.result === 'deferred' && (outcome.ambiguous || (row.interrupted === 1 && outcome.absent !== true))
        ? 1
        : 0,
      error,
      outcome.result === 'sent' ? (outcome.messageId ?? null) : null,
      sentAt,
      certificate?.key ?? null,
      certificate?.url ?? null,
      certificate?.code ?? null,
      row.id,
      holder.name,
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
    return {
      ...row,
      status,
      attempts: attempt,
      error,
      message_id: (outcome.result === 'sent' ? outcome.messageId : undefined) ?? row.message_id,
      sent_at: sentAt ?? row.sent_at,
      certificate_key: certificate?.key ?? row.certificate_key,
      certificate_url: certificate?.url ?? row.certificate_url,
      certificate_code: certificate?.code ?? row.certificate_code,
    }
  }

  return {
    /** Leases those of `keys` that are open and due, atomically. */
    lease(jobId: number, keys: readonly string[]): Lease {
      return store.tx(() => {
        const now = clock.now()
        const leased: Leased[] = []
        let nextDue: number | undefined
        let heldUntil: number | undefined
        const rows = rowsOf(jobId, keys)
        for (const key of keys) {
          const row = rows.get(key)
          if (row === undefined) {
            throw new EmulatorError(
              'recipient-unknown',
              `The ledger knows no recipient ${key} of this job: was it reset?`,
            )
          }
          if (row.status !== 'pending' && row.status !== 'processing') continue
          if (isHeld(row, now)) {
            heldUntil = Math.max(row.lease_until, now + 1000, heldUntil ?? 0)
            continue
          }
          if (row.due_at > now) {
            nextDue = Math.max(row.due_at, nextDue ?? 0)
            continue
          }
          // A lease that ran out is an attempt whose end nobody saw.
          const interrupted = row.interrupted === 1 || row.lease_owner !== null ? 1 : 0
          leased.push({
            row: { ...row, status: 'processing', interrupted },
            recipient: JSON.parse(row.content) as Recipient,
          })
        }
        if (leased.length > 0) {
          store.run(
            `UPDATE recipients SET status = 'processing', lease_owner = ?, lease_until = ?
             WHERE id IN (SELECT value FROM json_each(?))`,
            holder.name,
            now + leaseMs,
            JSON.stringify(leased.map(({ row }) => row.id)),
          )
          store.run('UPDATE jobs SET started_at = coalesce(started_at, ?) WHERE id = ?', now, jobId)
          const job = jobById(jobId)
          if (job.status === 'queued') standing.move(job, 'processing')
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
        for (const finding of findings) note(job, finding)
        let permanent = 0
        for (const outcome of outcomes) {
          const row = write(outcome, job)
          if (row === undefined) {
            count.retried++
            continue
          }
          if (row.status === 'permanently_failed') permanent++
          const update = updateOf(row, outcome.leased.recipient)
          count[update.status]++
          updates.push(update)
        }
        store.run(
          `UPDATE jobs SET sent = sent + ?, failed = failed + ?, permanently_failed = permanently_failed + ?, observed = NULL
           WHERE id = ?`,
          count.sent,
          count.failed - permanent,
          permanent,
          jobId,
        )
        standing.advance(jobId)
        if (updates.length > 0 && !cumulative[job.dialect]) tell(jobById(jobId), updates)
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
            `UPDATE recipients SET status = 'pending', lease_owner = NULL, lease_until = 0, interrupted = ?
             WHERE id = ? AND lease_owner = ?`,
            row.interrupted,
            row.id,
            holder.name,
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
          store.run(
            'UPDATE recipients SET lease_owner = NULL, lease_until = 0, interrupted = 1 WHERE id = ? AND lease_owner = ?',
            row.id,
            holder.name,
          )
        }
      })
    },

    /** Releases what other processes had leased when they died. */
    recover(): number {
      const dead = store
        .all<{ owner: string }>(
          'SELECT DISTINCT lease_owner AS owner FROM recipients WHERE lease_owner IS NOT NULL ORDER BY lease_owner',
        )
        .flatMap(({ owner }) => (owner === holder.name || holder.isAlive(owner) ? [] : [owner]))
      if (dead.length === 0) return 0
      return store.run(
        `UPDATE recipients SET lease_owner = NULL, lease_until = 0, interrupted = 1
         WHERE lease_owner IN (SELECT value FROM json_each(?))`,
        JSON.stringify(dead),
      ).changes
    },
  }
}
