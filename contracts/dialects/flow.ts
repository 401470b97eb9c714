import { z } from 'zod'
import { jobStatuses } from '../status.ts'
import { identifier, moodleId, ownContentFields, sharedJobFields, sharedRecipientFields } from './fields.ts'
import { flatPerson, present, sharedFields, type DialectForm } from './form.ts'
import { flatRecipient } from './spec.ts'
import { typeNameOf } from './types.ts'

/** What a recipient of this dialect carries for its mail. */
export const flowRecipientFields = ['password', 'license_code', 'course'] as const

const callback = z.looseObject({
  job_id: identifier,
  status: z.enum(jobStatuses),
  emails_sent: z.int().min(0),
  emails_failed: z.int().min(0),
  errors: z.array(z.string().max(65_536)),
})

/** The flow diagrams: integer ids, `company_id`, one cumulative callback of counts and addresses. */
export const flow: DialectForm = {
  dialect: 'flow',
  identifiedBy: '`company_id`, `created_at`, `recipients[].password`, `license_code` or `course` without a userid',
  names: { jobId: 'job_id', tenant: 'company_id', timestamp: 'created_at', subject: 'subject', html: 'html' },
  marks({ body, first }) {
    let marks = 0
    if (body['company_id'] !== undefined) marks += 4
    if (body['created_at'] !== undefined) marks += 2
    for (const name of ['email_count', 'status']) if (body[name] !== undefined) marks += 1
    if (typeof body['type'] === 'string' && /^(csv_import|csv|license_allocation|reengagement)$/.test(body['type']))
      marks += 1
    if (first['userid'] === undefined && flowRecipientFields.some((name) => first[name] !== undefined)) marks += 2
    return marks
  },
  job: z.looseObject({
    ...sharedJobFields,
    ...ownContentFields,
    job_id: identifier,
    company_id: moodleId.nullish(),
    created_at: z.union([z.string().max(64), z.number()]).nullish(),
  }),
  recipient: z.object(sharedRecipientFields),
  person: flatPerson,
  encode: (job) => ({
    job_id: job.jobId,
    type: typeNameOf(job.type, 'flow'),
    status: 'pending',
    email_count: job.recipients.length,
    company_id: job.tenant,
    created_at: job.timestamp,
    recipients: job.recipients.map(flatRecipient),
    ...sharedFields(job),
    ...present({ subject: job.subject, html: job.html }),
  }),
  statusWord: (status) => status,
  callback: ({ jobId, status, sent, failed, updates }) => ({
    job_id: jobId,
    status,
    emails_sent: sent,
    emails_failed: failed,
    errors: updates.filter((update) => update.status === 'failed').map((update) => update.email),
  }),
  callbackSchema: callback,
  readCallback(body) {
    const { job_id, status, emails_sent, emails_failed, errors } = callback.parse(body)
    return { dialect: 'flow', jobId: job_id, status, sent: emails_sent, failed: emails_failed, updates: [], errors }
  },
}
