import type { JobRef } from '../../../contracts/events.ts'
import type { Dialect } from '../../../contracts/job.ts'
import { jobStatusOf, type JobStatus } from '../../../contracts/status.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { JobRow, RecipientRow } from './tables.ts'

/** These dialects get one cumulative callback a job; `spec` gets the updates of each pass. */
export const cumulative: Record<Dialect, boolean> = { spec: false, detailed: true, flow: true, plugin: true }

export const refOf = (row: JobRow): JobRef => ({ tenant: row.tenant, job: row.job })

/** How a job stands by its own recipients, whatever its retries came to. */
export const ownStatus = (job: JobRow): JobStatus =>
  jobStatusOf({
    recipients: job.recipients,
    sent: job.sent,
    failed: job.failed,
    permanentlyFailed: job.permanently_failed,
    open: job.recipients - job.sent - job.failed - job.permanently_failed,
  })

export interface StandingDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  /** After the last outcome, before the cumulative callback: time for bounces. */
  readonly bounceWindowMs: number
}

/** Moves jobs along their lattice, as their recipients and their retries come to an end. Called inside transactions. */
export function createStanding({ store, clock, journal, bounceWindowMs }: StandingDeps) {
  const jobById = (id: number) => store.get<JobRow>('SELECT * FROM jobs WHERE id = ?', id)!

  const moveJob = (job: JobRow, to: JobStatus) => {
    if (job.status === to) return
    store.run('UPDATE jobs SET status = ? WHERE id = ?', to, job.id)
    const failed = job.failed + job.permanently_failed
    journal.record({ type: 'job.status', ...refOf(job), from: job.status, to, sent: job.sent, failed })
  }

  /** What became of a failed recipient in the retries that took it over, the last word first. */
  const lastWord = (row: RecipientRow): RecipientRow => {
    let last = row
    for (let depth = 0; depth < 100 && last.retried_by !== null; depth++) {
      const again = store.get<RecipientRow>(
        'SELECT * FROM recipients WHERE job_id = ? AND key = ?',
        last.retried_by,
        last.retried_as,
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
    const status = statusOf(job)
    // Retried before it had ended: it ends first, then it waits.
    if (status === 'manual_retry' && job.status === 'processing') moveJob(job, ownStatus(job))
    moveJob(jobById(job.id), status)
    if (job.parent === null) return
    const parent = store.get<JobRow>('SELECT * FROM jobs WHERE tenant = ? AND job = ?', job.tenant, job.parent)
    if (parent !== undefined && parent.id !== job.id) refresh(parent)
  }

  /** Ends the job where nothing is open any more, or says that it has begun. */
  const advance = (id: number) => {
    const job = jobById(id)
    const ended = job.sent + job.failed + job.permanently_failed >= job.recipients
    if (!ended) return moveJob(job, 'processing')
    store.run('UPDATE jobs SET ended_at = coalesce(ended_at, ?) WHERE id = ?', clock.now(), id)
    if (cumulative[job.dialect]) {
      store.run('UPDATE jobs SET settle_at = ? WHERE id = ?', clock.deadline(bounceWindowMs), id)
    }
    refresh(jobById(id))
  }

  return { move: moveJob, advance, refresh }
}

export type Standing = ReturnType<typeof createStanding>
