import { dialects, type Advice, type Job, type JsonObject, type Recipient } from '../job.ts'
import { flowRecipientFields } from './flow.ts'
import { forms } from './forms.ts'
import { typeOf } from './types.ts'
import { adviseOnHtml, adviseOnSize } from './advice-sizes.ts'

const uuidV4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i
const iso8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/

type Rule = (body: JsonObject, job: Omit<Job, 'advice'>, bytes: number) => readonly Advice[]

/**
 * What works but departs from the specification, or will hurt later; one piece of advice a rule, with what to change.
 * Names the first place where a rule applies, and never repeats a secret, a password or an address.
 */
export function adviseOn(body: JsonObject, job: Omit<Job, 'advice'>, bytes?: number): readonly Advice[] {
  const size = bytes ?? Buffer.byteLength(JSON.stringify(body))
  return rules.flatMap((rule) => rule(body, job, size))
}

const rules: readonly Rule[] = [
  dialectNotSpec,
  ignoredFields,
  jobIdNotUuid,
  tenantMissing,
  timestamps,
  typeNames,
  secretInBody,
  passwords,
  recipientForms,
  certificateWithoutCourse,
  adviseOnHtml,
  adviseOnSize,
]

function dialectNotSpec(body: JsonObject, { dialect }: Omit<Job, 'advice'>): Advice[] {
  if (dialect === 'spec') return []
  const renames = (['jobId', 'tenant', 'timestamp', 'subject', 'html'] as const).flatMap((concept) => {
    const own = forms[dialect].names[concept]
    const spec = forms.spec.names[concept]
    return own === undefined || own === spec || body[own] == null ? [] : [`\`${own}\` → \`${spec}\``]
  })
  const more: Record<string, string> = {
    detailed: 'types in lower case (send_reengagement, send_welcome, license_allocation, certificate)',
    flow: 'a `userid` for each recipient, since callbacks name recipients by it',
    plugin: '`tenant_id` into the body; each row → {userid, email, firstname, lastname}',
  }
  return [
    {
      code: 'dialect-not-spec',
      path: '',
      text: `the message is in the \`${dialect}\` dialect; the contract's own is \`spec\`. The callback goes back in \`${dialect}\``,
      fix: [...renames, more[dialect]].join('; '),
    },
  ]
}

/** A name of another dialect beside the own one is read by nobody. */
function ignoredFields(body: JsonObject, { dialect }: Omit<Job, 'advice'>): Advice[] {
  const own = forms[dialect].names
  return (['jobId', 'tenant', 'subject', 'html'] as const).flatMap((concept) => {
    const name = own[concept]
    if (name === undefined || body[name] == null) return []
    const others = new Set(dialects.map((other) => forms[other].names[concept]))
    return [...others].flatMap((other) =>
      other === undefined || other === name || body[other] == null
        ? []
        : [
            {
              code: 'ignored-field',
              path: other,
              text: `\`${other}\` is another dialect's name; \`${name}\` stands beside it and is what counts`,
              fix: `leave out \`${other}\``,
            },
          ],
    )
  })
}

function jobIdNotUuid(_body: JsonObject, { dialect, jobId }: Omit<Job, 'advice'>): Advice[] {
  if (dialect !== 'spec' && dialect !== 'detailed') return []
  if (typeof jobId === 'string' && uuidV4.test(jobId)) return []
  return [
    {
      code: 'job-id-not-uuid',
      path: forms[dialect].names.jobId,
      text: 'the job id is no UUIDv4; ids of two sites or of a restored database can meet',
      fix: 'write a UUIDv4 (PHP: \\core\\uuid::generate()) and keep it as text: cast to int it names another job',
    },
  ]
}

function tenantMissing(body: JsonObject, { dialect, tenant }: Omit<Job, 'advice'>): Advice[] {
  const name = forms[dialect].names.tenant
  if (tenant !== 0 || (name !== undefined && body[name] != null)) return []
  const where =
    name === undefined ? 'send the SQS message attribute CompanyId (Number)' : `write \`${name}\` (IOMAD's company id)`
  return [
    {
      code: 'tenant-missing',
      path: name ?? '',
      text: 'the message names no tenant: it is read as tenant 0',
      fix: where,
    },
  ]
}

function timestamps(body: JsonObject, { dialect, timestamp }: Omit<Job, 'advice'>): Advice[] {
  if (dialect !== 'spec' && timestamp === undefined) return []
  if (timestamp === undefined) {
    const fix =
      body['created_at'] == null
        ? 'write `timestamp` as ISO 8601'
        : "`created_at` is the `flow` dialect's name: write `timestamp`"
    return [
      {
        code: 'timestamp-missing',
        path: 'timestamp',
        text: 'the message has no timestamp',
        fix: `${fix}, such as 2025-11-18T12:00:00Z`,
      },
    ]
  }
  if (dialect !== 'spec' || iso8601.test(timestamp)) return []
  return [
    {
      code: 'timestamp-not-iso',
      path: 'timestamp',
      text: 'the timestamp is no ISO 8601 time with a zone',
      fix: "write it as 2025-11-18T12:00:00Z (PHP: gmdate('Y-m-d\\TH:i:s\\Z'))",
    },
  ]
}

