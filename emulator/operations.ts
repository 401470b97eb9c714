import type { JobFields, Recipient } from '../contracts/job.ts'
import type { Inbox } from './cloud/inbox/inbox.ts'
import type { Config } from './config.ts'
import type { SendRequest } from './http/control/face.ts'
import { outside, type Clock } from './kernel/clock.ts'
import { EmulatorError } from './kernel/errors.ts'
import type { Journal } from './kernel/journal.ts'
import type { Store } from './kernel/store.ts'
import type { Moodle } from './moodle/moodle.ts'
import { sampleRecipients } from './moodle/sample-people.ts'
import type { Ledger } from './worker/ledger/ledger.ts'
import type { JobRow } from './worker/ledger/tables.ts'

/** What invented certificates are for. */
const sampleCourse = { course_name: 'Introduction to PHP', completion_date: '2025-11-18' }

export interface OperationsDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly config: Pick<Config, 'cloud_mode' | 'dialect'>
  readonly seed: string
  readonly ledger: Ledger
  readonly moodle: Moodle
  readonly inbox: Inbox
  /** Submits recipients of a job again as a new one. */
  readonly resubmit: (
    parent: JobFields,
    recipients: readonly Recipient[],
  ) => Promise<{ job_id: string | number; recipients: number }>
  /** Everything else that knows something of a tenant. */
  readonly forget: readonly { reset(tenant?: number): unknown }[]
}

/** What the control API and the page do that takes several services together. */
export function createOperations(deps: OperationsDeps) {
  const { store, clock, journal, config, seed, ledger, moodle, inbox, resubmit, forget } = deps

  /** Retries a job's failed recipients: by the stand-in where it submitted the job, else by a new job of our own. */
  const retryNow = async (job: JobRow, recipient?: string) => {
    const failed = ledger.failed(job.id).filter(({ key }) => recipient === undefined || key === recipient)
    if (failed.length === 0) {
      throw new EmulatorError(
        'nothing-to-retry',
        `Job ${job.job} has no failed recipient${recipient === undefined ? '' : ` ${recipient}`}.`,
      )
    }
    if (moodle.job(job.job)?.tenantid === job.tenant) {
      // The stand-in knows recipients by userid, row id or address; the ledger's key may be a hash.
      const named = failed[0]?.userid === undefined ? failed[0]?.email : String(failed[0].userid)
      const { jobIds, recipients } = await moodle.retry(
        job.job,
        recipient === undefined || named === undefined ? {} : { recipient: named },
      )
      return { job_id: jobIds[0] ?? '', recipients }
    }
    const { job_id, recipients } = await resubmit(JSON.parse(job.fields) as JobFields, failed)
    return { job_id, recipients }
  }

  // One after the other: a button pressed twice finds that the first press has taken the failed over.
  let retrying: Promise<unknown> = Promise.resolve()
  const retry = (job: JobRow, recipient?: string) => {
    const result = retrying.then(() => retryNow(job, recipient))
    retrying = result.catch(() => undefined)
    return result
  }

  const reset = (tenant?: number) => {
    store.tx(() => {
      if (tenant === undefined) inbox.reset()
      else inbox.deleteSent(ledger.messageIds(tenant))
      for (const service of [ledger, ...forget]) service.reset(tenant)
      journal.record({ type: 'state.reset', ...(tenant === undefined ? {} : { tenant }) })
    })
  }

  const send = async (request: SendRequest) => {
    // Whose names and languages are read from the disk.
    const sample = await outside(clock, () =>
      sampleRecipients({
        count: request.recipients,
        kind: request.type,
        bounces: request.bounces,
        seed: request.seed ?? seed,
      }),
    )
    return await moodle.submit({
      ...sample,
      templateData: { ...sample.templateData, ...(request.certificate ? sampleCourse : {}) },
      tenant: request.tenant,
      certificate: request.certificate,
      mode: request.mode ?? (config.cloud_mode === 'sqs' ? 'sqs' : 'api'),
      dialect: request.dialect ?? config.dialect,
      shape: request.shape,
      ...(request.event === undefined ? {} : { event: request.event }),
    })
  }

  return { retry, reset, send }
}
