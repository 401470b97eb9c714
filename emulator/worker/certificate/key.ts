import { createHash } from 'node:crypto'

// S3 allows 1024 bytes a key; with the job's and the recipient's segment at most this long a key stays below 600.
const longestSegment = 250

/**
 * A segment of a key that holds any text: letters, digits, `-` and `_` as they are, all else percent-encoded; dots too,
 * so that no segment is `.` or `..`. What is longer than 250 bytes ends in a hash after `~`, which no other segment has.
 */
function segment(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed()).replace(
    /[.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (encoded.length <= longestSegment) return encoded
  return `${encoded.slice(0, 180)}~${createHash('sha256').update(text).digest('hex')}`
}

/** What the keys of a tenant's certificates begin with. */
export function certificatePrefix(tenant: number): string {
  return `certificates/${tenant}/`
}

/** Where a recipient's certificate is stored: `certificates/<tenant>/<job>/<recipient>.pdf`. */
export function certificateKey(of: {
  readonly tenant: number
  readonly job: string
  readonly recipient: string
}): string {
  return `${certificatePrefix(of.tenant)}${segment(of.job)}/${segment(of.recipient)}.pdf`
}
