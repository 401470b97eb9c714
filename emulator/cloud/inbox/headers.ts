import { addressParser, decodeWords } from 'postal-mime'

export interface Address {
  readonly name: string
  readonly address: string
}

/** The header fields of a message by lower-case name, unfolded and undecoded, in the order in which they came. */
export type Headers = ReadonlyMap<string, readonly string[]>

const longestHeader = 1024 * 1024

/** Reads the header fields and nothing else: cheap enough to be done while the sender waits for its 250. */
export function scanHeaders(raw: Buffer): Headers {
  const crlf = raw.indexOf('\r\n\r\n')
  const end = crlf >= 0 ? crlf : raw.indexOf('\n\n')
  const text = raw.toString('utf8', 0, Math.min(end >= 0 ? end : raw.length, longestHeader))
  const headers = new Map<string, string[]>()
  for (const line of text.split(/\r?\n(?![ \t])/)) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const name = line.slice(0, colon).trimEnd().toLowerCase()
    const value = line
      .slice(colon + 1)
      .replace(/\r?\n/g, '')
      .trim()
    const known = headers.get(name)
    if (known === undefined) headers.set(name, [value])
    else known.push(value)
  }
  return headers
}

/** An unstructured field as a person reads it; empty where it is missing. */
export function decodedHeader(headers: Headers, name: string): string {
  const value = headers.get(name)?.[0] ?? ''
  return value.includes('=?') ? decodeWords(value) : value
}

/** What stands between the angle brackets of an identifier such as Message-ID or Return-Path. */
export function identifierHeader(headers: Headers, name: string): string {
  return (headers.get(name)?.[0] ?? '').replace(/^[<\s]+|[>\s]+$/g, '')
}

// One mailbox without comments, escapes or encoded words: what nearly every message has.
const simpleMailbox = /^(?:"([^"\\]*)"\s*|([\w .'-]*?)\s*)<([^<>@\s"(),;:\\]+@[^<>@\s"(),;:\\]+)>$/
const bareMailbox = /^[^<>@\s"(),;:\\]+@[^<>@\s"(),;:\\]+$/

/** An address field as a flat list. What cannot be read as an address is kept as a name. */
export function addressHeader(headers: Headers, name: string): Address[] {
  return (headers.get(name) ?? []).flatMap((value) => {
    if (bareMailbox.test(value)) return [{ name: '', address: value }]
    const simple = value.includes('=?') ? null : simpleMailbox.exec(value)
    if (simple !== null) return [{ name: simple[1] ?? simple[2] ?? '', address: simple[3] ?? '' }]
    return addressParser(value, { flatten: true }).map(({ name: display, address }) => ({
      name: display,
      address: address ?? '',
    }))
  })
}
