import { dialects, type Dialect, type Envelope, type Job, type JsonObject } from '../job.ts'
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

/**
 * What Offload's own ingest writes beside a body: who it is for, and as what it was read, so that a part of it, or the
 * same body without its HTTP headers, is never taken for another dialect.
 */
export function ingestAttributes({ tenant, dialect }: Pick<Job, 'tenant' | 'dialect'>): MessageAttributes {
  return {
    CompanyId: { dataType: 'Number', value: String(tenant) },
    OffloadDialect: { dataType: 'String', value: dialect },
  }
}

/** What the SQS message attributes say about a job. */
export function envelopeOf(attributes: MessageAttributes): Envelope {
  const dialect = dialects.find((known) => known === attributes['OffloadDialect']?.value)
  const tenant = attributes['CompanyId']?.value.trim()
  const jobType = attributes['JobType']?.value
  return {
    ...(tenant !== undefined && /^\d{1,15}$/.test(tenant) ? { tenant: Number(tenant) } : {}),
    ...(jobType === undefined || jobType === '' ? {} : { jobType }),
    ...(dialect === undefined ? {} : { dialect }),
  }
}
