import { z } from 'zod'
import type { JobStatus, UpdateStatus } from '../status.ts'
import { identifier, moodleId, ownContentFields, sharedJobFields, sharedRecipientFields } from './fields.ts'
import { flatPerson, present, sharedFields, type DialectForm } from './form.ts'
import { flatRecipient } from './spec.ts'
import { typeNameOf } from './types.ts'

const statusWords: Readonly<Record<JobStatus, string>> = {
  pending: 'PENDING',
  queued: 'PENDING',
  processing: 'PROCESSING',
  completed: 'COMPLETED',
  partial_failure: 'PARTIAL',
  failed: 'FAILED',
  retry_pending: 'PENDING',
  manual_retry: 'PARTIAL',
}

const statusMeanings: Readonly<Record<string, JobStatus>> = {
  PENDING: 'pending',
  PROCESSING: 'processing',
  COMPLETED: 'completed',
  PARTIAL: 'partial_failure',
  FAILED: 'failed',
}

const updateMeanings: Readonly<Record<string, UpdateStatus>> = {
  PENDING: 'pending',
  SENT: 'completed',
  FAILED: 'failed',
}

const note =
  'invented: no document gives the body of the callback of the detailed dialect, only process_callback(job_uuid, result)'

const record = z.looseObject({
  userid: identifier.nullish(),
  email: z.string().max(320),
  status: z.enum(['PENDING', 'SENT', 'FAILED']),
  external_id: z.string().max(998).nullish(),
  error_message: z.string().max(65_536).nullish(),
  artifact_url: z.string().max(4096).nullish(),
})

const callback = z.looseObject({
  job_uuid: identifier,
  result: z.looseObject({
    status: z.enum(['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'PARTIAL']),
    processed_records: z.int().min(0),
    failed_records: z.int().min(0),
    recipients: z.array(record),
  }),
})

const summary = z.looseObject({ subject: z.string().nullish(), template_id: z.string().nullish() })

/** The detailed plan: `job_uuid`, `companyid`, types in capitals. Its callback's body is our invention. */
export const detailed: DialectForm = {
  dialect: 'detailed',
  identifiedBy: '`job_uuid`, `companyid`, `type` such as EMAIL_REENGAGEMENT',
  names: { jobId: 'job_uuid', tenant: 'companyid', timestamp: 'timestamp', subject: 'subject', html: 'html' },
  marks({ body }) {
    let marks = 0
    if (body['job_uuid'] !== undefined) marks += 4
    else if (body['job_id'] !== undefined) marks -= 2
    if (body['companyid'] !== undefined) marks += 4
    if (body['payload_summary'] !== undefined) marks += 1
    if (typeof body['type'] === 'string' && /^(EMAIL|CERTIFICATE)(_|$)/.test(body['type'])) marks += 3
    return marks
  },
  job: z.looseObject({
    ...sharedJobFields,
    ...ownContentFields,
    job_uuid: identifier,
    companyid: moodleId.nullish(),
    payload_summary: z
      .union([summary, z.string().max(65_536)], { error: 'must be an object or JSON in a string' })
      .nullish(),
  }),
  recipient: z.object(sharedRecipientFields),
  person: flatPerson,
  content({ payload_summary: given }) {
    const parsed = summary.safeParse(typeof given === 'string' ? parseOrNothing(given) : given)
    if (!parsed.success) return {}
    const { subject, template_id } = parsed.data
    return { ...(subject ? { subject } : {}), ...(template_id ? { templateId: template_id } : {}) }
  },
  encode(job) {
    const { template_id, ...shared } = sharedFields(job)
    const payloadSummary = present({ subject: job.subject, template_id })
    return {
      job_uuid: job.jobId,
      companyid: job.tenant,
      type: typeNameOf(job.type, 'detailed'),
      recipients: job.recipients.map(flatRecipient),
      ...shared,
      ...(Object.keys(payloadSummary).length === 0 ? {} : { payload_summary: payloadSummary }),
      ...present({ html: job.html }),
      timestamp: job.timestamp,
    }
  },
  statusWord: (status) => statusWords[status],
  callback: ({ jobId, status, sent, failed, updates }) => ({
    _note: note,
    job_uuid: jobId,
    result: {
      status: statusWords[status],
      processed_records: sent,
      failed_records: failed,
      recipients: updates.map((update) =>
        present({
          userid: update.userid,
          email: update.email,
          status: update.status === 'sent' ? 'SENT' : 'FAILED',
          external_id: update.messageId,
          error_message: update.error,
          artifact_url: update.certificateUrl,
        }),
      ),
    },
  }),
  callbackSchema: callback,
  readCallback(body) {
    const { job_uuid, result } = callback.parse(body)
    return {
      dialect: 'detailed',
      jobId: job_uuid,
      status: statusMeanings[result.status] ?? 'processing',
      sent: result.processed_records,
      failed: result.failed_records,
      updates: result.recipients.map((record) => ({
        ...(record.userid == null ? {} : { userid: record.userid }),
        email: record.email,
        status: updateMeanings[record.status] ?? 'pending',
        ...(record.artifact_url == null ? {} : { certificateUrl: record.artifact_url }),
        ...(record.error_message == null ? {} : { error: record.error_message }),
        ...(record.external_id == null ? {} : { messageId: record.external_id }),
      })),
      errors: [],
    }
  },
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
