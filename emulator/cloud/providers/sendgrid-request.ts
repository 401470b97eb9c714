import { z } from 'zod'
import { checkAddress } from '../mail/address.ts'
import { decodeBase64, isHeaderName, type Mailbox, type ProviderMessage } from './outgoing.ts'
import type { JsonObject } from '../../../contracts/json.ts'
import { parseBody, refuseFields, type FieldIssue } from './refusal.ts'
import type { SendgridTemplates } from './sendgrid-templates.ts'

/**
 * The body of `POST /v3/mail/send`, with SendGrid's own words for what is wrong.
 * Source: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
 */
const noAddress = 'Does not contain a valid address.'
const mailbox = z.object(
  { email: z.string({ error: noAddress }), name: z.string().nullish() },
  {
    error:
      'Each object must at least have an email address and may also contain a name. e.g. {"email": "example@example.com"} or {"email": "example@example.com", "name": "Example Recipient"}',
  },
)
type SendgridMailbox = z.output<typeof mailbox>

const noTo =
  'The to array is required for all personalization objects, and must have at least one email object with a valid email address.'
const texts = z.record(z.string(), z.coerce.string())
const sendAt = z.int({ error: 'The send_at parameter must be a UNIX timestamp.' }).optional()

const personalization = z.object({
  to: z.array(mailbox, { error: noTo }).min(1, { error: noTo }),
  cc: z.array(mailbox).optional(),
  bcc: z.array(mailbox).optional(),
  from: mailbox.optional(),
  subject: z
    .string()
    .min(1, { error: 'The subject of your email must be a string at least one character in length.' })
    .optional(),
  headers: texts.optional(),
  substitutions: texts.optional(),
  dynamic_template_data: z.record(z.string(), z.unknown()).optional(),
  custom_args: texts.optional(),
  send_at: sendAt,
})

const noFrom =
  'The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", "name" : "Example Recipient"}.'
const noPersonalizations = 'The personalizations field is required and must have at least one personalization.'
const noContentValue = 'The content value must be a string at least one character in length.'

const requestBody = z.object(
  {
    personalizations: z.array(personalization, { error: noPersonalizations }).min(1, { error: noPersonalizations }),
    from: z.object({ email: z.string({ error: noFrom }), name: z.string().nullish() }, { error: noFrom }),
    reply_to: mailbox.optional(),
    reply_to_list: z.array(mailbox).max(1000).optional(),
    subject: z.string().optional(),
    content: z
      .array(
        z.object({
          type: z.string().min(1, { error: 'The content type must be a string at least one character in length.' }),
          value: z.string({ error: noContentValue }).min(1, { error: noContentValue }),
        }),
      )
      .optional(),
    attachments: z
      .array(
        z.object({
          content: z.string().min(1, { error: 'The attachment content must be base64 encoded.' }),
          filename: z.string().min(1, { error: 'The filename must be a string at least one character in length.' }),
          type: z.string().optional(),
          disposition: z.enum(['attachment', 'inline']).optional(),
          content_id: z.string().optional(),
        }),
      )
      .optional(),
    template_id: z.string().optional(),
    headers: texts.optional(),
    categories: z
      .array(z.string().max(255, { error: 'Each category name may not exceed 255 characters.' }))
      .max(10, { error: 'You may not have more than 10 categories per request.' })
      .optional(),
    custom_args: texts.optional(),
    send_at: sendAt,
    mail_settings: z.object({ sandbox_mode: z.object({ enable: z.boolean().optional() }).optional() }).optional(),
  },
  { error: 'Bad Request' },
)
type Parsed = z.output<typeof requestBody>

const reservedHeaders = new Set([
  'x-sg-id',
  'x-sg-eid',
  'received',
  'dkim-signature',
  'content-type',
  'content-transfer-encoding',
  'to',
  'from',
  'subject',
  'reply-to',
  'cc',
  'bcc',
])

/** One message for each personalization, with what its events repeat. */
export interface SendgridMessage {
  readonly message: ProviderMessage
  readonly categories: readonly string[]
  readonly customArgs: Readonly<Record<string, string>>
}

export interface SendgridRequest {
  readonly messages: readonly SendgridMessage[]
  /** `mail_settings.sandbox_mode`: checked, answered 200, and not sent. */
  readonly sandbox: boolean
}

const threeDays = 72 * 3600

