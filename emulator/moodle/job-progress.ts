import { jobStatusOf, type JobStatus } from '../../contracts/status.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Store } from '../kernel/store.ts'
import type { MoodleJob } from './tables.ts'

/** A job's counters and status, always derived from its recipients (and, for a parent, from its children). */
export interface JobProgress {
  job(jobid: string): MoodleJob | undefined
  /** Adds to a job's counters, in the caller's transaction; `refresh` must follow. */
  count(jobid: string, change: { completed: number; failed: number; local: number }): void
  /** Brings the status of a job and of those it retries up to date, in the caller's transaction. */
  refresh(jobid: string): void
  /** The cloud has taken a message: `queued`, unless a callback was faster. */
  accepted(jobid: string): void
  /** Whether nothing more is to come for the job's recipients from the cloud. */
  settled(job: MoodleJob): boolean
  /** Wakes those who watch the job, when the caller's transaction is durable. */
  notify(jobid: string): void
  /** Calls `changed` after each durable change of the job; returns how to stop. */
  watch(jobid: string, changed: () => void): () => void
}

const ended: readonly JobStatus[] = ['completed', 'partial_failure', 'failed']

export function createJobProgress({ store, clock }: { store: Store; clock: Clock }): JobProgress {
  const watchers = new Map<string, Set<() => void>>()
  const seconds = () => Math.floor(clock.now() / 1000)
  const find = (jobid: string) => store.get<MoodleJob>('SELECT * FROM manireports_cloud_jobs WHERE jobid = ?', jobid)

  const notify = (jobid: string) => {
    if (!watchers.has(jobid)) return
    store.afterCommit(() => {
      for (const changed of watchers.get(jobid) ?? []) changed()
    })
  }

  /** The failed of a job that one of its retries (or a retry of that) has sent. */
  const rescued = (jobid: string) =>
    store.get<{ n: number }>(
      `WITH RECURSIVE retries (jobid) AS (
         SELECT jobid FROM manireports_cloud_jobs WHERE parentjobid = ?1
         UNION SELECT j.jobid FROM manireports_cloud_jobs j JOIN retries r ON j.parentjobid = r.jobid
       )
       SELECT count(*) AS n FROM manireports_cloud_job_recipients parent
       WHERE parent.jobid = ?1 AND parent.status = 'failed' AND EXISTS (
         SELECT 1 FROM manireports_cloud_job_recipients again
         WHERE again.jobid IN retries AND again.userid = parent.userid AND again.status = 'completed'
       )`,
      jobid,
    )?.n ?? 0

  /** The failed of a job that its retries have given up for good: what a completed one has not sent, nor any other. */
  const givenUp = (jobid: string) =>
    store.get<{ n: number }>(
      `WITH RECURSIVE retries (jobid) AS (
         SELECT jobid FROM manireports_cloud_jobs WHERE parentjobid = ?1
         UNION SELECT j.jobid FROM manireports_cloud_jobs j JOIN retries r ON j.parentjobid = r.jobid
       )
       SELECT count(DISTINCT parent.userid) AS n FROM manireports_cloud_job_recipients parent
       JOIN manireports_cloud_job_recipients again ON again.userid = parent.userid AND again.status = 'failed'
       JOIN manireports_cloud_jobs retry ON retry.jobid = again.jobid AND retry.status = 'completed'
       WHERE parent.jobid = ?1 AND parent.status = 'failed' AND again.jobid IN retries AND NOT EXISTS (
         SELECT 1 FROM manireports_cloud_job_recipients sent
         WHERE sent.jobid IN retries AND sent.userid = parent.userid AND sent.status = 'completed'
       )`,
      jobid,
    )?.n ?? 0

  const statusOf = (job: MoodleJob): JobStatus => {
    const children = store.all<{ status: JobStatus }>(
      'SELECT DISTINCT status FROM manireports_cloud_jobs WHERE parentjobid = ?',
      job.jobid,
    )
    if (children.length === 0) return ownStatus(job)
    if (!children.every(({ status }) => ended.includes(status))) return 'manual_retry'
    const sent = job.completed_recipients + rescued(job.jobid)
    const permanentlyFailed = givenUp(job.jobid)
    return jobStatusOf({
      recipients: job.total_recipients,
      sent,
      failed: job.completed_recipients + job.failed_recipients - sent - permanentlyFailed,
      permanentlyFailed,
      open: job.total_recipients - job.completed_recipients - job.failed_recipients,
    })
  }

  const refresh = (jobid: string): void => {
    const job = find(jobid)
    if (job === undefined) return
    const status = statusOf(job)
    if (status !== job.status) {
      const now = seconds()
      store.run(
        `UPDATE manireports_cloud_jobs
         SET status = ?, timestarted = coalesce(timestarted, ?), timecompleted = ? WHERE jobid = ?`,
        status,
        status === 'pending' ? null : now,
        ended.includes(status) ? (job.timecompleted ?? now) : null,
        jobid,
      )
    }
    notify(jobid)
    if (job.parentjobid !== null) refresh(job.parentjobid)
  }

  return {
    job: find,
    refresh,
    notify,
    count(jobid, { completed, failed, local }) {
      store.run(
        `UPDATE manireports_cloud_jobs SET
           completed_recipients = completed_recipients + ?, failed_recipients = failed_recipients + ?,
           local_queue = local_queue + ? WHERE jobid = ?`,
        completed,
        failed,
        local,
        jobid,
      )
    },
    accepted(jobid) {
      store.run(
        `UPDATE manireports_cloud_jobs SET status = 'queued', timestarted = ? WHERE jobid = ? AND status = 'pending'`,
        seconds(),
        jobid,
      )
      notify(jobid)
    },
    settled(job) {
      const open = job.total_recipients - job.completed_recipients - job.failed_recipients
      return open <= job.local_queue || reportedEnd(job)
    },
    watch(jobid, changed) {
      const set = watchers.get(jobid) ?? new Set()
      watchers.set(jobid, set.add(changed))
      return () => {
        set.delete(changed)
        if (set.size === 0) watchers.delete(jobid)
      }
    },
  }
}

/** A callback of `flow` may end a job without saying which recipients failed. */
function reportedEnd(job: MoodleJob): boolean {
  return (job.reported_sent ?? 0) + (job.reported_failed ?? 0) >= job.total_recipients
}

function ownStatus(job: MoodleJob): JobStatus {
  const { total_recipients: recipients, completed_recipients: completed, failed_recipients: gone } = job
  const named = completed + gone === recipients
  if (!named && !reportedEnd(job)) {
    if (completed + gone > 0 || job.reported_status === 'processing') return 'processing'
    return job.status === 'pending' ? 'pending' : 'queued'
  }
  const sent = named ? completed : (job.reported_sent ?? 0)
  const failed = named ? gone : (job.reported_failed ?? 0)
  // `spec` has no word for failures that may pass, so they count as final there, as in "498 sent, 2 failed: completed".
  const temporary = job.reported_status === 'partial_failure' || job.error_message !== null
  return jobStatusOf({
    recipients,
    sent,
    failed: temporary ? failed : 0,
    permanentlyFailed: temporary ? 0 : failed,
    open: 0,
  })
}
