import { deflateSync } from 'node:zlib'

/** Objects of a PDF file, one after the other; without an `id` each has the next number. */
export interface PdfWriter {
  object(body: Uint8Array | string, id?: number): number
  /** `entries` of the dictionary, without its length. */
  stream(entries: string, data: Uint8Array | string, id?: number): number
  /** An object that will be compressed together with others, by `pack`. */
  packed(body: string): number
  pack(): void
  /** `Uint8Array`s and Latin-1. */
  readonly parts: readonly (Uint8Array | string)[]
  readonly length: number
  /** The highest number. */
  readonly count: number
  /** The entries of a cross-reference stream (`/W[1 3 1]`, Latin-1) for the objects `from`..`to`. */
  references(from: number, to: number): string
}

/** Continues after `length` bytes and `count` objects. */
export function createPdfWriter(start: { readonly length: number; readonly count: number }): PdfWriter {
  const parts: (Uint8Array | string)[] = []
  const entries = new Map<number, string>()
  let waiting: { readonly id: number; readonly body: string }[] = []
  let { length, count } = start
  const add = (part: Uint8Array | string) => {
    parts.push(part)
    length += part.length
  }
  const begin = (id: number) => {
    entries.set(id, inFile(length))
    count = Math.max(count, id)
  }
  const stream = (dictionary: string, data: Uint8Array | string, id = count + 1) => {
    begin(id)
    add(`${id} 0 obj\n<<${dictionary}/Length ${data.length}>>stream\n`)
    add(data)
    add('\nendstream\nendobj\n')
    return id
  }
  return {
    parts,
    get length() {
      return length
    },
    get count() {
      return count
    },
    object(body, id = count + 1) {
      begin(id)
      if (typeof body === 'string') {
        add(`${id} 0 obj\n${body}\nendobj\n`)
      } else {
        add(`${id} 0 obj\n`)
        add(body)
        add('\nendobj\n')
      }
      return id
    },
    stream,
    packed(body) {
      waiting.push({ id: ++count, body })
      return count
    },
    pack() {
      let at = 0
      const offsets = waiting.map(({ id, body }) => {
        const offset = at
        at += body.length + 1
        return `${id} ${offset}`
      })
      const index = `${offsets.join(' ')}\n`
      const bodies = waiting.map(({ body }) => `${body}\n`).join('')
      const id = count + 1
      for (const [place, one] of waiting.entries()) entries.set(one.id, entry(2, id, place))
      stream(
        `/Type/ObjStm/N ${waiting.length}/First ${index.length}/Filter/FlateDecode`,
        deflateSync(Buffer.from(index + bodies, 'latin1')),
        id,
      )
      waiting = []
    },
    references(from, to) {
      let all = ''
      for (let id = from; id <= to; id++) all += entries.get(id) ?? free
      return all
    },
  }
}

const free = '\0\0\0\0\0'

/** The entry of an object at an offset. */
export const inFile = (offset: number) => entry(1, offset, 0)

/** 1: the object is at an offset; 2: it is in an object stream, at an index below 256. */
function entry(kind: 1 | 2, value: number, index: number): string {
  return String.fromCharCode(kind, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff, index)
}

/** Writes all parts. */
export function write(parts: readonly (Uint8Array | string)[], to: Uint8Array): void {
  const bytes = Buffer.from(to.buffer, to.byteOffset, to.byteLength)
  let at = 0
  for (const part of parts) {
    if (typeof part === 'string') bytes.write(part, at, 'latin1')
    else bytes.set(part, at)
    at += part.length
  }
}
