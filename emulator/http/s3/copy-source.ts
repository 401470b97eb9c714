import { S3Error } from './errors.ts'
import type { Headers } from './request.ts'

/** `x-amz-copy-source`: `[/]bucket/key`, encoded or not, perhaps with `?versionId=null`. Throws S3Error `invalid-argument`. */
export function copySourceOf(headers: Headers): { bucket: string; key: string } {
  const value = headers['x-amz-copy-source'] ?? ''
  const refused = (message: string) => new S3Error('invalid-argument', message, { name: 'x-amz-copy-source', value })
  const [path = '', version] = value.split(/\?versionId=/)
  if (version !== undefined && version !== 'null') throw refused('Invalid version id specified')
  let decoded: string
  try {
    decoded = decodeURIComponent(path).replace(/^\//, '')
  } catch {
    throw refused('Copy Source must be URL-encoded')
  }
  const slash = decoded.indexOf('/')
  if (slash < 1 || slash === decoded.length - 1) {
    throw refused('Copy Source must mention the source bucket and key: sourcebucket/sourcekey')
  }
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1) }
}

/** `x-amz-copy-source-range`: unlike `Range` it must lie within the object. Throws S3Error `invalid-argument`. */
export function copyRangeOf(headers: Headers, size: number): { start: number; end: number } {
  const value = headers['x-amz-copy-source-range']
  if (value === undefined) return { start: 0, end: size - 1 }
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(value) ?? []
  const range = { start: Number(first), end: Number(last) }
  const name = 'x-amz-copy-source-range'
  if (first === undefined || range.end < range.start) {
    const message =
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based ' +
      'offsets of the first and last bytes to copy'
    throw new S3Error('invalid-argument', message, { name, value })
  }
  if (range.end >= size) {
    throw new S3Error('invalid-argument', `Range specified is not valid for source object of size: ${size}`, {
      name,
      value,
    })
  }
  return range
}
