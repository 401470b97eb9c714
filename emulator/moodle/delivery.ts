import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import type { CloudAnswer, CloudConnector, CloudMessage } from './cloud-connector.ts'
import type { JobProgress } from './job-progress.ts'
import type { MoodleJob } from './tables.ts'

/** What the plugin does with recipients that the cloud could not be asked to mail. */
export type FallbackBehavior = 'queue_local' | 'fail'

export interface DeliverySettings {
  fallbackBehavior(tenant: number): FallbackBehavior
}

/** Where a job's recipients went. */
export interface Delivered {
  readonly accepted: number
  /** Failed, since their message was refused, or the cloud was unreachable and the behaviour is `fail`. */
  readonly refused: number
  /** Left to Moodle's own mail, since the cloud was unreachable and the behaviour is `queue_local`. */
  readonly local: number
  /** The first reason, where not all were accepted. */
  readonly reason?: string
  /** What was done because the cloud was unreachable. */
  readonly fallback?: FallbackBehavior
}

export interface Delivery {
  /** Sends those messages of the jobs that have no answer yet, one after the other. */
  deliver(jobids: readonly string[]): Promise<Delivered>
  /** Breaks off; what has no answer is left for the next start. Resolves when nothing is under way any more. */
  stop(): Promise<void>
}

interface PendingBatch {
  batch: number
  recipients: number
  message: string
}

const nothing: Delivered = { accepted: 0, refused: 0, local: 0 }

export function createDelivery(deps: {
  store: Store
  journal: Journal
  progress: JobProgress
  connector: CloudConnector
  settings: DeliverySettings
}): Delivery {
  const { store, journal, progress, connector, settings } = deps

  const nextBatch = (jobid: string) =>
    store.get<PendingBatch>(
      `SELECT batch, recipients, message FROM manireports_cloud_job_batches
       WHERE jobid = ? AND status = 'pending' ORDER BY batch LIMIT 1`,
      jobid,
    )

  const answered = (jobid: string, batch: number, status: 'queued' | 'refused' | 'local', reason: string | null) =>
    store.run(
      `UPDATE manireports_cloud_job_batches SET status = ?, error_message = ?, message = NULL
       WHERE jobid = ? AND batch = ? AND status = 'pending'`,
      status,
      reason,
      jobid,
      batch,
    )

  const withoutCloud = (jobid: string, batch: number, behavior: FallbackBehavior, reason: string) => {
    const local = behavior === 'queue_local'
    answered(jobid, batch, local ? 'local' : 'refused', reason)
    const { changes } = store.run(
      `UPDATE manireports_cloud_job_recipients SET ${local ? `submission = 'local'` : `submission = 'refused', status = 'failed', error_message = ?3`}
       WHERE jobid = ?1 AND batch = ?2 AND status = 'pending'`,
      jobid,
      batch,
      ...(local ? [] : [reason]),
    )
    store.run(
      'UPDATE manireports_cloud_jobs SET error_message = coalesce(error_message, ?) WHERE jobid = ?',
      reason,
      jobid,
    )
    // Nobody was mailed, so the same event may try again.
    if (!local) {
      store.run(
        `DELETE FROM manireports_cloud_email_hashes WHERE jobid = ?1 AND userid IN (
           SELECT userid FROM manireports_cloud_job_recipients WHERE jobid = ?1 AND batch = ?2 AND submission = 'refused')`,
        jobid,
        batch,
      )
    }
    progress.count(jobid, { completed: 0, failed: local ? 0 : changes, local: local ? changes : 0 })
    progress.refresh(jobid)
  }

  /** Writes an answer down; says where the recipients went. */
  const settle = (job: MoodleJob, { batch, recipients }: PendingBatch, answer: CloudAnswer): Delivered => {
    if (answer.outcome === 'accepted') {
      answered(job.jobid, batch, 'queued', null)
      progress.accepted(job.jobid)
      return { ...nothing, accepted: recipients }
    }
    const { reason } = answer
    if (answer.outcome === 'refused') {
      withoutCloud(job.jobid, batch, 'fail', reason)
      return { ...nothing, refused: recipients, reason }
    }
    const fallback = settings.fallbackBehavior(job.tenantid)
    withoutCloud(job.jobid, batch, fallback, reason)
    return { ...nothing, [fallback === 'fail' ? 'refused' : 'local']: recipients, reason, fallback }
  }

  const record = (job: MoodleJob, { accepted, refused, local, reason }: Delivered) =>
    journal.record({
      type: 'moodle.submitted',
      tenant: job.tenantid,
      job: job.jobid,
      via: job.mode,
      dialect: job.dialect,
      recipients: job.total_recipients,
      batches: job.batches,
      accepted,
      refused,
      local,
      ...(reason !== undefined && { reason: withoutAddresses(reason) }),
    })

  const stopping = new AbortController()
  const underWay = new Set<Promise<Delivered>>()

  const deliver = async (jobids: readonly string[]): Promise<Delivered> => {
    let away: CloudAnswer | undefined
    let total = nothing
    for (const jobid of jobids) {
      const job = progress.job(jobid)
      if (job === undefined) continue
      let part = nothing
      for (let batch = nextBatch(jobid); batch !== undefined; batch = nextBatch(jobid)) {
        const current = batch
        // Once the cloud is away, the other messages do not wait for it one by one.
        const answer: CloudAnswer =
          away ?? (await connector.send(job.mode, JSON.parse(batch.message) as CloudMessage, stopping.signal))
        if (answer.outcome === 'unreachable') {
          if (stopping.signal.aborted) return sum(total, { ...part, reason: 'the emulator was stopped meanwhile' })
          away = answer
        }
        part = sum(part, await store.write(() => settle(job, current, answer)))
      }
      record(job, part)
      total = sum(total, part)
    }
    return total
  }

  return {
    deliver(jobids) {
      const work = deliver(jobids)
      underWay.add(work)
      const done = () => underWay.delete(work)
      work.then(done, done)
      return work
    },
    async stop() {
      stopping.abort(new Error('the emulator stops'))
      await Promise.allSettled(underWay)
    },
  }
}

function sum(a: Delivered, b: Delivered): Delivered {
  const reason = a.reason ?? b.reason
  const fallback = a.fallback ?? b.fallback
  return {
    accepted: a.accepted + b.accepted,
    refused: a.refused + b.refused,
    local: a.local + b.local,
    ...(reason !== undefined && { reason }),
    ...(fallback !== undefined && { fallback }),
  }
}

/** The cloud's words may repeat an address, which the journal never holds. */
const withoutAddresses = (text: string) => text.replace(/[^\s<>"',;:]+@[^\s<>"',;:]+/g, '[address]').slice(0, 500)
