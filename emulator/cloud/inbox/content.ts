import { createHash } from 'node:crypto'
import PostalMime, { type Attachment as ParsedAttachment, type Email } from 'postal-mime'

export interface Attachment {
  /** Names the part in the message; stable for the same message. */
  readonly partId: string
  readonly fileName: string
  readonly contentType: string
  /** Without angle brackets; empty where the part has none. */
  readonly contentId: string
  readonly content: Buffer
  readonly checksums: { readonly md5: string; readonly sha1: string; readonly sha256: string }
}

/** A message, parsed because somebody looks at it. */
export interface MessageContent {
  readonly text: string
  readonly html: string
  readonly inline: readonly Attachment[]
  readonly attachments: readonly Attachment[]
}

/** What a list and a search need of the content; kept once it has been computed. */
export interface Digest {
  readonly attachments: number
  readonly inline: number
  /** The first 200 bytes or so of what a person would read. */
  readonly snippet: string
  /** Lower case, without markup or line breaks: what free words are looked up in. */
  readonly text: string
}

const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

const unread = new Set(['script', 'style', 'head', 'title', 'noscript'])
const separating = /^(?:div|p|td|th|tr|h[1-6]|ul|ol|li|br|hr|table|img|body|section|main|header|footer)$/

const decodeEntities = (text: string) =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{1,8}));/gi,
    (entity, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return namedEntities[name.toLowerCase()] ?? entity
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal)
      return code <= 0x10ffff ? String.fromCodePoint(code) : entity
    },
  )

/** What remains of html without its markup, in one line. One pass, whatever the html is. */
function plainText(html: string): string {
  let text = ''
  let skipping = ''
  for (const token of html.split(/(<[^<>]*>)/)) {
    const [, slash, name = ''] = /^<(\/?)([a-z][a-z0-9]*)/i.exec(token) ?? []
    const tag = name.toLowerCase()
    if (skipping !== '') {
      if (slash === '/' && tag === skipping) skipping = ''
    } else if (unread.has(tag) && slash === '') skipping = tag
    else if (separating.test(tag)) text += ' '
    else if (!token.startsWith('<') || tag === '') text += token.startsWith('<!') ? '' : token
  }
  return decodeEntities(text).replace(/\s+/g, ' ').trim()
}

/** The form in which texts are stored for searching, and in which searched words are compared. */
export function searchable(text: string): string {
  return text
    .replace(/[\uFEFF\r\n\t<>",;()]/g, ' ')
    .replace(/ +/g, ' ')
    .trim()
    .toLowerCase()
}

async function parse(raw: Buffer): Promise<Email> {
  try {
    return await PostalMime.parse(raw)
  } catch (error) {
    // Nesting or header bombs: the message was accepted, so it must stay readable at least as its source.
    const reason = error instanceof Error ? error.message : String(error)
    return {
      headers: [],
      headerLines: [],
      attachments: [],
      text: `This message cannot be parsed (${reason}); see its source.`,
    }
  }
}

function bytesOf(content: ParsedAttachment['content']): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  return content instanceof Uint8Array
    ? Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    : Buffer.from(content)
}

const isInline = (part: ParsedAttachment) =>
  part.related === true || (part.disposition === 'inline' && part.contentId !== undefined)

export async function readContent(raw: Buffer): Promise<MessageContent> {
  const email = await parse(raw)
  const inline: Attachment[] = []
  const attachments: Attachment[] = []
  email.attachments.forEach((part, index) => {
    const content = bytesOf(part.content)
    const contentId = (part.contentId ?? '').replace(/^<|>$/g, '')
    const hash = (algorithm: string) => createHash(algorithm).update(content).digest('hex')
    ;(isInline(part) ? inline : attachments).push({
      // The first part is the body, as in Mailpit's numbering of a plain multipart/mixed.
      partId: String(index + 2),
      fileName: part.filename ?? contentId,
      contentType: part.mimeType,
      contentId,
      content,
      checksums: { md5: hash('md5'), sha1: hash('sha1'), sha256: hash('sha256') },
    })
  })
  // The parser ends every body with a line break more than the sender wrote.
  const html = (email.html ?? '').replace(/\n$/, '')
  return { text: email.text?.replace(/\n$/, '') ?? plainText(html), html, inline, attachments }
}

export async function digestOf(raw: Buffer, headerText: string): Promise<Digest> {
  const email = await parse(raw)
  const inline = email.attachments.filter(isInline).length
  const body = email.html === undefined ? (email.text ?? '').replace(/\s+/g, ' ').trim() : plainText(email.html)
  const names = email.attachments.map(({ filename }) => filename ?? '').join(' ')
  const links =
    email.html === undefined ? '' : [...email.html.matchAll(/href="(http[^"]*)"/gi)].map((m) => m[1]).join(' ')
  return {
    attachments: email.attachments.length - inline,
    inline,
    snippet: body.length > 200 ? `${body.slice(0, 200).toWellFormed()}...` : body,
    text: searchable(`${headerText} ${body} ${links} ${names}`),
  }
}
