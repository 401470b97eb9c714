/**
 * Composes the messages that we send ourselves. By hand, since this is 50,000 times the same simple structure and
 * nodemailer's composer takes 15 times as long for it; the tests read the result back with two independent parsers.
 */

export interface MimeMailbox {
  readonly name?: string | undefined
  readonly address: string
}

export interface MimeAttachment {
  readonly filename: string
  readonly contentType: string
  readonly content: Uint8Array
  /** Shown where the html names it (`cid:`), instead of beside the message. */
  readonly inline?: boolean | undefined
  /** Without angle brackets. */
  readonly contentId?: string | undefined
}

export interface MimeMessage {
  readonly from: MimeMailbox
  readonly to: MimeMailbox | readonly MimeMailbox[]
  readonly cc?: readonly MimeMailbox[]
  readonly replyTo?: readonly MimeMailbox[]
  readonly subject: string
  /** Without angle brackets. */
  readonly messageId: string
  /** Epoch milliseconds. */
  readonly date: number
  /** Further fields, such as `X-Tags`; the names are ours or checked, the values anybody's. */
  readonly headers?: Readonly<Record<string, string>>
  /** At least one of the two is there; both are shown as alternatives. */
  readonly text?: string | undefined
  readonly html?: string | undefined
  readonly attachments?: readonly MimeAttachment[]
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 5322: `Thu, 01 Jan 2026 00:00:00 +0000`. */
export function mailDate(at: number): string {
  const date = new Date(at)
  const two = (number: number) => String(number).padStart(2, '0')
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return `${days[date.getUTCDay()]}, ${two(date.getUTCDate())} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ${time} +0000`
}

/** Line breaks and other controls end a header field early, and what follows would be a field of its own. */
const singleLine = (value: string) => value.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim()

/** RFC 2047, in words of at most 75 characters that never divide a character. */
function encodedWords(value: string): string {
  const words: string[] = []
  let bytes: Buffer[] = []
  let size = 0
  const flush = () => {
    if (size > 0) words.push(`=?UTF-8?B?${Buffer.concat(bytes).toString('base64')}?=`)
    bytes = []
    size = 0
  }
  for (const character of value) {
    const encoded = Buffer.from(character)
    if (size + encoded.length > 45) flush()
    bytes.push(encoded)
    size += encoded.length
  }
  flush()
  return words.join('\r\n ')
}

/** An unstructured value as it goes into a field: as it is where that is legal and short, else encoded. */
function headerValue(value: string): string {
  const line = singleLine(value)
  return /^[\x20-\x7e]{0,900}$/.test(line) && !line.includes('=?') ? line : encodedWords(line)
}

function mailboxValue({ name, address }: MimeMailbox): string {
  const display = singleLine(name ?? '')
  if (display === '') return address
  if (/^[\w ]{1,200}$/.test(display)) return `${display} <${address}>`
  if (/^[\x20-\x7e]{1,200}$/.test(display) && !display.includes('=?')) {
    return `"${display.replace(/["\\]/g, '\\$&')}" <${address}>`
  }
  return `${encodedWords(display)} <${address}>`
}

const hex = Array.from({ length: 256 }, (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)

// One column is kept free for the `=` of a soft line break.
const longestLine = 75

/** A line with soft breaks, none of them between the three characters of an encoded byte. */
function broken(line: string): string {
  if (line.length <= longestLine) return line
  let out = ''
  let from = 0
  while (line.length - from > longestLine) {
    const sign = line.indexOf('=', from + longestLine - 2)
    const end = sign >= 0 && sign < from + longestLine ? sign : from + longestLine
    out += `${line.slice(from, end)}=\r\n`
    from = end
  }
  return out + line.slice(from)
}

/** RFC 2045 quoted-printable over UTF-8; `text` has CRLF line ends. */
export function quotedPrintable(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replaceAll('=', '=3D')
    .replace(/[^\t\r\n\x20-\x7e]|[\t ](?=\r\n|$)/g, (byte) => hex[byte.charCodeAt(0)] ?? '')
    .split('\r\n')
    .map(broken)
    .join('\r\n')
}

/** Whether the text may go as it is: ASCII, lines of at most 998, and nothing that looks like one of our boundaries. */
function isPlain(text: string): boolean {
  if (!/^[\t\r\n\x20-\x7e]*$/.test(text) || text.includes('--=_')) return false
  let from = 0
  while (from < text.length) {
    const end = text.indexOf('\r\n', from)
    const lineEnd = end < 0 ? text.length : end
    if (lineEnd - from > 998) return false
    from = lineEnd + 2
  }
  return true
}

function part(contentType: string, body: string): string {
  const text = body.replace(/\r\n|\r|\n/g, '\r\n')
  // 7bit keeps the source readable; `=_` is how our boundaries begin, and is never in quoted-printable.
  const [encoding, encoded] = isPlain(text) ? ['7bit', text] : ['quoted-printable', quotedPrintable(text)]
  return `Content-Type: ${contentType}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${encoded}\r\n`
}

/** RFC 2231 where the name is not plain ASCII. */
function filenameParameter(filename: string): string {
  const name = singleLine(filename)
  if (/^[\w .()+-]+$/.test(name)) return `filename="${name}"`
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*!]/g,
    (one) => `%${one.charCodeAt(0).toString(16)}`,
  )
  return `filename*=UTF-8''${encoded}`
}

