import { z } from 'zod'
import { checkAddress } from '../mail/address.ts'
import { decodeBase64, isHeaderName, type Mailbox, type ProviderMessage } from './outgoing.ts'
import { parseBody, refuseFields, type FieldIssue } from './refusal.ts'

/**
 * The body of `POST /tx/v1/send`, SendGrid's in spirit.
 * Source: https://docs.mailchannels.net/email-api/api-reference/send-a-message-over-mail-channels-api
 */
const mailbox = z.object({ email: z.string(), name: z.string().nullish() })
type Given = z.output<typeof mailbox>
const texts = z.record(z.string(), z.string())

const requestBody = z.object({
  personalizations: z
    .array(
      z.object({
        to: z.array(mailbox).min(1).max(1000),
        cc: z.array(mailbox).optional(),
        bcc: z.array(mailbox).optional(),
        from: mailbox.optional(),
        reply_to: mailbox.optional(),
        subject: z.string().optional(),
        headers: texts.optional(),
        dynamic_template_data: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .min(1)
    .max(1000),
  from: mailbox.optional(),
  reply_to: mailbox.optional(),
  subject: z.string().optional(),
  content: z
    .array(
      z.object({ type: z.string().min(1), value: z.string().min(1), template_type: z.enum(['mustache']).optional() }),
    )
    .min(1),
  headers: texts.optional(),
  attachments: z
    .array(z.object({ content: z.string(), filename: z.string().min(1), type: z.string().optional() }))
    .max(1000)
    .optional(),
})
type Parsed = z.output<typeof requestBody>

const reserved = new Set([
  'authentication-results',
  'bcc',
  'cc',
  'content-transfer-encoding',
  'content-type',
  'dkim-signature',
  'from',
  'message-id',
  'received',
  'reply-to',
  'subject',
  'to',
])

type Fault = (field: string, message: string) => void

/** One message for each personalization. Throws `invalid` with an issue for each fault. */
export function readMailchannelsRequest(body: unknown): readonly ProviderMessage[] {
  const parsed = parseBody(requestBody, body)
  const issues: FieldIssue[] = []
  const fault: Fault = (field, message) => void issues.push({ field, message })

  const addressOf = (given: Given, field: string): Mailbox => {
    const checked = checkAddress(given.email.trim())
    if ('error' in checked) fault(`${field}.email`, `not a valid email address (${checked.error})`)
    return { name: given.name ?? undefined, address: 'error' in checked ? given.email : checked.address }
  }
  const listOf = (given: readonly Given[] = [], field: string) =>
    given.map((one, index) => addressOf(one, `${field}.${index}`))

  const attachments = readAttachments(parsed, fault)
  const headers = readHeaders(parsed.headers ?? {}, 'headers', fault)
  const messages = parsed.personalizations.map((one, index): ProviderMessage => {
    const field = `personalizations.${index}`
    const from = one.from ?? parsed.from
    if (from === undefined) fault('from', 'required')
    const subject = one.subject ?? parsed.subject
    if (subject === undefined || subject === '') fault('subject', 'required')
    const replyTo = one.reply_to ?? parsed.reply_to
    const contentOf = (type: string) => {
      const at = parsed.content.findIndex((content) => content.type.toLowerCase().startsWith(type))
      const content = parsed.content[at]
      if (content?.template_type === undefined) return content?.value
      return mustache(content.value, one.dynamic_template_data ?? {}, `content.${at}.value`, fault)
    }
    const text = contentOf('text/plain')
    const html = contentOf('text/html')
    if (text === undefined && html === undefined) fault('content.0.type', 'text/plain or text/html is required')
    return {
      from: from === undefined ? { address: '' } : addressOf(from, one.from === undefined ? 'from' : `${field}.from`),
      to: listOf(one.to, `${field}.to`),
      cc: listOf(one.cc, `${field}.cc`),
      bcc: listOf(one.bcc, `${field}.bcc`),
      replyTo: replyTo === undefined ? [] : [addressOf(replyTo, 'reply_to')],
      subject: subject ?? '',
      text,
      html,
      headers: merged(headers, readHeaders(one.headers ?? {}, `${field}.headers`, fault)),
      attachments,
    }
  })
  if (issues.length > 0) throw refuseFields(issues.slice(0, 20))
  return messages
}

function readAttachments({ attachments = [] }: Parsed, fault: Fault): ProviderMessage['attachments'] {
  return attachments.map(({ content: encoded, filename, type }, index) => {
    const content = decodeBase64(encoded)
    if (content === undefined) fault(`attachments.${index}.content`, 'must be base64')
    return { filename, contentType: type ?? 'application/octet-stream', content: content ?? Buffer.alloc(0) }
  })
}

function readHeaders(headers: Readonly<Record<string, string>>, field: string, fault: Fault): Record<string, string> {
  for (const name of Object.keys(headers)) {
    if (reserved.has(name.toLowerCase())) fault(field, `the header ${name} is reserved`)
    else if (!isHeaderName(name)) fault(field, `${JSON.stringify(name.slice(0, 80))} is no header name`)
  }
  return headers
}

/** Headers differ only by more than case; those of the personalization win. */
function merged(common: Record<string, string>, own: Record<string, string>): Record<string, string> {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()))
  return { ...Object.fromEntries(Object.entries(common).filter(([name]) => !names.has(name.toLowerCase()))), ...own }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Variables only: `{{a.b}}` escaped, `{{{a}}}` and `{{&a}}` as they are. Sections are refused, not ignored. */
function mustache(template: string, data: Readonly<Record<string, unknown>>, field: string, fault: Fault): string {
  if (/\{\{[#^>!=/]/.test(template)) {
    fault(field, 'Offload renders the variables of a mustache template, no sections, partials or comments')
    return template
  }
  const valueOf = (path: string) => {
    let value: unknown = data
    for (const name of path.split('.')) {
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as Record<string, unknown>)[name]
          : undefined
    }
    return typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value)
  }
  return template.replace(
    /\{\{\{\s*([\w.-]+)\s*\}\}\}|\{\{&\s*([\w.-]+)\s*\}\}|\{\{\s*([\w.-]+)\s*\}\}/g,
    (_all, plain?: string, ampersand?: string, escaped?: string) =>
      escaped === undefined
        ? valueOf(plain ?? ampersand ?? '')
        : valueOf(escaped).replace(/[&<>"']/g, (character) => entities[character] ?? character),
  )
}