/** Throws `invalid` with an issue for each fault. */
export function readSendgridRequest(
  body: unknown,
  now: number,
  renderTemplate: SendgridTemplates['render'],
): SendgridRequest {
  const parsed = parseBody(requestBody, body)
  const issues: FieldIssue[] = []
  const fault = (field: string | null, message: string) => void issues.push({ field, message })

  const addressOf = (given: SendgridMailbox, field: string): Mailbox => {
    const checked = checkAddress(given.email.trim())
    if ('error' in checked) fault(field, noAddress)
    return { name: given.name ?? undefined, address: 'error' in checked ? given.email : checked.address }
  }
  const listOf = (given: readonly SendgridMailbox[] = [], field: string) =>
    given.map((one, index) => addressOf(one, `${field}.${index}.email`))

  const from = addressOf(parsed.from, 'from.email')
  const replyTo =
    parsed.reply_to === undefined
      ? listOf(parsed.reply_to_list, 'reply_to_list')
      : [addressOf(parsed.reply_to, 'reply_to.email')]
  checkCounts(parsed, fault)
  checkContent(parsed, fault)
  const attachments = readAttachments(parsed, fault)
  const headers = readHeaders(parsed.headers ?? {}, 'headers', fault)

  const [plain, html] = ['text/plain', 'text/html'].map(
    (type) => parsed.content?.find((one) => one.type.toLowerCase() === type)?.value,
  )
  const messages = parsed.personalizations.map((one, index): SendgridMessage => {
    const field = `personalizations.${index}`
    const { template_id: template } = parsed
    // The active version brings the subject and the content; what the request says of them is not looked at.
    const rendered =
      template === undefined ? undefined : renderTemplate(template, (one.dynamic_template_data ?? {}) as JsonObject)
    const subject = [rendered?.subject, one.subject, parsed.subject].find((text) => (text ?? '') !== '')
    if (subject === undefined && (template !== undefined || index === subjectless(parsed))) {
      fault(
        'subject',
        'The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.',
      )
    }
    for (const at of [one.send_at, parsed.send_at]) {
      if (at !== undefined && at * 1000 - now > threeDays * 1000)
        fault('send_at', "The send_at parameter can't be more than 72 hours in the future.")
    }
    const to = listOf(one.to, `${field}.to`)
    const cc = listOf(one.cc, `${field}.cc`)
    const bcc = listOf(one.bcc, `${field}.bcc`)
    checkUnique({ to, cc, bcc }, field, fault)
    const substitute = substitution(one.substitutions)
    return {
      message: {
        from: one.from === undefined ? from : addressOf(one.from, `${field}.from.email`),
        to,
        cc,
        bcc,
        replyTo,
        ...(rendered === undefined
          ? {
              subject: substitute(subject ?? ''),
              text: plain === undefined ? undefined : substitute(plain),
              html: html === undefined ? undefined : substitute(html),
            }
          : { subject: subject ?? '', text: rendered.text, html: rendered.html }),
        headers: { ...headers, ...readHeaders(one.headers ?? {}, `${field}.headers`, fault) },
        attachments,
      },
      categories: parsed.categories ?? [],
      customArgs: { ...parsed.custom_args, ...one.custom_args },
    }
  })
  if (issues.length > 0) throw refuseFields(issues.slice(0, 20))
  return { messages, sandbox: parsed.mail_settings?.sandbox_mode?.enable === true }
}

type Fault = (field: string | null, message: string) => void

const subjectless = ({ personalizations }: Parsed) => personalizations.findIndex(({ subject }) => subject === undefined)

function checkCounts({ personalizations }: Parsed, fault: Fault): void {
  if (personalizations.length > 1000) {
    fault(
      'personalizations',
      `The personalization block is limited to 1000 personalizations per API request. You have provided ${personalizations.length} personalizations. Please consider splitting this into multiple requests and resending your request.`,
    )
    return
  }
  const count = personalizations.reduce((sum, { to, cc = [], bcc = [] }) => sum + to.length + cc.length + bcc.length, 0)
  if (count > 1000) fault('personalizations', 'There is a limit of 1000 total recipients (to + cc + bcc) per request.')
}

function checkContent({ content, template_id: template }: Parsed, fault: Fault): void {
  if (template !== undefined) return
  if (content === undefined || content.length === 0) {
    fault(
      'content',
      'Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.',
    )
    return
  }
  const types = content.map(({ type }) => type.toLowerCase())
  const plain = types.indexOf('text/plain')
  const html = types.indexOf('text/html')
  if (plain > 0 || (plain < 0 && html > 0)) {
    fault(
      'content',
      'If present, text/plain must be the first content block, followed by text/html, followed by any other content.',
    )
  }
  if (new Set(types).size < types.length) fault('content', 'If present, each content type may only be provided once.')
  if (plain < 0 && html < 0)
    fault('content.0.type', 'Offload sends text/plain and text/html; other content types belong into attachments.')
}

function readAttachments({ attachments = [] }: Parsed, fault: Fault): ProviderMessage['attachments'] {
  return attachments.map((one, index) => {
    const content = decodeBase64(one.content)
    if (content === undefined) fault(`attachments.${index}.content`, 'The attachment content must be base64 encoded.')
    return {
      filename: one.filename,
      contentType: one.type ?? 'application/octet-stream',
      content: content ?? Buffer.alloc(0),
      contentId: one.disposition === 'inline' ? (one.content_id ?? one.filename) : undefined,
    }
  })
}

function readHeaders(headers: Readonly<Record<string, string>>, field: string, fault: Fault): Record<string, string> {
  for (const name of Object.keys(headers)) {
    if (reservedHeaders.has(name.toLowerCase())) fault(field, `You cannot use the reserved header "${name}".`)
    else if (!isHeaderName(name))
      fault(field, `The header name ${JSON.stringify(name.slice(0, 80))} must be ASCII without spaces and colons.`)
  }
  return headers
}

function checkUnique(
  lists: Readonly<Record<'to' | 'cc' | 'bcc', readonly Mailbox[]>>,
  field: string,
  fault: Fault,
): void {
  const seen = new Set<string>()
  for (const [name, list] of Object.entries(lists)) {
    for (const { address } of list) {
      const key = address.toLowerCase()
      if (seen.has(key)) {
        fault(
          field,
          `Each email address in the personalization block should be unique between to, cc, and bcc. We found the first duplicate instance of [${address}] in the ${field}.${name} field.`,
        )
        return
      }
      seen.add(key)
    }
  }
}

/** Legacy templates' substitutions: every occurrence of a key, as it is written, in subject and content. */
function substitution(pairs: Readonly<Record<string, string>> = {}): (text: string) => string {
  const keys = Object.keys(pairs).filter((key) => key !== '')
  if (keys.length === 0) return (text) => text
  // One pass, longest key first: what a value brings in is not substituted again.
  keys.sort((a, b) => b.length - a.length)
  const pattern = new RegExp(keys.map((key) => key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'), 'g')
  return (text) => text.replace(pattern, (key) => pairs[key] ?? key)
}
