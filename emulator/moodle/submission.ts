import { createHash } from 'node:crypto'
import { encodeJob, messageAttributes, type JobToSend, type RecipientToSend } from '../../contracts/dialects/index.ts'
import { typeNameOf } from '../../contracts/dialects/types.ts'
import type { ActionType, Dialect, JobType, JsonObject } from '../../contracts/job.ts'
import type { Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import type { Ids } from '../kernel/ids.ts'
import type { Store } from '../kernel/store.ts'
import type { CloudMessage } from './cloud-connector.ts'
import { withoutSecrets } from './redact.ts'
import type { Person } from './sample-people.ts'
import type { SubmitMode } from './tables.ts'

/** Job ids that are integers begin here, where no Moodle's own are, nor those that the emulator gives out itself. */
const firstInteger = 2_100_000_000

/** How a job's recipients are cut into messages. `plugin` knows no batches: always one message. */
export type SubmitShape = 'batches' | 'one-message' | 'one-recipient-jobs'

export interface SubmitInput {
  /** Default: a UUID, or an integer in `flow` and `plugin`. */
  readonly jobId?: string | number
  readonly tenant: number
  readonly type: JobType
  readonly recipients: readonly Person[]
  readonly templateId?: string
  readonly templateData?: JsonObject
  readonly courseId?: number
  readonly createdBy?: number
  readonly actionType?: ActionType
  /** Subject and html that replace the template's; a `custom` job has both. */
  readonly subject?: string
  readonly html?: string
  readonly certificate: boolean
  readonly mode: SubmitMode
  readonly dialect: Dialect
  readonly shape: SubmitShape
  /** What happened in Moodle. The same event mails a person once, whatever job carries it; default: an event of its own. */
  readonly event?: string
  readonly parentJobId?: string
}

export type SubmissionErrorCode = 'no-recipients' | 'job-exists' | 'recipient-conflict' | 'bad-job-id'

/** What was written down before anything is sent. */
export interface CreatedJobs {
  readonly jobIds: readonly string[]
  readonly duplicates: number
}

export interface Submission {
  /** Writes the jobs, their recipients and their messages, in the caller's transaction. */
  create(input: SubmitInput): CreatedJobs
}

export interface SubmissionSettings {
  /** Recipients in one message. */
  batchSize(tenant: number): number
  /** Base URL under which the cloud reaches the stand-in. */
  callbackBase(): string
}

export const callbackPaths = {
  spec: '/local/manireports/ui/ajax/cloud_callback.php',
  plugin: '/local/manireports/cloud_callback.php',
} as const

export function createSubmission(deps: {
  store: Store
  clock: Clock
  ids: Ids
  settings: SubmissionSettings
}): Submission {
  const { store, clock, ids, settings } = deps

  const exists = (jobid: string) =>
    store.get('SELECT 1 FROM manireports_cloud_jobs WHERE jobid = ?', jobid) !== undefined

  const newId = (dialect: Dialect) => {
    if (dialect === 'spec' || dialect === 'detailed') return ids.next('moodle-job')
    const last = store.get<{ seq: number }>(`SELECT seq FROM sqlite_sequence WHERE name = 'manireports_cloud_jobs'`)
    let id = firstInteger + (last?.seq ?? 0) + 1
    while (exists(String(id))) id++
    return id
  }

  /** The seed hashes (recipient, job type, timestamp); the time would make every event new, so the event stands for it. */
  const claim = (person: Person, input: SubmitInput, event: string, jobid: string, seconds: number) => {
    const identity = JSON.stringify([input.tenant, person.userid, person.email.toLowerCase(), input.type, event])
    const hash = createHash('sha256').update(identity).digest('hex')
    return (
      store.run(
        'INSERT OR IGNORE INTO manireports_cloud_email_hashes (hash, jobid, userid, timecreated) VALUES (?, ?, ?, ?)',
        hash,
        jobid,
        person.userid,
        seconds,
      ).changes === 1
    )
  }

  const createJob = (
    input: SubmitInput,
    people: readonly Person[],
    event: string,
  ): { jobid: string; duplicates: number } => {
    const { dialect, tenant } = input
    const now = clock.now()
    const seconds = Math.floor(now / 1000)
    const id = input.jobId ?? newId(dialect)
    const jobid = String(id)
    if (exists(jobid)) {
      throw new EmulatorError<SubmissionErrorCode>(
        'job-exists',
        `job ${jobid} exists already: leave the id out, or give another`,
      )
    }
    const fresh = people.filter((person) => claim(person, input, event, jobid, seconds))
    const duplicates = people.length - fresh.length
    if (fresh.length === 0) return { jobid, duplicates }

    const job: Omit<JobToSend, 'recipients'> = {
      jobId: id,
      tenant,
      type: input.type,
      templateData: input.templateData ?? {},
      createdBy: input.createdBy ?? 2,
      generateCertificate: input.certificate,
      callbackUrl: new URL(dialect === 'plugin' ? callbackPaths.plugin : callbackPaths.spec, settings.callbackBase())
        .href,
      timestamp: new Date(now).toISOString().replace(/\.\d{3}Z$/, 'Z'),
      ...(input.templateId !== undefined && { templateId: input.templateId }),
      ...(input.courseId !== undefined && { courseId: input.courseId }),
      ...(input.actionType !== undefined && { actionType: input.actionType }),
      ...(input.subject !== undefined && { subject: input.subject }),
      ...(input.html !== undefined && { html: input.html }),
      ...(input.parentJobId !== undefined && { parentJobId: input.parentJobId }),
    }
    const batches = batchesOf(
      fresh,
      dialect === 'plugin' || input.shape !== 'batches' ? fresh.length : settings.batchSize(tenant),
    )
    const { recipients: _, ...payload } = encodeJob({ ...job, recipients: [] }, dialect)
    const attributes = messageAttributes(job, dialect)
    const { recipients: __, jobId: ___, event: ____, ...again } = input
    store.run(
      `INSERT INTO manireports_cloud_jobs
         (jobid, tenantid, type, total_recipients, payload_json, createdby, timecreated, dialect, mode, parentjobid, submit_json, batches)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      jobid,
      tenant,
      typeNameOf(input.type, dialect),
      fresh.length,
      JSON.stringify(withoutSecrets(payload)),
      job.createdBy ?? 0,
      seconds,
      dialect,
      input.mode,
      input.parentJobId ?? null,
      JSON.stringify(withoutSecrets(again)),
      batches.length,
    )
    for (const [index, batch] of batches.entries()) {
      const recipients = batch.map((person) => forWire(person, addRecipient(jobid, index + 1, person), dialect))
      const message: CloudMessage = {
        tenant,
        body: JSON.stringify(encodeJob({ ...job, recipients }, dialect)),
        attributes,
      }
      store.run(
        'INSERT INTO manireports_cloud_job_batches (jobid, batch, recipients, message) VALUES (?, ?, ?, ?)',
        jobid,
        index + 1,
        batch.length,
        JSON.stringify(message),
      )
    }
    return { jobid, duplicates }
  }

  const addRecipient = (jobid: string, batch: number, { userid, email, firstname, lastname, data = {} }: Person) =>
    store.run(
      'INSERT INTO manireports_cloud_job_recipients (jobid, userid, email, batch, data_json) VALUES (?, ?, ?, ?, ?)',
      jobid,
      userid,
      email,
      batch,
      JSON.stringify({ firstname, lastname, data: withoutSecrets(data) }),
    ).lastInsertRowid

  return {
    create(input) {
      const people = withoutRepeats(input.recipients)
      const repeated = input.recipients.length - people.length
      if (people.length === 0)
        throw new EmulatorError<SubmissionErrorCode>('no-recipients', 'a job needs at least one recipient')
      const event = input.event ?? ids.next('moodle-event')
      if (input.shape !== 'one-recipient-jobs' || people.length === 1) {
        const { jobid, duplicates } = createJob(input, people, event)
        return { jobIds: duplicates === people.length ? [] : [jobid], duplicates: duplicates + repeated }
      }
      if (input.jobId !== undefined) {
        throw new EmulatorError<SubmissionErrorCode>(
          'bad-job-id',
          `${people.length} jobs of one recipient cannot share the id ${input.jobId}: leave it out`,
        )
      }
      const created = people.map((person) => createJob(input, [person], event))
      return {
        jobIds: created.filter(({ duplicates }) => duplicates === 0).map(({ jobid }) => jobid),
        duplicates: repeated + created.filter(({ duplicates }) => duplicates > 0).length,
      }
    },
  }
}

/** `flow` has neither userids nor names, and of the data only these; `plugin` has its row's id where others have a userid. */
function forWire(person: Person, rowId: number, dialect: Dialect): RecipientToSend {
  if (dialect === 'plugin') return { ...person, userid: rowId }
  if (dialect !== 'flow') return person
  const named = ['password', 'license_code', 'course']
  const data = Object.fromEntries(Object.entries(person.data ?? {}).filter(([name]) => named.includes(name)))
  return { email: person.email, data }
}

/** A person listed twice with the same data counts once; with other data, nobody knows what to send. */
function withoutRepeats(people: readonly Person[]): readonly Person[] {
  const seen = new Map<number, string>()
  return people.filter((person) => {
    const content = JSON.stringify(person)
    const before = seen.get(person.userid)
    if (before !== undefined && before !== content) {
      throw new EmulatorError<SubmissionErrorCode>(
        'recipient-conflict',
        `user ${person.userid} is in the job twice, with different data: (jobid, userid) is unique, so make it two jobs`,
      )
    }
    seen.set(person.userid, content)
    return before === undefined
  })
}

function batchesOf<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, n) => list.slice(n * size, (n + 1) * size))
}
