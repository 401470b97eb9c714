import type { WriteConditions } from '../../cloud/objects/contents.ts'
import { ObjectsError } from '../../cloud/objects/errors.ts'
import type { ObjectHead } from '../../cloud/objects/objects.ts'
import type { Headers } from './request.ts'

/** `"a", W/"b"` → `a`, `b`. */
const etagsIn = (header: string) =>
  header
    .split(',')
    .map((etag) => etag.trim().replace(/^(W\/)?"(.*)"$/, '$2'))
    .filter((etag) => etag !== '')

const matches = (header: string, etag: string) => etagsIn(header).some((given) => given === '*' || given === etag)

/** A date that cannot be read is as none, as RFC 9110 has it. */
const dateIn = (header: string | undefined) => {
  const at = header === undefined ? NaN : Date.parse(header)
  return Number.isNaN(at) ? undefined : at
}

/** HTTP's dates have no fractions of seconds. */
const secondOf = (at: number) => Math.floor(at / 1000) * 1000

/**
 * Whether the object is what the client asks for: `not-modified` where it has it already; throws `precondition-failed`
 * where it wants another. `prefix` is that of a copy's source: `x-amz-copy-source-`.
 */
export function readCondition(headers: Headers, object: ObjectHead, prefix = ''): 'send' | 'not-modified' {
  const failed = (condition: string) =>
    new ObjectsError('precondition-failed', `${object.key} does not fulfil ${condition}`, { condition })
  const modified = secondOf(object.created)
  const [ifMatch, ifNoneMatch] = [headers[`${prefix}if-match`], headers[`${prefix}if-none-match`]]
  const since = dateIn(headers[`${prefix}if-modified-since`])
  const unmodifiedSince = dateIn(headers[`${prefix}if-unmodified-since`])
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, object.etag)) throw failed('If-Match')
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) throw failed('If-Unmodified-Since')
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, object.etag) ? 'not-modified' : 'send'
  return since !== undefined && modified <= since ? 'not-modified' : 'send'
}

/** A copy has no answer 304: what is not modified is refused. */
export function checkCopySource(headers: Headers, object: ObjectHead): void {
  if (readCondition(headers, object, 'x-amz-copy-source-') === 'send') return
  throw new ObjectsError('precondition-failed', `${object.key} is not modified`, {
    condition: 'x-amz-copy-source-If-None-Match',
  })
}

/**
 * Whether a Range is of the object that the client has begun to read, as `If-Range` says: by its ETag, or by the very
 * time of its last change.
 */
export function isRangeOf({ 'if-range': condition }: Headers, { etag, created }: ObjectHead): boolean {
  if (condition === undefined) return true
  return condition === `"${etag}"` || dateIn(condition) === secondOf(created)
}

/** Only what has one of these ETags is to be deleted. */
export const ifMatchOf = (given: string | undefined) => (given === undefined ? undefined : etagsIn(given))

export function writeConditions(headers: Headers): WriteConditions {
  const [ifMatch, ifNoneMatch] = [headers['if-match'], headers['if-none-match']]
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: etagsIn(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: etagsIn(ifNoneMatch) }),
  }
}
