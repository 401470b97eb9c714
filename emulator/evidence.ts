import { createHash } from 'node:crypto'
import type { CallbackContent } from '../contracts/callback.ts'
import {
  checkInvariants,
  type CallbackState,
  type JobState,
  type JournalLine,
  type MailState,
  type ObjectState,
  type ReceivedJob,
  type RunView,
  type Verdict,
} from '../contracts/invariants/index.ts'
import type { Inbox } from './cloud/inbox/inbox.ts'
import type { Objects } from './cloud/objects/objects.ts'
import type { Queues } from './cloud/queue/queues.ts'
import type { Config } from './config.ts'
import { isVirtual } from './kernel/virtual-clock.ts'
import type { Clock } from './kernel/clock.ts'
import type { Ids } from './kernel/ids.ts'
import type { Journal } from './kernel/journal.ts'
import type { Store } from './kernel/store.ts'
import type { Moodle } from './moodle/moodle.ts'
import type { CallbackRow } from './worker/callbacks/tables.ts'
import { certificateKey } from './worker/certificate/key.ts'
import type { JobRow, RecipientRow } from './worker/ledger/tables.ts'

export interface EvidenceDeps {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly queues: Pick<Queues, 'overview' | 'isQueued'>
  readonly objects: Pick<Objects, 'list' | 'get'>
  readonly inbox: Pick<Inbox, 'arrivals'>
  readonly moodle: Pick<Moodle, 'jobs' | 'batches' | 'recipients'>
  /** The certificates' bucket. */
  readonly bucket: string
}

export interface JobName {
  readonly tenant: number
  readonly job: string
}

/** What the laws look at: read from the tables and the journal, with addresses as keyed hashes. */
export interface Evidence {
  /** The whole run, or what of it is about one job. */
  view(job?: JobName): Promise<RunView>
  /** Whether nothing is under way any more: no submission, message, recipient, report or callback. */
  ended(job?: JobName): boolean
  /** Holds the laws against it. */
  check(job?: JobName): Promise<readonly Verdict[]>
}

/**
 * How long after it happened something may be written down in real time: a mail waits for a group commit, and everything
 * for a busy event loop. What goes on for longer than that is seen all the same.
 */
const realTimeJitterMs = 1000

