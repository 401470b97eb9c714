import {
  dialects,
  type ActionType,
  type Decoded,
  type Envelope,
  type Job,
  type JobType,
  type JsonObject,
} from '../job.ts'
import { adviseOn } from './advice.ts'
import { canonical, sha256, TooDeepError } from './canonical.ts'
import { detectDialect, isObject } from './detect.ts'
import type { DialectForm, OwnNames } from './form.ts'
import { forms } from './forms.ts'
import { collectIssues, kindOf, pathText, reasonOf, valueAt, type Issues } from './issues.ts'
import { readRecipients } from './recipients.ts'
import { actionOf, nearestType, typeNames, typeOf } from './types.ts'

/**
 * Reads a job message of any dialect. `bytes` is the message's size where the caller knows it, for the advice on sizes.
 * An address that no mail can go to does not refuse the job (`Recipient.invalid`).
 */
export function decodeJob(body: unknown, envelope: Envelope = {}, bytes?: number): Decoded {
  const issues = collectIssues()
  if (!isObject(body)) {
    const fix = Array.isArray(body)
      ? 'send each job as a message of its own'
      : isFailedEncoding(body)
        ? encodeFix
        : undefined
    issues.add('', `a job must be a JSON object, not ${kindOf(body)}`, fix)
    return { ok: false, issues: issues.list() }
  }
  const dialect = envelope.dialect ?? detectDialect(body, envelope)
  if (dialect === undefined) {
    issues.add('', 'the message fits no dialect of the contract', howToIdentify(body))
    return { ok: false, issues: issues.list() }
  }
  const job = readJob(body, envelope, forms[dialect], issues)
  if (job === undefined || issues.count > 0) return { ok: false, issues: issues.list() }
  return { ok: true, job: { ...job, advice: adviseOn(body, job, bytes) } }
}

type BareJob = Omit<Job, 'advice'>

// What PHP writes where json_encode has failed and its result is cast to text or number.
const isFailedEncoding = (body: unknown) => body === false || body === 0 || body === '' || body === '0'
const encodeFix =
  "PHP's json_encode returns false where a text is no valid UTF-8: use JSON_THROW_ON_ERROR, and convert names first (core_text::fix_utf8)"

function readJob(body: JsonObject, envelope: Envelope, form: DialectForm, issues: Issues): BareJob | undefined {
  const { recipients: rows, ...head } = body
  checkHead(head, form, issues)
  const content = ownContent(head, form)
  const type = readType(head, envelope, content, issues)
  const { recipients, duplicates } = readRecipients(rows, form, issues)
  const contentHash = hashOf(head, type?.typeName, issues)
  if (issues.count > 0 || type === undefined) return undefined

  const templateData = isObject(head['template_data']) ? head['template_data'] : {}
  return {
    dialect: form.dialect,
    jobId: head[form.names.jobId] as string | number,
    tenant: tenantOf(head, form) ?? envelope.tenant ?? 0,
    ...type,
    action: actionOf(type.type, optional<ActionType>(head['action_type']), isTrue(head['generate_certificate'])),
    recipients,
    duplicates,
    templateData,
    ...given('templateId', optional<string>(head['template_id']) ?? content.templateId),
    ...given('courseId', numberOf(head['courseid'])),
    ...given('createdBy', numberOf(head['created_by'])),
    ...given('certificateTemplate', optional<string>(head['certificate_template'])),
    ...given('subject', content.subject),
    ...given('html', content.html),
    ...given('callbackUrl', optional<string>(head['callback_url'])),
    ...given('callbackSecret', optional<string>(head['callback_secret'])),
    ...given('parentJobId', optional<string | number>(head['parent_job_id'])),
    ...given('timestamp', textOf(head[form.names.timestamp] ?? head['timestamp'])),
    contentHash,
  }
}

function checkHead(head: JsonObject, form: DialectForm, issues: Issues): void {
  const checked = form.job.safeParse(head)
  for (const issue of checked.error?.issues ?? []) {
    const path = pathText(issue.path)
    const value = valueAt(head, issue.path)
    if (path === 'callback_secret' && value === '') {
      issues.add(
        path,
        'is empty: anybody could forge a callback signed with it',
        'leave it out and set the secret on both sides',
      )
    } else if (issue.path[0] === form.names.jobId && value == null) {
      issues.add(
        path,
        value === null ? 'is null' : 'is missing',
        otherName('jobId', head, form) ?? otherSpelling(path, head),
      )
    } else {
      issues.add(path, reasonOf(issue, value), fixOf(value, issue.path[0] === form.names.jobId))
    }
  }
  for (const concept of ['tenant', 'subject', 'html'] as const) {
    const own = form.names[concept]
    // `plugin` has no name of its own for the tenant: any other's says what is meant.
    if (own === undefined || head[own] != null) continue
    const name = foreignNames(concept, form).find((name) => head[name] != null)
    if (name !== undefined) {
      issues.add(
        name,
        `is no field of the \`${form.dialect}\` dialect, as which this message is read`,
        otherName(concept, head, form),
      )
    }
  }
}

