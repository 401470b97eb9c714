import type { Json, JsonObject } from './json.ts'

export const dialects = ['spec', 'detailed', 'flow', 'plugin'] as const
/** The forms of the contract that are in use; `spec` is the contract's own. See contracts/dialects/README.md. */
export type Dialect = (typeof dialects)[number]

/** The job types that the dialects' own names map to, one list for all. `custom` carries its own subject and html. */
export const jobTypes = [
  'reminder',
  'reengagement',
  'welcome',
  'csv_import',
  'licence',
  'certificate',
  'custom',
] as const
export type JobType = (typeof jobTypes)[number]

/** What a job asks for: mail, a certificate, or both. */
export type ActionType = 'email' | 'certificate' | 'both'

/** One person of a job. */
export interface Recipient {
  /** Identity inside the job: the userid, else the row's id, else a hash of address and data. */
  readonly key: string
  /** As the message wrote it (number or string), for the callback. */
  readonly userid?: number | string
  /** As the message wrote it; may be undeliverable (see `invalid`). */
  readonly email: string
  readonly firstname?: string
  readonly lastname?: string
  /** Everything else the message says about this recipient: password, license_code, course, … */
  readonly data: JsonObject
  /**
   * SHA-256 (hex) over the recipient as it was sent, whatever the order of its fields, without the row's own state
   * (`status`, `sent_at`, …): a known key with another hash is a conflict.
   */
  readonly contentHash: string
  /** Why no mail can go to this address. The rest of the job goes on. */
  readonly invalid?: string
}

/** A departure from `spec` that works, with what to change. Never contains a secret's value. */
export interface Advice {
  /** Stable name of the rule, kebab-case, such as `secret-in-body`. */
  readonly code: string
  /** JSON path in the message, such as `callback_secret` or `recipients[0].password`. */
  readonly path: string
  readonly text: string
  readonly fix: string
}

/** A job message as every part of Offload sees it, whatever dialect it came in. */
export interface Job {
  readonly dialect: Dialect
  /** As the message wrote it: `12345` stays a number in the callback. */
  readonly jobId: string | number
  /** Company or tenant; 0 where the message names none. */
  readonly tenant: number
  readonly type: JobType
  /** The type as the message wrote it. */
  readonly typeName: string
  readonly action: ActionType
  readonly recipients: readonly Recipient[]
  /** How many recipients of this message were left out because an equal one comes before them. */
  readonly duplicates: number
  readonly templateId?: string
  readonly templateData: JsonObject
  readonly courseId?: number
  readonly createdBy?: number
  readonly certificateTemplate?: string
  /** Subject and html that replace the template's for the whole job (`plugin`: `custom_subject`, `custom_html`). */
  readonly subject?: string
  readonly html?: string
  readonly callbackUrl?: string
  readonly callbackSecret?: string
  readonly parentJobId?: string | number
  readonly timestamp?: string
  /**
   * SHA-256 (hex) over the job-level content, whatever the order of its fields, without the recipients and what differs
   * from one message of a job to the next (`timestamp`, `created_at`, `status`, `email_count`).
   */
  readonly contentHash: string
  readonly advice: readonly Advice[]
}

/** A job's own content: all of it but its recipients and what was derived from reading it. */
export type JobFields = Omit<Job, 'recipients' | 'contentHash' | 'advice' | 'duplicates'>

/** One reason why a message is refused. */
export interface Issue {
  /** JSON path, such as `recipients[3].email`; empty for the whole message. */
  readonly path: string
  readonly reason: string
  /** What to write instead, where that is known, e.g. "`job_uuid` is the detailed dialect's name: write `job_id`". */
  readonly fix?: string
}

export type Decoded =
  { readonly ok: true; readonly job: Job } | { readonly ok: false; readonly issues: readonly Issue[] }

/** What the transport knows beside the body. */
export interface Envelope {
  /** SQS message attribute `CompanyId`, else the `x-tenant-id` header; the body's own tenant comes first. */
  readonly tenant?: number | undefined
  /** SQS message attribute `JobType`. */
  readonly jobType?: string | undefined
  /** The dialect as which the message was read before, where it was; nothing is detected then. */
  readonly dialect?: Dialect | undefined
}

export type { Json, JsonObject }