function attachmentPart({ filename, contentType, content, inline, contentId }: MimeAttachment): string {
  const type = /^[\w.+-]+\/[\w.+-]+$/.test(contentType) ? contentType : 'application/octet-stream'
  const base64 = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64')
  const how = inline === true ? 'inline' : 'attachment'
  const disposition = `Content-Disposition: ${how};\r\n ${filenameParameter(filename)}`
  const id = contentId === undefined ? '' : `Content-ID: <${identifier(contentId)}>\r\n`
  let lines = ''
  for (let at = 0; at < base64.length; at += 76) lines += `${base64.slice(at, at + 76)}\r\n`
  return `Content-Type: ${type}\r\n${disposition}\r\n${id}Content-Transfer-Encoding: base64\r\n\r\n${lines}`
}

const identifier = (value: string) => singleLine(value).replace(/[<>\s]/g, '')

/** One part goes as it is; several are wrapped. */
function multipart(subtype: string, boundary: string, parts: readonly string[]): string {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const body = parts.map((one) => `--${boundary}\r\n${one}`).join('')
  return `Content-Type: multipart/${subtype};\r\n boundary="${boundary}"\r\n\r\n${body}--${boundary}--\r\n`
}

/** Addresses, each on a line of its own: a line has at most 998 characters. */
const mailboxes = (name: string, boxes: readonly MimeMailbox[]): string[] =>
  boxes.length === 0 ? [] : [`${name}: ${boxes.map(mailboxValue).join(',\r\n ')}`]

/** The message as it goes over SMTP after DATA, without dot stuffing. */
export function composeMime(message: MimeMessage): Buffer {
  const boundary = `=_${message.messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`
  const { text, html, attachments = [], to } = message
  const bodies = multipart('alternative', `${boundary}_a`, [
    ...(text === undefined && html !== undefined ? [] : [part('text/plain', text ?? '')]),
    ...(html === undefined ? [] : [part('text/html', html)]),
  ])
  const shown = attachments.filter(({ inline }) => inline === true)
  const related = multipart('related', `${boundary}_r`, [bodies, ...shown.map(attachmentPart)])
  const content = multipart('mixed', `${boundary}_m`, [
    related,
    ...attachments.filter(({ inline }) => inline !== true).map(attachmentPart),
  ])
  const fields = [
    `From: ${mailboxValue(message.from)}`,
    ...mailboxes('To', 'address' in to ? [to] : to),
    ...mailboxes('Cc', message.cc ?? []),
    ...mailboxes('Reply-To', message.replyTo ?? []),
    `Subject: ${headerValue(message.subject)}`,
    `Message-ID: <${identifier(message.messageId)}>`,
    `Date: ${mailDate(message.date)}`,
    ...Object.entries(message.headers ?? {}).map(([name, value]) => `${name}: ${headerValue(value)}`),
    'MIME-Version: 1.0',
  ]
  return Buffer.from(`${fields.join('\r\n')}\r\n${content}`)
}
