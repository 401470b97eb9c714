import type { z } from 'zod'
import type { CallbackContent, CallbackMessage } from '../callback.ts'
import type { ActionType, Dialect, Envelope, JobType, JsonObject } from '../job.ts'
import type { JobStatus } from '../status.ts'
import type { Issues } from './issues.ts'

/** A job as the plugin's side means it, to be written in a dialect. */
export interface JobToSend {
  readonly jobId: string | number
  readonly tenant: number
  readonly type: JobType
  readonly recipients: readonly RecipientToSend[]
  readonly templateId?: string
  readonly templateData?: JsonObject
  readonly courseId?: number
  readonly createdBy?: number
  readonly actionType?: ActionType
  readonly generateCertificate?: boolean
  readonly certificateTemplate?: string
  /** Replace the template's; a `custom` job has both. */
  readonly subject?: string
  readonly html?: string
  readonly callbackUrl?: string
  readonly callbackSecret?: string
  readonly parentJobId?: string | number
  /** ISO 8601. */
  readonly timestamp: string
}

export interface RecipientToSend {
  readonly userid?: number | string
  readonly email: string
  readonly firstname?: string
  readonly lastname?: string
  readonly data?: JsonObject
}

/** What a message looks like from outside, before it is read. */
export interface Looks {
  readonly body: JsonObject
  /** The first recipient, or nothing. */
  readonly first: JsonObject
  readonly envelope: Envelope
}

/** A recipient as a dialect's row says it. */
export interface Person {
  readonly userid: number | string | null | undefined
  readonly id: number | string | null | undefined
  readonly email: string
  readonly firstname: string | null | undefined
  readonly lastname: string | null | undefined
  readonly data: JsonObject
  /** What makes two rows the same. */
  readonly content: unknown
}

/** The names under which a dialect keeps what others keep under another. */
export interface OwnNames {
  readonly jobId: string
  /** `plugin` has none: its tenant comes as the SQS message attribute `CompanyId`. */
  readonly tenant: string | undefined
  readonly timestamp: string
  readonly subject: string
  readonly html: string
}

/** Everything that makes a dialect. To add one, write this record and name it in `index.ts`. */
export interface DialectForm {
  readonly dialect: Dialect
  /** Fields that identify it, in words, for a message that fits no dialect. */
  readonly identifiedBy: string
  readonly names: OwnNames
  /** How much a message looks like this dialect; 0 for not at all. */
  marks(looks: Looks): number
  /** The job-level fields; unknown ones are tolerated. */
  readonly job: z.ZodType
  readonly recipient: z.ZodType
  /** Reads a row that `recipient` has accepted; `undefined` after adding an issue. */
  person(row: JsonObject, path: string, issues: Issues): Person | undefined
  /** Subject, html and template that stand elsewhere than under the shared names. */
  content?(body: JsonObject): { subject?: string; html?: string; templateId?: string }
  encode(job: JobToSend): JsonObject
  /** The dialect's own word for a job's status. */
  statusWord(status: JobStatus): string
  callback(content: CallbackContent, by: { token: string; seconds: number }): JsonObject
  readonly callbackSchema: z.ZodType
  /** Reads a callback that `callbackSchema` has accepted. */
  readCallback(body: JsonObject): CallbackMessage
}

/** Leaves out the fields that are `undefined`. */
export function present(fields: Record<string, unknown>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject
}

/** A recipient whose fields lie flat in its row: all dialects but `plugin`. */
export function flatPerson(row: JsonObject): Person {
  const { userid, id, email, firstname, lastname, ...data } = row
  return { userid, id, email, firstname, lastname, data, content: row } as Person
}

/** The fields that every dialect writes alike. */
export function sharedFields(job: JobToSend): JsonObject {
  return present({
    courseid: job.courseId,
    created_by: job.createdBy,
    template_id: job.templateId,
    template_data: job.templateData,
    generate_certificate: job.generateCertificate,
    certificate_template: job.certificateTemplate,
    action_type: job.actionType,
    parent_job_id: job.parentJobId,
    callback_url: job.callbackUrl,
    callback_secret: job.callbackSecret,
  })
}
