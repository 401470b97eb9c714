import { S3Error } from './errors.ts'

export interface ByteRange {
  readonly start: number
  /** Inclusive. */
  readonly end: number
}

/**
 * The part that a Range header asks for; undefined where the whole object is the answer, as S3 answers several ranges
 * and ranges that it cannot read. Throws S3Error `invalid-range`.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  const range =
    first === ''
      ? { start: Math.max(0, size - Number(last)), end: size - 1 }
      : { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
  if (range.start >= size) {
    throw new S3Error('invalid-range', `${header} is outside the object's ${size} bytes`, { range: header, size })
  }
  return range
}
