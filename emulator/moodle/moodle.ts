import type { JsonObject } from '../../contracts/job.ts'
import type { Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import type { Ids } from '../kernel/ids.ts'
import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import {
  createCallbackReceiver,
  type CallbackAnswer,
  type IncomingCallback,
  type ReceiverSettings,
} from './callback-receiver.ts'
import { createCloudConnector, type Ask, type CloudSettings } from './cloud-connector.ts'
import { createDelivery, type DeliverySettings, type FallbackBehavior } from './delivery.ts'
import { createJobProgress } from './job-progress.ts'
import { createRecipientUpdates } from './recipient-updates.ts'
import { removed } from './redact.ts'
import type { Person } from './sample-people.ts'
import {
  createSubmission,
  type CreatedJobs,
  type SubmissionErrorCode,
  type SubmissionSettings,
  type SubmitInput,
} from './submission.ts'
import { defineMoodleTables, type MoodleBatch, type MoodleJob, type MoodleRecipient } from './tables.ts'

export type MoodleSettings = CloudSettings & SubmissionSettings & DeliverySettings & ReceiverSettings

export type MoodleErrorCode = SubmissionErrorCode | 'job-not-found' | 'nothing-to-retry'

/** What came of a submission, when every message has its answer. */
export interface Submitted {
  /** Empty where all recipients were duplicates. */
  readonly jobIds: readonly string[]
  readonly recipients: number
  readonly batches: number
  /** Recipients skipped, since they had the same mail for the same event already. */
  readonly duplicates: number
  /** Recipients that the cloud has taken. */
  readonly accepted: number
  /** Recipients that are failed, since their message was refused or nobody took it. */
  readonly refused: number
  /** Recipients that Moodle mails itself. */
  readonly local: number
  /** What was done because the cloud was unreachable. */
  readonly fallback?: FallbackBehavior
  /** The first reason why a message was not taken. */
  readonly error?: string
}

export interface Progress {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly pending: number
  /** Of the pending, those that Moodle mails itself. */
  readonly local: number
  /** 0 to 100, whole. */
  readonly percent: number
}

/** The stand-in for the plugin, with its tables in the state file. */
export interface Moodle {
  /** Creates the job's records, then sends its messages as the plugin would; resolves when all have an answer. */
  submit(input: SubmitInput): Promise<Submitted>
  /** Sends what an earlier process had written down and not sent; to be called once, when the cloud listens. */
  start(): void
  /** Breaks off what is being sent; the next start goes on with it. */
  stop(): Promise<void>
  /**
   * Sends the failed of a job again, as a new job whose parent it is; or one of them, named as the cloud does (userid;
   * the row's id in `plugin`) or by address.
   */
  retry(jobid: string, options?: { readonly recipient?: string }): Promise<Submitted>
  /** Takes a callback from the cloud; see `callbackPaths`. */
  receive(callback: IncomingCallback): Promise<CallbackAnswer>
  job(jobid: string): MoodleJob | undefined
  /** The newest first. */
  jobs(): MoodleJob[]
  batches(jobid: string): MoodleBatch[]
  /** In the order of their ids; `after` is the last id of the page before. */
  recipients(jobid: string, page?: { readonly limit?: number; readonly after?: number }): MoodleRecipient[]
  progress(jobid: string): Progress
  /** Whether every recipient has its outcome, or is left to Moodle's own mail. */
  settled(jobid: string): boolean
  /** Resolves with the job when it is settled; rejects with the signal's reason, or when the job goes. */
  waitFor(jobid: string, signal?: AbortSignal): Promise<MoodleJob>
  /** Forgets all jobs (of a tenant), their recipients and which events have been mailed. */
  reset(tenant?: number): void
}

export function createMoodle(deps: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  settings: MoodleSettings
  /** How the stand-in speaks to the cloud; over HTTP by default. */
  ask?: Ask | undefined
}): Moodle {
  const { store, clock, ids, journal, settings, ask } = deps
  defineMoodleTables(store)
  const progress = createJobProgress({ store, clock })
  const updates = createRecipientUpdates({ store, clock, progress })
  const submission = createSubmission({ store, clock, ids, settings })
  const connector = createCloudConnector({ clock, settings, ask })
  const delivery = createDelivery({ store, journal, progress, connector, settings })
  const receiver = createCallbackReceiver({ store, clock, ids, journal, progress, updates, settings })

  const find = (jobid: string): MoodleJob => {
    const job = progress.job(jobid)
    if (job === undefined)
      throw new EmulatorError<MoodleErrorCode>('job-not-found', `Moodle has no job ${jobid}`, { jobid })
    return job
  }

  const create = (input: SubmitInput): CreatedJobs => {
    const created = submission.create(input)
    if (created.duplicates > 0) {
      journal.record({
        type: 'moodle.duplicate',
        tenant: input.tenant,
        recipients: created.duplicates,
        text: 'Duplicate email skipped',
      })
    }
    if (input.parentJobId !== undefined) progress.refresh(input.parentJobId)
    return created
  }

  const send = async ({ jobIds, duplicates }: CreatedJobs): Promise<Submitted> => {
    const jobs = jobIds.map(find)
    const { reason, ...delivered } = await delivery.deliver(jobIds)
    return {
      jobIds,
      recipients: jobs.reduce((sum, job) => sum + job.total_recipients, 0),
      batches: jobs.reduce((sum, job) => sum + job.batches, 0),
      duplicates,
      ...delivered,
      ...(reason !== undefined && { error: reason }),
    }
  }

  /** Who is failed and in no other retry that may still send, or has sent. */
  const retryable = (job: MoodleJob) =>
    store.all<MoodleRecipient>(
      `WITH RECURSIVE retries (jobid) AS (
         SELECT jobid FROM manireports_cloud_jobs WHERE parentjobid = ?1
         UNION SELECT j.jobid FROM manireports_cloud_jobs j JOIN retries r ON j.parentjobid = r.jobid
       )
       SELECT * FROM manireports_cloud_job_recipients failed
       WHERE jobid = ?1 AND status = 'failed' AND NOT EXISTS (
         SELECT 1 FROM manireports_cloud_job_recipients again
         WHERE again.jobid IN retries AND again.userid = failed.userid AND again.status <> 'failed'
       ) ORDER BY id`,
      job.jobid,
    )

  const personOf = ({ userid, email, data_json }: MoodleRecipient): Person => {
    const { data, ...name } = JSON.parse(data_json) as { firstname?: string; lastname?: string; data: JsonObject }
    // The temporary password is not kept, so a retry comes with a new one.
    const renewed = Object.entries(data).map(([field, value]) => [
      field,
      value === removed ? `Temp-${ids.next('moodle-password').slice(0, 13)}` : value,
    ])
    return { userid, email, ...name, data: Object.fromEntries(renewed) as JsonObject }
  }

  const createRetry = (jobid: string, recipient: string | undefined): CreatedJobs => {
    const job = find(jobid)
    const nameOf = ({ id, userid }: MoodleRecipient) => String(job.dialect === 'plugin' ? id : userid)
    const failed = retryable(job).filter(
      (row) => recipient === undefined || nameOf(row) === recipient || row.email === recipient,
    )
    if (failed.length === 0) {
      const whom =
        recipient === undefined
          ? `job ${jobid} has no failed recipient`
          : `recipient ${recipient} is not failed in job ${jobid}`
      throw new EmulatorError<MoodleErrorCode>('nothing-to-retry', `${whom}, or a retry has them already`, { jobid })
    }
    const asked = JSON.parse(job.submit_json) as Omit<SubmitInput, 'recipients'>
    const shape = asked.shape === 'one-recipient-jobs' ? 'batches' : asked.shape
    return create({ ...asked, shape, recipients: failed.map(personOf), parentJobId: jobid })
  }

  return {
    submit: async (input) => send(await store.write(() => create(input))),
    retry: async (jobid, { recipient } = {}) => send(await store.write(() => createRetry(jobid, recipient))),
    receive: receiver.receive,

    start() {
      const left = store.all<{ jobid: string }>(
        `SELECT DISTINCT jobid FROM manireports_cloud_job_batches WHERE status = 'pending'`,
      )
      void delivery.deliver(left.map(({ jobid }) => jobid))
    },
    stop: delivery.stop,

    job: progress.job,
    jobs: () => store.all<MoodleJob>('SELECT * FROM manireports_cloud_jobs ORDER BY id DESC'),
    batches: (jobid) =>
      store.all<MoodleBatch>(
        `SELECT jobid, batch, status, recipients, error_message FROM manireports_cloud_job_batches
         WHERE jobid = ? ORDER BY batch`,
        jobid,
      ),
    recipients: (jobid, { limit = -1, after = 0 } = {}) =>
      store.all<MoodleRecipient>(
        'SELECT * FROM manireports_cloud_job_recipients WHERE jobid = ? AND id > ? ORDER BY id LIMIT ?',
        jobid,
        after,
        limit,
      ),

    progress(jobid) {
      const {
        total_recipients: total,
        completed_recipients: completed,
        failed_recipients: failed,
        local_queue: local,
      } = find(jobid)
      const percent = Math.floor(((completed + failed) / total) * 100)
      return { total, completed, failed, pending: total - completed - failed, local, percent }
    },

    settled: (jobid) => progress.settled(find(jobid)),

    waitFor(jobid, signal) {
      return new Promise((resolve, reject) => {
        let unwatch = () => {}
        const end = (settle: () => void) => {
          unwatch()
          signal?.removeEventListener('abort', aborted)
          settle()
        }
        const aborted = () => end(() => reject(signal?.reason as Error))
        const look = () => {
          try {
            const job = find(jobid)
            if (progress.settled(job)) end(() => resolve(job))
          } catch (error) {
            end(() => reject(error))
          }
        }
        if (signal?.aborted) return aborted()
        signal?.addEventListener('abort', aborted)
        unwatch = progress.watch(jobid, look)
        look()
      })
    },

    reset(tenant) {
      store.tx(() => {
        const gone = store.all<{ jobid: string }>(
          `SELECT jobid FROM manireports_cloud_jobs WHERE ?1 IS NULL OR tenantid = ?1`,
          tenant ?? null,
        )
        const tables = ['job_recipients', 'job_batches', 'email_hashes', 'jobs']
        for (const { jobid } of gone) {
          for (const table of tables) store.run(`DELETE FROM manireports_cloud_${table} WHERE jobid = ?`, jobid)
          progress.notify(jobid)
        }
      })
    },
  }
}
