import type { Journal } from '../../kernel/journal.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { JobFields, Recipient } from '../../../contracts/job.ts'
import { canMoveRecipient } from '../../../contracts/status.ts'
import { refOf, type Standing } from './standing.ts'
import type { JobRow, RecipientRow } from './tables.ts'

/** What somebody else's worker was seen to do for a recipient. */
export interface ObservedOutcome {
  readonly key: string
  /** Undefined where only the rest was seen. */
  readonly status?: 'sent' | 'failed'
  readonly error?: string | undefined
  /** Of the mail, without angle brackets. */
  readonly messageId?: string | undefined
  readonly certificateUrl?: string | undefined
}

export interface ObservedDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly standing: Pick<Standing, 'move' | 'refresh'>
}

/** Jobs that a worker of the user's own processes: what is seen of it moves them, and no callback of ours follows. */
export function createObserved({ store, clock, journal, standing }: ObservedDeps) {
  const jobById = (id: number) => store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', id)

  /** Returns the recipient's new status, where it has one. */
  const apply = (job: JobRow, outcome: ObservedOutcome): ObservedOutcome['status'] => {
    const row = store.get<RecipientRow>('SELECT * FROM recipients WHERE job_id = ? AND key = ?', job.id, outcome.key)
    if (row === undefined) return undefined
    store.run(
      'UPDATE recipients SET message_id = coalesce(?, message_id), certificate_url = coalesce(?, certificate_url) WHERE id = ?',
      outcome.messageId ?? null,
      outcome.certificateUrl ?? null,
      row.id,
    )
    const { status } = outcome
    // An open recipient was worked on, whether or not anybody saw the beginning.
    const from = row.status === 'pending' ? 'processing' : row.status
    if (status === undefined || !canMoveRecipient(from, status)) return undefined
    store.run(
      `UPDATE recipients SET status = ?, attempts = attempts + 1, error = ?, sent_at = coalesce(sent_at, ?) WHERE id = ?`,
      status,
      status === 'sent' ? null : (outcome.error ?? 'the worker told it as failed, without a reason'),
      status === 'sent' ? clock.now() : null,
      row.id,
    )
    if (row.status === 'sent') store.run('UPDATE jobs SET sent = sent - 1 WHERE id = ?', job.id)
    store.run(`UPDATE jobs SET ${status} = ${status} + 1 WHERE id = ?`, job.id)
    journal.record({
      type: 'recipient.outcome',
      ...refOf(job),
      recipient: row.key,
      status,
      attempt: row.attempts + 1,
      ...(outcome.error === undefined ? {} : { error: outcome.error.replaceAll(row.email, '(address)') }),
    })
    return status
  }

  const begin = (job: JobRow) => {
    if (job.status === 'pending' || job.status === 'queued') standing.move(job, 'processing')
  }

  const advance = (id: number) => {
    const job = jobById(id)
    if (job === undefined) return
    begin(job)
    if (job.sent + job.failed + job.permanently_failed < job.recipients) return
    store.run('UPDATE jobs SET ended_at = coalesce(ended_at, ?) WHERE id = ?', clock.now(), id)
    const ended = jobById(id)
    if (ended !== undefined) standing.refresh(ended)
  }

  return {
    /** The job that a message carries, where one is known. */
    jobOf: (messageId: string): JobRow | undefined =>
      store.get<JobRow>(
        'SELECT j.* FROM job_messages m JOIN jobs j ON j.id = m.job_id WHERE m.message_id = ?',
        messageId,
      ),

    /** A job and its recipients as they were admitted; undefined where it has been forgotten. */
    admitted(jobId: number): { row: JobRow; fields: JobFields; recipients: Recipient[] } | undefined {
      const row = jobById(jobId)
      if (row === undefined) return undefined
      const recipients = store
        .all<{ content: string }>('SELECT content FROM recipients WHERE job_id = ? ORDER BY id', jobId)
        .map(({ content }) => JSON.parse(content) as Recipient)
      return { row, fields: JSON.parse(row.fields) as JobFields, recipients }
    },

    /** A message of the job was seen: what becomes of it will be seen too. */
    begins(jobId: number): void {
      store.run("UPDATE jobs SET observed = 'open' WHERE id = ?", jobId)
    },

    /** When the last recipient got its outcome (epoch ms); undefined before. */
    endedAt: (jobId: number): number | undefined => jobById(jobId)?.ended_at ?? undefined,

    /** Nothing more is to be seen of the job. */
    over(jobId: number): void {
      store.run("UPDATE jobs SET observed = 'over' WHERE id = ?", jobId)
    },

    /** The job is watched no more: nothing more will be seen of it, if it has an end. */
    forgotten(jobId: number): void {
      store.run("UPDATE jobs SET observed = 'over' WHERE id = ? AND observed = 'open' AND ended_at IS NOT NULL", jobId)
    },

    /** Nobody looks any more: what has an end has been seen, the rest is the own worker's. */
    ends(): void {
      store.run("UPDATE jobs SET observed = iif(ended_at IS NULL, NULL, 'over') WHERE observed = 'open'")
    },

    /** A worker has received one of the job's messages. */
    received(jobId: number): void {
      store.tx(() => {
        const job = jobById(jobId)
        if (job === undefined || job.ended_at !== null) return
        store.run('UPDATE jobs SET started_at = coalesce(started_at, ?) WHERE id = ?', clock.now(), jobId)
        begin(job)
      })
    },

    /** Applies what was seen; an outcome that a recipient cannot take any more changes nothing. */
    outcomes(jobId: number, outcomes: readonly ObservedOutcome[]): void {
      store.tx(() => {
        const before = jobById(jobId)
        if (before === undefined) return
        const applied = outcomes.map((outcome) => apply(before, outcome))
        const count = (status: ObservedOutcome['status']) => applied.filter((each) => each === status).length
        if (count('sent') + count('failed') === 0) return
        advance(jobId)
        journal.record({
          type: 'pass.ended',
          ...refOf(before),
          messageId: '',
          sent: count('sent'),
          failed: count('failed'),
          retried: 0,
          milliseconds: 0,
        })
      })
    },

    /**
     * Notes a finding. One whose evidence has grown replaces what was said before (`instead`) and is not told again; one
     * that turned out otherwise (`text` undefined) is taken back.
     */
    finding(jobId: number, text: string | undefined, instead?: string): void {
      store.tx(() => {
        const job = jobById(jobId)
        if (job === undefined) return
        if (instead !== undefined) store.run('DELETE FROM findings WHERE job_id = ? AND text = ?', jobId, instead)
        if (text === undefined) return
        const insert = "INSERT OR IGNORE INTO findings (job_id, recipient, text) VALUES (?, '', ?)"
        const { changes } = store.run(insert, jobId, text)
        if (changes > 0 && instead === undefined) journal.record({ type: 'job.finding', ...refOf(job), text })
      })
    },
  }
}
