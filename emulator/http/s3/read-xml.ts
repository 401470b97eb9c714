import { S3Error } from './errors.ts'

/** An element of a request's document. Its methods throw S3Error `malformed-xml`. */
export interface Element {
  /** Without a namespace's prefix. */
  readonly name: string
  /** The child elements of this name; none is no error. */
  all(name: string): Element[]
  /** The text of the one child element of this name; undefined where there is none. */
  text(name: string): string | undefined
}

// 1000 keys of 1024 bytes, or 10,000 parts with their checksums, all of it escaped.
const largestDocument = 8 * 1024 * 1024
const mostElements = 100_000
const deepest = 8

const malformed = (why: string) => new S3Error('malformed-xml', why)

interface Node {
  readonly name: string
  readonly children: Node[]
  text: string
}

const token =
  /<!--(?:(?!--)[^])*-->|<\?[^]*?\?>|<!\[CDATA\[(?<data>[^]*?)\]\]>|<\/(?<end>[A-Za-z_][\w.:-]*)\s*>|<(?<start>[A-Za-z_][\w.:-]*)(?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(?<empty>\/?)>|(?<text>[^<]+)/y

const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Resolves the five entities and the numbers of characters. */
function resolve(text: string): string {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]{1,4})?;?/gi, (reference, name: string | undefined) => {
    if (name === undefined || !reference.endsWith(';')) throw malformed('an ampersand stands alone')
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : name.startsWith('#') ? Number(name.slice(1)) : -1
    const found = code < 0 ? entities[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined
    if (found === undefined || forbidden.test(found)) throw malformed(`${reference} stands for no character`)
    return found
  })
}

function decode(body: Uint8Array): string {
  if (body.byteLength > largestDocument) throw malformed(`a document has at most ${largestDocument} bytes`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body).replaceAll(/\r\n?/g, '\n')
  } catch {
    throw malformed('the document is not UTF-8')
  }
}

/**
 * Reads a document whose root is `root`: elements and text. Attributes, comments and instructions are skipped, and a
 * document type, which S3 has none of, is refused. Throws S3Error `malformed-xml`.
 */
export function readDocument(body: Uint8Array, root: string): Element {
  const text = decode(body)
  if (forbidden.test(text)) throw malformed('the document holds a character that XML has not')
  const top: Node = { name: '', children: [], text: '' }
  const open = [top]
  let count = 0
  for (let at = 0; at < text.length;) {
    token.lastIndex = at
    const groups = token.exec(text)?.groups
    const parent = open.at(-1)
    if (groups === undefined || parent === undefined) throw malformed(`it cannot be read from character ${at} on`)
    at = token.lastIndex
    const { data, end, start, empty, text: characters } = groups
    if (characters !== undefined) parent.text += resolve(characters)
    else if (data !== undefined) parent.text += data
    else if (end !== undefined) {
      if (open.length === 1 || local(end) !== parent.name) throw malformed(`</${end}> closes what is not open`)
      open.pop()
    } else if (start !== undefined) {
      const node: Node = { name: local(start), children: [], text: '' }
      parent.children.push(node)
      if (empty === '') open.push(node)
      if (++count > mostElements || open.length > deepest) throw malformed('there are too many elements')
    }
  }
  const [first, ...more] = top.children
  if (open.length > 1) throw malformed(`${open.at(-1)?.name} is not closed`)
  if (first?.name !== root || more.length > 0 || top.text.trim() !== '') throw malformed(`one ${root} is expected`)
  return elementOf(first)
}

const local = (name: string) => name.slice(name.indexOf(':') + 1)

function elementOf({ name, children }: Node): Element {
  const named = (child: string) => children.filter((node) => node.name === child)
  return {
    name,
    all: (child) => named(child).map(elementOf),
    text(child) {
      const [found, ...more] = named(child)
      if (found === undefined) return undefined
      if (found.children.length > 0 || more.length > 0) throw malformed(`${name}/${child} is expected to be one text`)
      return found.text
    },
  }
}
