import { createHash } from 'node:crypto'
import { scanHeaders, type Headers } from '../inbox/headers.ts'

/** The header fields of a message that somebody else composed, as bytes; what is no field is left out. */
function fieldsOf(raw: Buffer): { readonly fields: readonly string[]; readonly body: Buffer } {
  const [, end, next] = headerEnd(raw)
  // latin1 keeps every byte as it is.
  const lines = raw.toString('latin1', 0, end).split(/\r\n|\n|\r/)
  const fields: string[] = []
  for (const line of lines) {
    const last = fields.length - 1
    if (/^[ \t]/.test(line) && last >= 0) fields[last] += `\r\n${line}`
    else if (/^[\x21-\x39\x3b-\x7e]+[ \t]*:/.test(line)) fields.push(line)
  }
  return { fields, body: raw.subarray(next) }
}

/** Whether there is an empty line, where the fields end, and where the body begins. */
function headerEnd(raw: Buffer): readonly [found: boolean, end: number, next: number] {
  const crlf = raw.indexOf('\r\n\r\n')
  const lf = raw.indexOf('\n\n')
  if (crlf >= 0 && (lf < 0 || crlf < lf)) return [true, crlf, crlf + 4]
  return lf >= 0 ? [true, lf, lf + 2] : [false, raw.length, raw.length]
}

export interface HeaderField {
  readonly name: string
  /** Unfolded, and still encoded. */
  readonly value: string
}

/** The header fields as they were written, in their order. */
export function headerFields(raw: Buffer): HeaderField[] {
  return fieldsOf(raw).fields.map((field) => {
    const colon = field.indexOf(':')
    const value = Buffer.from(field.slice(colon + 1), 'latin1').toString()
    return { name: field.slice(0, colon).trimEnd(), value: value.replace(/\r\n/g, '').trim() }
  })
}

export interface RawMessage {
  readonly headers: Headers
  /** The message with fields removed and set; every other byte of it stays. */
  rewrite(change: { readonly remove: readonly string[]; readonly set: Readonly<Record<string, string>> }): Buffer
}

export function readRaw(raw: Buffer): RawMessage {
  return {
    headers: scanHeaders(raw),
    rewrite({ remove, set }) {
      const { fields, body } = fieldsOf(raw)
      const gone = new Set([...remove, ...Object.keys(set)].map((name) => name.toLowerCase()))
      const nameOf = (field: string) => field.slice(0, field.indexOf(':')).trimEnd().toLowerCase()
      const kept = fields.filter((field) => !gone.has(nameOf(field)))
      const added = Object.entries(set).map(([name, value]) => `${name}: ${value}`)
      return Buffer.concat([Buffer.from(`${[...added, ...kept].join('\r\n')}\r\n\r\n`, 'latin1'), body])
    },
  }
}

/** A hash of what a person reads of it, without what differs each time (boundaries, ids, dates): equal where two say the same. */
export function contentHash(raw: Buffer): string {
  const [, , next] = headerEnd(raw)
  const hash = createHash('sha256').update(scanHeaders(raw).get('subject')?.[0] ?? '')
  for (const line of raw.toString('latin1', next).split(/\r?\n/)) {
    if (!line.startsWith('--') && !line.includes('boundary=')) hash.update(`\n${line}`, 'latin1')
  }
  return hash.digest('hex')
}
