import type { Dialect, Envelope, JsonObject } from '../job.ts'
import type { JobToSend } from './form.ts'
import { forms } from './forms.ts'
import { typeNameOf } from './types.ts'

/** SQS message attributes, by name. */
export type MessageAttributes = Readonly<Record<string, { readonly dataType: string; readonly value: string }>>

/** A job message as the plugin would write it in this dialect. */
export function encodeJob(job: JobToSend, dialect: Dialect): JsonObject {
  return forms[dialect].encode(job)
}

/** What goes beside the body on SQS: `plugin` names its tenant and type there, the other dialects nothing. */
export function messageAttributes(job: Pick<JobToSend, 'tenant' | 'type'>, dialect: Dialect): MessageAttributes {
  if (dialect !== 'plugin') return {}
  return {
    CompanyId: { dataType: 'Number', value: String(job.tenant) },
    JobType: { dataType: 'String', value: typeNameOf(job.type, dialect) },
  }
}

/** What the SQS message attributes say about a job. */
export function envelopeOf(attributes: MessageAttributes): Envelope {
  const tenant = attributes['CompanyId']?.value.trim()
  const jobType = attributes['JobType']?.value
  return {
    ...(tenant !== undefined && /^\d{1,15}$/.test(tenant) ? { tenant: Number(tenant) } : {}),
    ...(jobType === undefined || jobType === '' ? {} : { jobType }),
  }
}