function fixOf(value: unknown, required: boolean): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return 'send it as a string'
  return value === '' && !required ? 'leave it out where there is none' : undefined
}

function foreignNames(concept: keyof OwnNames, form: DialectForm): string[] {
  const all = dialects.map((dialect) => forms[dialect].names[concept])
  return [...new Set(all)].filter((name) => name !== undefined && name !== form.names[concept]) as string[]
}

/** "`job_uuid` is the `detailed` dialect's name: write `job_id`", where that is what happened. */
function otherName(concept: keyof OwnNames, head: JsonObject, form: DialectForm): string | undefined {
  const name = foreignNames(concept, form).find((name) => head[name] != null)
  if (name === undefined) return undefined
  const owners = dialects.filter((dialect) => forms[dialect].names[concept] === name).map((dialect) => `\`${dialect}\``)
  const whose = owners.length === 1 ? `${owners[0]} dialect's name` : `name of the dialects ${owners.join(', ')}`
  return `\`${name}\` is the ${whose}: write \`${form.names[concept]}\``
}

function otherSpelling(name: string, head: JsonObject): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '')
  const found = Object.keys(head).find((other) => other !== name && plain(other) === plain(name))
  return found === undefined ? undefined : `write \`${name}\` for \`${found.slice(0, 60)}\``
}

interface OwnContent {
  readonly subject?: string
  readonly html?: string
  readonly templateId?: string
}

function ownContent(head: JsonObject, form: DialectForm): OwnContent {
  return {
    ...form.content?.(head),
    ...given('subject', nonEmptyText(head[form.names.subject])),
    ...given('html', nonEmptyText(head[form.names.html])),
  }
}

function readType(
  head: JsonObject,
  envelope: Envelope,
  content: OwnContent,
  issues: Issues,
): { type: JobType; typeName: string } | undefined {
  const name = head['type'] ?? envelope.jobType
  if (name === undefined) {
    issues.add('type', 'is missing', `write one of ${Object.keys(typeNames).join(', ')}`)
    return undefined
  }
  if (typeof name !== 'string' || name === '' || name.length > 64) {
    // The schema has said what is wrong with the body's own type.
    if (head['type'] == null) issues.add('JobType', 'the SQS message attribute must be a string of 1 to 64 characters')
    return undefined
  }
  const type = typeOf(name)
  if (type !== undefined) return { type, typeName: name }
  if (content.subject !== undefined && content.html !== undefined) return { type: 'custom', typeName: name }
  const near = nearestType(name)
  issues.add(
    'type',
    `"${name}" is no type of any dialect; known are ${Object.keys(typeNames).join(', ')}`,
    near === undefined ? 'write one of these, or give the job its own subject and html' : `write \`${near}\``,
  )
  return undefined
}

/** What may differ between the messages of one job is left out. */
function hashOf(head: JsonObject, typeName: string | undefined, issues: Issues): string {
  const { timestamp: _timestamp, created_at: _createdAt, status: _status, email_count: _emailCount, ...content } = head
  try {
    return sha256(canonical({ ...content, type: typeName }))
  } catch (error) {
    if (!(error instanceof TooDeepError)) throw error
    issues.add('', `the message is ${error.message}`)
    return ''
  }
}

function howToIdentify(body: JsonObject): string {
  const wrapped = ['job', 'payload', 'data', 'message', 'body', 'Records', 'Message'].find(
    (name) => body[name] !== undefined,
  )
  const inside = wrapped === undefined ? '' : `the job seems to be inside \`${wrapped}\`: send it alone; `
  return `${inside}what identifies each: ${dialects.map((dialect) => `${dialect}: ${forms[dialect].identifiedBy}`).join('; ')}`
}

function tenantOf(head: JsonObject, form: DialectForm): number | undefined {
  const names = form.names.tenant === undefined ? foreignNames('tenant', form) : [form.names.tenant]
  for (const name of names) {
    const tenant = numberOf(head[name])
    if (tenant !== undefined && Number.isSafeInteger(tenant)) return tenant
  }
  return undefined
}

function given<Name extends string, Value>(name: Name, value: Value | undefined): { [N in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [N in Name]?: Value }
}

/** A value that the schema has accepted; `null` is absent. */
function optional<Value>(value: unknown): Value | undefined {
  return value == null ? undefined : (value as Value)
}

function nonEmptyText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return value == null || value === '' ? undefined : Number(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

function isTrue(value: unknown): boolean {
  return value === true || value === 1
}
