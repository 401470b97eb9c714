import { createHash } from 'node:crypto'
import { encodeJob, messageAttributes, type JobToSend, type MessageAttributes } from '../../dialects/index.ts'
import type { Dialect, JobType } from '../../job.ts'
import type { JsonObject } from '../../json.ts'

/** What becomes of a mail to an address. */
export type AddressKind = 'success' | 'bounce' | 'complaint' | 'suppressed'

/** Names that belong to nobody: addresses, and ids that no Moodle holds. */
export interface Names {
  address(kind: AddressKind, label: string): string
  jobId(dialect: Dialect, name: string): string | number
  /** The first of some userids. */
  firstUserid(name: string): number
}

export interface InventedPerson {
  readonly userid: number
  readonly email: string
  readonly firstname: string
  readonly lastname: string
  readonly data: JsonObject
}

/** A job message as it goes to a deployment. */
export interface Message {
  readonly body: string | Uint8Array
  /** SQS message attributes (`plugin`: CompanyId, JobType). */
  readonly attributes: MessageAttributes
  /** For `x-tenant-id`, where the body names none. */
  readonly tenant?: number
}

/** A job of invented people. */
export interface InventedJob {
  readonly id: string | number
  readonly dialect: Dialect
  readonly people: readonly InventedPerson[]
  /** Part of all its addresses, and of no other job's. */
  readonly label: string
  /** The whole job, or some of its people (a batch), in its dialect; `change` alters the body. */
  message(people?: readonly InventedPerson[], change?: (body: JsonObject) => JsonObject): Message
}

export interface InventedJobOptions {
  readonly names: Names
  readonly dialect: Dialect
  readonly tenant: number
  /** Tells the jobs of a run apart: the same name and seed give the same job. */
  readonly name: string
  /** Of a run, the beginning of all its labels (`runLabel`). */
  readonly run: string
  /** One person each. */
  readonly kinds: readonly AddressKind[]
  readonly callbackUrl: string
  /** Epoch milliseconds, for the body's own time. */
  readonly now: number
  readonly type?: JobType
  readonly certificate?: boolean
}

const hash = (length: number, ...identity: readonly string[]) =>
  createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, length)

/** The beginning of all labels of a run: `oc-1a2b3c4d`. */
export const runLabel = (seed: string): string => `oc-${hash(8, 'run', seed)}`

// Names that no other text of a mail contains, and that need more than ASCII.
const firstnames = ['Zoë', 'Wilhelmina', 'Xóchitl', 'Quentin', 'Ysolde', 'Vladimír', 'Ulrike', 'Thaïs'] as const
const lastnames = ['Abernathy', 'Brzęczyszczykiewicz', 'Castañeda', 'Dvořáková', 'Eskildsen', 'Fitzgerald'] as const

/** Makes up a job. Pure: the same options give the same messages. */
export function inventJob(options: InventedJobOptions): InventedJob {
  const { names, dialect, tenant, name, run, kinds, callbackUrl, now, certificate = false } = options
  const { type = dialect === 'flow' ? 'licence' : 'welcome' } = options
  const label = `${run}-${hash(8, 'job', name)}-`
  const first = names.firstUserid(name)
  const people = kinds.map((kind, nth): InventedPerson => {
    const code = hash(6, label, String(nth))
    return {
      userid: first + nth,
      email: names.address(kind, `${label}${nth + 1}`),
      firstname: `${firstnames[nth % firstnames.length] ?? ''}-${code}`,
      lastname: lastnames[nth % lastnames.length] ?? '',
      data: dataOf(type, code),
    }
  })
  const job: Omit<JobToSend, 'recipients'> = {
    jobId: names.jobId(dialect, name),
    tenant,
    type,
    callbackUrl,
    timestamp: new Date(now).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    templateData: { site_name: 'Offload check', course_name: 'Offload check', login_url: 'https://moodle.test/login/' },
    ...(certificate && { generateCertificate: true }),
  }
  return {
    id: job.jobId,
    dialect,
    people,
    label,
    message(some = people, change = (body) => body) {
      const recipients = some.map(({ data, ...person }) =>
        dialect === 'flow' ? { email: person.email, data } : { ...person, data },
      )
      return {
        body: JSON.stringify(change(encodeJob({ ...job, recipients }, dialect))),
        attributes: messageAttributes(job, dialect),
        ...(dialect === 'plugin' ? { tenant } : {}),
      }
    },
  }
}

function dataOf(type: JobType, code: string): JsonObject {
  return type === 'licence' || type === 'certificate'
    ? { license_code: `LIC-${code.toUpperCase()}`, course: 'Offload check' }
    : { username: `offload.${code}`, loginurl: 'https://moodle.test/login/' }
}
