import { z } from 'zod'
import type { Json, JsonObject } from '../json.ts'
import type { JobStatus } from '../status.ts'
import { identifier, name, sharedJobFields, sharedRecipientFields } from './fields.ts'
import { flowRecipientFields } from './flow.ts'
import { present, sharedFields, type DialectForm, type Person, type RecipientToSend } from './form.ts'
import { kindOf, type Issues } from './issues.ts'
import { typeNameOf } from './types.ts'

const statusWords: Readonly<Record<JobStatus, string>> = {
  pending: 'pending',
  queued: 'queued',
  processing: 'processing',
  completed: 'completed',
  partial_failure: 'partial_failure',
  failed: 'failed',
  retry_pending: 'queued',
  manual_retry: 'partial_failure',
}

const result = z.looseObject({
  email: z.string().max(320),
  status: z.enum(['pending', 'sent', 'failed']),
  message_id: z.string().max(998).nullish(),
  error: z.string().max(65_536).nullish(),
})

const callback = z.looseObject({
  job_id: identifier,
  status: z.enum(['pending', 'queued', 'processing', 'completed', 'partial_failure', 'failed']),
  token: z.string().min(1),
  emails_sent: z.int().min(0),
  emails_failed: z.int().min(0),
  errors: z.array(z.string().max(65_536)),
  recipients: z.array(result),
})

const recipientData = z.looseObject({ firstname: name.nullish(), lastname: name.nullish() })

/** The plugin and workers in use: whole table rows as recipients, the tenant in the SQS message attributes. */
export const plugin: DialectForm = {
  dialect: 'plugin',
  identifiedBy: '`recipients[].recipient_data`, `custom_subject`, `custom_html`, the SQS message attribute JobType',
  names: {
    jobId: 'job_id',
    tenant: undefined,
    timestamp: 'timestamp',
    subject: 'custom_subject',
    html: 'custom_html',
  },
  marks({ body, first, envelope }) {
    let marks = 0
    if (first['recipient_data'] !== undefined) marks += 8
    for (const name of ['custom_subject', 'custom_html']) if (body[name] !== undefined) marks += 1
    if (typeof body['type'] === 'string' && /^(user_created|license_allocated)$/.test(body['type'])) marks += 2
    for (const name of ['job_id', 'sent_at', 'error_message']) if (first[name] !== undefined) marks += 1
    if (envelope.jobType !== undefined) marks += 1
    return marks
  },
  job: z.looseObject({
    ...sharedJobFields,
    job_id: identifier,
    custom_subject: z.string().max(998).nullish(),
    custom_html: z.string().nullish(),
  }),
  recipient: z.object(sharedRecipientFields).omit({ firstname: true, lastname: true }),
  person,
  encode: (job) => ({
    job_id: job.jobId,
    type: typeNameOf(job.type, 'plugin'),
    recipients: job.recipients.map((recipient, index) => row(recipient, index, job.jobId)),
    ...sharedFields(job),
    ...present({ custom_subject: job.subject, custom_html: job.html }),
    timestamp: job.timestamp,
  }),
  statusWord: (status) => statusWords[status],
  callback: ({ jobId, status, sent, failed, updates }, { token }) => ({
    job_id: jobId,
    status: statusWords[status],
    token,
    emails_sent: sent,
    emails_failed: failed,
    errors: updates
      .filter((update) => update.status === 'failed')
      .map((update) => `${update.email}: ${update.error ?? 'unknown error'}`),
    recipients: updates.map((update) =>
      present({ email: update.email, status: update.status, message_id: update.messageId, error: update.error }),
    ),
  }),
  callbackSchema: callback,
  readCallback(body) {
    const { job_id, status, token, emails_sent, emails_failed, errors, recipients } = callback.parse(body)
    return {
      dialect: 'plugin',
      jobId: job_id,
      status,
      token,
      sent: emails_sent,
      failed: emails_failed,
      updates: recipients.map((result) => ({
        email: result.email,
        status: result.status === 'sent' ? 'completed' : result.status,
        ...(result.message_id == null ? {} : { messageId: result.message_id }),
        ...(result.error == null ? {} : { error: result.error }),
      })),
      errors,
    }
  },
}

function person(row: JsonObject, path: string, issues: Issues): Person | undefined {
  const data = dataOf(row, `${path}.recipient_data`, issues)
  if (data === undefined) return undefined
  const { userid, id, email } = row
  const { firstname, lastname, ...rest } = data
  return {
    userid,
    id,
    email,
    firstname,
    lastname,
    data: rest,
    // The row's own state (status, sent_at, error_message) changes while its content stays.
    content: { userid, id, email, data },
  } as Person
}

function dataOf(row: JsonObject, path: string, issues: Issues): JsonObject | undefined {
  const given = row['recipient_data']
  if (given === undefined) {
    const meant = [...flowRecipientFields, 'firstname', 'lastname'].find((name) => row[name] !== undefined)
    if (meant === undefined) return {}
    const whose = (flowRecipientFields as readonly string[]).includes(meant) ? '`flow`' : '`spec`'
    issues.add(
      path,
      'is missing',
      `\`${meant}\` in the row is the ${whose} dialect's: write it into the JSON of recipient_data`,
    )
    return undefined
  }
  // A column without a value.
  if (given === null || given === '') return {}
  const data = typeof given === 'string' ? parsed(given) : given
  if (data === undefined) {
    issues.add(
      path,
      'is a string that holds no valid JSON',
      "write PHP's json_encode($data) into the column, without cutting it",
    )
    return undefined
  }
  if (Array.isArray(data) && data.length === 0) return {}
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    issues.add(path, `must hold an object in JSON, not ${kindOf(data)}`)
    return undefined
  }
  const checked = recipientData.safeParse(data)
  if (!checked.success) {
    issues.add(path, `holds a firstname or lastname that is no string of at most 400 characters`)
    return undefined
  }
  return data
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** A row of the plugin's recipients table; a row has an id where the other dialects have a userid. */
function row({ userid, email, firstname, lastname, data }: RecipientToSend, index: number, jobId: string | number) {
  return {
    id: String(userid ?? index + 1),
    job_id: String(jobId),
    email,
    recipient_data: JSON.stringify({ ...present({ firstname, lastname }), ...data }),
    status: 'pending',
    sent_at: null,
    error_message: null,
  }
}
