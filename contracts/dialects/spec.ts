import { z } from 'zod'
import type { RecipientUpdate } from '../callback.ts'
import type { JobStatus } from '../status.ts'
import { identifier, moodleId, ownContentFields, sharedJobFields, sharedRecipientFields } from './fields.ts'
import { flatPerson, present, sharedFields, type DialectForm, type RecipientToSend } from './form.ts'
import { typeNameOf } from './types.ts'

/** `pending | processing | completed | failed`: a job that ended with failed recipients is completed, and counts them. */
const statusWords: Readonly<Record<JobStatus, string>> = {
  pending: 'pending',
  queued: 'pending',
  processing: 'processing',
  completed: 'completed',
  partial_failure: 'completed',
  failed: 'failed',
  retry_pending: 'pending',
  manual_retry: 'failed',
}

const update = z.looseObject({
  userid: identifier,
  status: z.enum(['pending', 'completed', 'failed']),
  certificate_url: z.string().max(4096).nullish(),
  timesent: z.int().min(0).nullish(),
  error_message: z.string().max(65_536).nullish(),
  attempts: z.int().min(0).nullish(),
})

const callback = z.looseObject({
  job_id: identifier,
  status: z.enum(['pending', 'processing', 'completed', 'failed']).nullish(),
  // A callback about the whole job has a status and no list.
  recipient_updates: z.array(update).nullish(),
  timestamp: z.union([z.number(), z.string().regex(/^\d+$/, 'must be epoch seconds')]),
})

/** The contract's own form: the specification and the implementation plan. */
export const spec: DialectForm = {
  dialect: 'spec',
  identifiedBy: '`job_id` (UUID), `tenant_id`, `type` such as send_reminder, `recipients[].userid`',
  names: { jobId: 'job_id', tenant: 'tenant_id', timestamp: 'timestamp', subject: 'subject', html: 'html' },
  marks({ body, first }) {
    let marks = 0
    if (body['tenant_id'] !== undefined) marks += 4
    if (typeof body['type'] === 'string' && /^send_|_reminder$|^generate_/.test(body['type'])) marks += 2
    if (typeof body['job_id'] === 'string') marks += 1
    else if (body['job_id'] !== undefined) marks += 0.5
    if (first['userid'] !== undefined) marks += 1
    if (body['timestamp'] !== undefined) marks += 0.5
    for (const name of ['template_id', 'template_data', 'generate_certificate', 'certificate_template']) {
      if (body[name] !== undefined) marks += 0.25
    }
    return marks
  },
  job: z.looseObject({
    ...sharedJobFields,
    ...ownContentFields,
    job_id: identifier,
    tenant_id: moodleId.nullish(),
  }),
  recipient: z.object(sharedRecipientFields),
  person: flatPerson,
  encode: (job) => ({
    job_id: job.jobId,
    tenant_id: job.tenant,
    type: typeNameOf(job.type, 'spec'),
    recipients: job.recipients.map(flatRecipient),
    ...sharedFields(job),
    ...present({ subject: job.subject, html: job.html }),
    timestamp: job.timestamp,
  }),
  statusWord: (status) => statusWords[status],
  callback: ({ jobId, updates }, { seconds }) => ({
    job_id: jobId,
    recipient_updates: updates.map((update) =>
      update.status === 'sent'
        ? present({
            userid: update.userid ?? update.key,
            status: 'completed',
            certificate_url: update.certificateUrl,
            timesent: update.timeSent,
          })
        : failedUpdate(update),
    ),
    timestamp: seconds,
  }),
  callbackSchema: callback,
  readCallback(body) {
    const { job_id, status, recipient_updates, timestamp } = callback.parse(body)
    return {
      dialect: 'spec',
      jobId: job_id,
      ...(status == null ? {} : { status }),
      updates: (recipient_updates ?? []).map((update) => ({
        userid: update.userid,
        status: update.status,
        ...(update.certificate_url == null ? {} : { certificateUrl: update.certificate_url }),
        ...(update.timesent == null ? {} : { timeSent: update.timesent }),
        ...(update.error_message == null ? {} : { error: update.error_message }),
        ...(update.attempts == null ? {} : { attempts: update.attempts }),
      })),
      errors: [],
      timestamp: Number(timestamp),
    }
  },
}

function failedUpdate(update: RecipientUpdate) {
  return present({
    userid: update.userid ?? update.key,
    status: 'failed',
    certificate_url: update.certificateUrl,
    error_message: update.error ?? 'unknown error',
    attempts: update.attempts,
  })
}

/** A recipient with its fields flat in the row. */
export function flatRecipient(recipient: RecipientToSend) {
  const { userid, email, firstname, lastname, data } = recipient
  const own = present({ userid, email, firstname, lastname })
  return { ...own, ...data, ...own }
}
