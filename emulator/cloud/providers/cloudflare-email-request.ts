import { z } from 'zod'
import { checkAddress, parseMailbox } from '../mail/address.ts'
import { decodeBase64, isHeaderName, type Mailbox, type ProviderMessage } from './outgoing.ts'
import { parseBody, refuse, refuseFields, type FieldIssue } from './refusal.ts'

/**
 * The body of `POST /accounts/{id}/email/sending/send`. A mailbox is an address or `{address, name}` (`email`, as the
 * Workers binding has it, is refused as Cloudflare refuses it).
 * Source: https://developers.cloudflare.com/email-service/api/send-emails/rest-api/
 */
const mailbox = z.union([z.string(), z.object({ address: z.string(), name: z.string().optional() })], {
  error: 'an address, or {address, name}',
})
type Given = z.output<typeof mailbox>
const mailboxes = z.union([mailbox, z.array(mailbox)], { error: 'an address, {address, name}, or a list of them' })

const requestBody = z.object({
  from: mailbox,
  to: mailboxes,
  cc: mailboxes.optional(),
  bcc: mailboxes.optional(),
  reply_to: mailbox.optional(),
  subject: z.string(),
  html: z.string().optional(),
  text: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  attachments: z
    .array(
      z.object({
        content: z.string(),
        filename: z.string().min(1),
        type: z.string().optional(),
        disposition: z.enum(['attachment', 'inline']).optional(),
        content_id: z.string().optional(),
      }),
    )
    .optional(),
})

const mostRecipients = 50
/** Bytes of a message, with its attachments as base64. */
const messageLimit = 5 * 1024 * 1024

function sizeOf({ text = '', html = '', subject, attachments = [] }: z.output<typeof requestBody>): number {
  const encoded = attachments.reduce((sum, { content }) => sum + content.length, 0)
  return Buffer.byteLength(text) + Buffer.byteLength(html) + Buffer.byteLength(subject) + encoded
}

const structural =
  /^(from|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|received|return-path|dkim-signature)$/i

/** Throws `too-large`, or `invalid` with an issue for each fault. */
export function readCloudflareEmail(body: unknown): ProviderMessage {
  const parsed = parseBody(requestBody, body)
  const size = sizeOf(parsed)
  if (size > messageLimit) {
    throw refuse('too-large', `The message has ${size} bytes; the limit is ${messageLimit}, attachments included.`)
  }
  const issues: FieldIssue[] = []
  const fault = (field: string, message: string) => void issues.push({ field, message })

  const mailboxOf = (given: Given, field: string): Mailbox => {
    const { name, address } = typeof given === 'string' ? parseMailbox(given) : given
    const checked = checkAddress(address.trim())
    if ('error' in checked) fault(field, `no valid address (${checked.error})`)
    return { name, address: 'error' in checked ? address : checked.address }
  }
  const listOf = (given: z.output<typeof mailboxes> | undefined, field: string) =>
    given === undefined
      ? []
      : Array.isArray(given)
        ? given.map((one, index) => mailboxOf(one, `${field}.${index}`))
        : [mailboxOf(given, field)]

  const to = listOf(parsed.to, 'to')
  const cc = listOf(parsed.cc, 'cc')
  const bcc = listOf(parsed.bcc, 'bcc')
  const count = to.length + cc.length + bcc.length
  if (to.length === 0) fault('to', 'at least one recipient')
  if (count > mostRecipients) fault('to', `${count} recipients (to + cc + bcc); the limit is ${mostRecipients}`)
  if ((parsed.text ?? '') === '' && (parsed.html ?? '') === '') fault('html', 'text or html is required')
  for (const name of Object.keys(parsed.headers ?? {})) {
    if (!isHeaderName(name) || structural.test(name))
      fault('headers', `${JSON.stringify(name.slice(0, 80))} cannot be set`)
  }
  const attachments = (parsed.attachments ?? []).map((one, index) => {
    const content = decodeBase64(one.content)
    if (content === undefined) fault(`attachments.${index}.content`, 'must be base64')
    return {
      filename: one.filename,
      contentType: one.type ?? 'application/octet-stream',
      content: content ?? Buffer.alloc(0),
      contentId: one.disposition === 'inline' ? (one.content_id ?? one.filename) : undefined,
    }
  })
  const message: ProviderMessage = {
    from: mailboxOf(parsed.from, 'from'),
    to,
    cc,
    bcc,
    replyTo: parsed.reply_to === undefined ? [] : [mailboxOf(parsed.reply_to, 'reply_to')],
    subject: parsed.subject,
    text: parsed.text,
    html: parsed.html,
    headers: parsed.headers ?? {},
    attachments,
  }
  if (issues.length > 0) throw refuseFields(issues.slice(0, 20))
  return message
}