export function createEvidence(deps: EvidenceDeps): Evidence {
  const { config, store, clock, ids, journal, queues, objects, inbox, moodle, bucket } = deps
  // Ledger, receiver and inbox have the same addresses: each is hashed once a view.
  let hashes = new Map<string, string>()
  const hashed = (address: string) => {
    const hash = hashes.get(address) ?? ids.stable(16, 'address', address)
    hashes.set(address, hash)
    return hash
  }

  const jobState = (row: JobRow): JobState => ({
    tenant: row.tenant,
    job: row.job,
    dialect: row.dialect,
    action: row.action,
    status: row.status,
    recipients: row.recipients,
    sent: row.sent,
    failed: row.failed,
    permanentlyFailed: row.permanently_failed,
    duplicates: row.duplicates,
    ended: row.ended_at !== null,
    carried: queues.isQueued(
      store
        .all<{ message_id: string }>('SELECT message_id FROM job_messages WHERE job_id = ?', row.id)
        .map(({ message_id }) => message_id),
    ),
    rows: store.all<RecipientRow>('SELECT * FROM recipients WHERE job_id = ? ORDER BY id', row.id).map((recipient) => ({
      key: recipient.key,
      address: hashed(recipient.email),
      status: recipient.status,
      attempts: recipient.attempts,
      ...(recipient.message_id === null ? {} : { messageId: recipient.message_id }),
      certificate: certificateKey({ tenant: row.tenant, job: row.job, recipient: recipient.key }),
    })),
  })

  const callbackState = ({ id, tenant, job, state, content }: CallbackRow): CallbackState => {
    const { sent, failed, updates } = JSON.parse(content) as CallbackContent
    return { id, tenant, job, state, sent, failed, updates: updates.map(({ key, status }) => ({ key, status })) }
  }

  const receivedJob = (row: ReturnType<Moodle['jobs']>[number]): ReceivedJob => ({
    tenant: row.tenantid,
    job: row.jobid,
    dialect: row.dialect,
    recipients: row.total_recipients,
    completed: row.completed_recipients,
    failed: row.failed_recipients,
    batches: moodle.batches(row.jobid).map(({ batch, status }) => ({ batch, status })),
    rows: moodle.recipients(row.jobid).map(({ id, userid, email, status, batch }) => ({
      // `flow` names nobody but by address.
      ...(row.dialect === 'flow' ? {} : { key: String(row.dialect === 'plugin' ? id : userid) }),
      address: hashed(email),
      status,
      batch,
    })),
  })

  const objectStates = async (isWanted: (key: string) => boolean): Promise<ObjectState[]> => {
    const states: ObjectState[] = []
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = objects.list(bucket, { prefix: 'certificates/', delimiter: '', after, maximum: 1000 })
      for (const { key, created } of page.items) {
        if (!isWanted(key)) continue
        const bytes = (await objects.get(key)) ?? new Uint8Array()
        states.push({ key, at: created, sha256: createHash('sha256').update(bytes).digest('hex') })
      }
      after = page.next
    }
    return states
  }

  const mailStates = (isWanted: (messageId: string) => boolean): MailState[] =>
    inbox.arrivals().flatMap(({ messageId, created, to, cc, bcc, tags }) =>
      isWanted(messageId)
        ? [
            {
              messageId,
              ofJob: tags.some((tag) => tag.startsWith('job-')),
              addresses: [...to, ...cc, ...bcc].map(({ address }) => hashed(address)),
              at: created,
            },
          ]
        : [],
    )

  /** From the last reset on: what was before it is gone, and the tables know nothing of it. */
  const linesSinceReset = (only: JobName | undefined): JournalLine[] => {
    const all = journal.read()
    const from = all.findLastIndex(({ event }) => event.type === 'state.reset' && event.tenant === undefined) + 1
    const forgotten = new Map<number, number>()
    for (const { id, event } of all) {
      if (event.type === 'state.reset' && event.tenant !== undefined) forgotten.set(event.tenant, id)
    }
    return all.slice(from).filter(({ id, event }) => {
      const tenant = 'tenant' in event ? event.tenant : undefined
      const job = 'job' in event ? event.job : undefined
      if (tenant !== undefined && id <= (forgotten.get(tenant) ?? 0)) return false
      return only === undefined || job === undefined || (job === only.job && tenant === only.tenant)
    })
  }

  const ended = (only?: JobName): boolean => {
    const of = [only?.tenant ?? null, only?.job ?? null] as const
    const underWay = [
      `SELECT 1 FROM jobs WHERE (?1 IS NULL OR (tenant = ?1 AND job = ?2)) AND
         (ended_at IS NULL OR settle_at IS NOT NULL OR id IN (SELECT job_id FROM feedback)) LIMIT 1`,
      `SELECT 1 FROM callbacks WHERE state = 'waiting' AND (?1 IS NULL OR (tenant = ?1 AND job = ?2)) LIMIT 1`,
      `SELECT 1 FROM manireports_cloud_job_batches WHERE status = 'pending' AND (?1 IS NULL OR jobid = ?2) LIMIT 1`,
    ]
    if (underWay.some((sql) => store.get(sql, ...of) !== undefined)) return false
    // A job of which nobody knows may lie in a queue: only the whole run can be over then.
    if (only !== undefined) return true
    const counts = queues.overview()
    const deadLetters = new Set(counts.map(({ dlq }) => dlq))
    return counts.every(
      ({ name, visible, inFlight, delayed }) => deadLetters.has(name) || visible + inFlight + delayed === 0,
    )
  }

  const view = async (only?: JobName): Promise<RunView> => {
    hashes = new Map()
    const jobs = store
      .all<JobRow>('SELECT * FROM jobs ORDER BY id')
      .filter(({ tenant, job }) => only === undefined || (tenant === only.tenant && job === only.job))
    const callbacks = store
      .all<CallbackRow>('SELECT * FROM callbacks ORDER BY seq')
      .filter(({ tenant, job }) => only === undefined || (tenant === only.tenant && job === only.job))
    const states = jobs.map(jobState)
    const certificates = new Set(states.flatMap(({ rows }) => rows.map(({ certificate }) => certificate)))
    const messageIds = new Set(states.flatMap(({ rows }) => rows.map(({ messageId }) => messageId)))
    const builtin = config.worker === 'builtin'
    const received = moodle
      .jobs()
      .filter(({ tenantid, jobid }) => only === undefined || (tenantid === only.tenant && jobid === only.job))
      .map(receivedJob)
    return {
      journal: linesSinceReset(only),
      ended: ended(only),
      jobs: states,
      callbacks: callbacks.map(callbackState),
      received,
      ...(config.mailpit === undefined
        ? { mails: mailStates((messageId) => only === undefined || messageIds.has(messageId)) }
        : {}),
      objects: await objectStates((key) => only === undefined || certificates.has(key)),
      queued: queues.overview().reduce((sum, { visible, inFlight, delayed }) => sum + visible + inFlight + delayed, 0),
      settings: {
        retryScheduleMs: config.cloud_retry_policy.map((delay) => delay / config.speed),
        speed: config.speed,
        ...(isVirtual(clock) ? { latenessMs: 1000 } : {}),
        jitterMs: isVirtual(clock) ? 0 : realTimeJitterMs,
        workerRate: config.worker_mail_rate ?? Infinity,
        sesRate: config.ses_sandbox ? 1 : config.ses_rate,
        sesDailyQuota: config.ses_sandbox ? 200 : config.ses_daily_quota,
        ownWorker: builtin,
      },
    }
  }

  return { view, ended, check: async (job) => checkInvariants(await view(job)) }
}