function typeNames(_body: JsonObject, { dialect, type, typeName }: Omit<Job, 'advice'>): Advice[] {
  if (type === 'custom' && typeOf(typeName) === undefined) {
    const text = 'the type is none of the contract: the job is taken because it carries its own subject and html'
    return [
      {
        code: 'type-custom',
        path: 'type',
        text,
        fix: 'a worker in use may send it as a generic "Notification": use a known type',
      },
    ]
  }
  if (dialect === 'plugin' && typeName === 'license_allocated') {
    const text =
      'the plugin in use submits license_allocated, but its worker knows license_allocation and sends a generic "Notification"'
    return [{ code: 'type-unknown-to-worker', path: 'type', text, fix: 'use one name on both sides' }]
  }
  return []
}

function secretInBody(_body: JsonObject, { callbackSecret }: Omit<Job, 'advice'>): Advice[] {
  if (callbackSecret === undefined) return []
  return [
    {
      code: 'secret-in-body',
      path: 'callback_secret',
      text: "the callback's secret travels in the message: whoever reads the queue, its logs or its dead letters can forge callbacks",
      fix: 'leave it out and set it on both sides (cloud_callback_secret)',
    },
  ]
}

function passwords(_body: JsonObject, { dialect, recipients }: Omit<Job, 'advice'>): Advice[] {
  const holders = recipients.filter(({ data }) => data['password'] != null && data['password'] !== '')
  const first = holders[0]
  if (first === undefined) return []
  const row = dialect === 'plugin' ? 'recipient_data.password' : 'password'
  return [
    {
      code: 'password-in-message',
      path: `recipients[${recipients.indexOf(first)}].${row}`,
      text: `${holders.length} of ${recipients.length} recipients carry a password in the clear, which stays in the queue, its dead letters and the mail`,
      fix: 'send a link to set a password instead (forgot_password), or a password that must be changed at the first login',
    },
  ]
}

function recipientForms(_body: JsonObject, { dialect, recipients }: Omit<Job, 'advice'>): Advice[] {
  if (dialect !== 'spec' && dialect !== 'detailed') return []
  const advice: Advice[] = []
  const nameless = recipients.findIndex((recipient) => recipient.userid === undefined)
  const row = recipients[nameless]
  if (row !== undefined) {
    advice.push({
      code: 'recipient-without-userid',
      path: `recipients[${nameless}].userid`,
      text: 'the recipient has no userid: the callback names it by a key that Moodle does not know',
      fix: meantFor(row) ?? 'write the Moodle user id',
    })
  }
  if (dialect !== 'spec') return advice
  const foreign = recipients.findIndex(({ data }) => flowRecipientFields.some((name) => data[name] != null))
  const carrier = recipients[foreign]
  const name = flowRecipientFields.find((name) => carrier?.data[name] != null)
  if (name !== undefined && carrier?.userid !== undefined) {
    advice.push({
      code: 'field-of-flow',
      path: `recipients[${foreign}].${name}`,
      text: `\`${name}\` is the \`flow\` dialect's; a worker built on \`spec\` does not read it`,
      fix: 'write what all recipients share into template_data',
    })
  }
  return advice
}

function meantFor({ data }: Recipient): string | undefined {
  const other = ['user_id', 'userId', 'userID', 'uid'].find((name) => data[name] != null)
  if (other !== undefined) return `write \`userid\` for \`${other}\``
  const flow = flowRecipientFields.find((name) => data[name] != null)
  return (
    flow && `\`${flow}\` is the \`flow\` dialect's, whose recipients have no userid: write the Moodle user id beside it`
  )
}

function certificateWithoutCourse(_body: JsonObject, job: Omit<Job, 'advice'>): Advice[] {
  if (job.action === 'email') return []
  const inTemplate = ['course_name', 'course', 'coursename'].some((name) => job.templateData[name] != null)
  const inRecipients = job.recipients.every(({ data }) => data['course'] != null || data['course_name'] != null)
  if (inTemplate || inRecipients) return []
  const id = job.courseId === undefined ? '' : `; courseid ${job.courseId} alone does not tell its name`
  return [
    {
      code: 'certificate-without-course',
      path: 'template_data.course_name',
      text: `the job asks for certificates and names no course${id}`,
      fix: 'write template_data.course_name (and completion date and grade where they should be shown)',
    },
  ]
}
