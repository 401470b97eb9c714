import { createHmac, timingSafeEqual } from 'node:crypto'
import { phpJson } from './php-json.ts'

/** How far a callback's `timestamp` may be from the receiver's clock, in seconds; exactly this far is still fresh. */
export const freshnessSeconds = 300

export interface SignedRequest {
  /** The receiver's secret. */
  readonly secret: string
  /** The body as it came, byte for byte. */
  readonly body: string | Uint8Array
  /** The header `X-Signature`; `undefined` where there is none. */
  readonly signature: string | undefined
  /** The receiver's clock, epoch milliseconds. */
  readonly now: number
  /** The body's `timestamp`, as it was read from the JSON. */
  readonly timestamp: unknown
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly code: Refusal; readonly reason: string }
export type Refusal = 'secret-empty' | 'signature-missing' | 'signature-wrong' | 'stale'

/** `X-Signature` of the specification: lower-case hex HMAC-SHA256 of the raw body. */
export function sign(secret: string, rawBody: string | Uint8Array): string {
  return createHmac('sha256', secret).update(rawBody).digest('hex')
}

/**
 * Verifies a callback exactly as the specification does: `hash_equals` over the raw body first, then
 * `abs(time() - timestamp) > 300`. Every refusal is a 401. An empty secret is refused before anything is compared, since
 * HMAC works with one and anybody can compute it.
 */
export function verify({ secret, body, signature, now, timestamp }: SignedRequest): Verdict {
  if (secret === '') {
    return refuse(
      'secret-empty',
      'the receiver has no callback secret: set cloud_callback_secret, since anybody can sign with an empty one',
    )
  }
  if (signature === undefined || signature === '') {
    return refuse('signature-missing', `the header X-Signature is ${signature === '' ? 'empty' : 'missing'}`)
  }
  if (!equal(signature, sign(secret, body))) return refuse('signature-wrong', whyWrong(secret, body, signature))
  const stale = whyStale(now, timestamp)
  return stale === undefined ? { ok: true } : refuse('stale', stale)
}

function refuse(code: Refusal, reason: string): Verdict {
  return { ok: false, code, reason }
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

function whyWrong(secret: string, body: string | Uint8Array, signature: string): string {
  const bytes = Buffer.from(body)
  const expected = sign(secret, bytes)
  if (signature.includes(',')) return 'the header X-Signature was sent twice: send it once'
  if (/^sha256=/i.test(signature))
    return 'the signature begins with "sha256=": the specification wants the hex digits alone'
  if (signature.trim() === expected) return 'the signature has white space around it'
  if (signature.toLowerCase() === expected)
    return 'the signature is in upper-case hex: the specification wants lower case'
  const digest = Buffer.from(expected, 'hex')
  if (signature === digest.toString('base64') || signature === digest.toString('base64url')) {
    return 'the signature is base64: the specification wants lower-case hex'
  }
  if (!/^[0-9a-f]*$/.test(signature)) return `the signature is no lower-case hex (${signature.length} characters)`
  if (signature.length === 40)
    return 'the signature has 40 hex digits, as SHA-1 gives: the specification wants HMAC-SHA256, 64 digits'
  if (signature.length !== 64) return `the signature has ${signature.length} hex digits instead of 64`

  for (const [meant, tried] of secretsTried(secret)) {
    if (signature === sign(tried, bytes)) return `the signature was made with ${meant}`
  }
  for (const [meant, tried] of bodiesTried(bytes)) {
    if (signature === sign(secret, tried)) {
      return (
        `the signature covers ${meant} (${tried.length} bytes, the body that came has ${bytes.length}): ` +
        'sign and verify the bytes as they are sent (in PHP: file_get_contents("php://input"))'
      )
    }
  }
  return `the signature does not fit the body (${bytes.length} bytes) and the secret: the secrets differ, or the body was changed on its way`
}

function secretsTried(secret: string): [string, string][] {
  return [
    ['an empty secret', ''],
    ['the secret and a line break after it', `${secret}\n`],
    ['the secret and a line break after it', `${secret}\r\n`],
    ['the secret without the white space around it', secret.trim()],
  ]
}

function bodiesTried(bytes: Buffer): [string, Buffer][] {
  const text = bytes.toString('utf8')
  const tried: [string, Buffer][] = [
    ['the body without the white space around it', Buffer.from(text.trim())],
    ['the body and a line break after it', Buffer.from(`${text}\n`)],
  ]
  try {
    const parsed: unknown = JSON.parse(text)
    tried.push(['the body re-encoded as JSON', Buffer.from(JSON.stringify(parsed))])
    tried.push(["the body re-encoded as PHP's json_encode does it", Buffer.from(phpJson(parsed))])
  } catch {
    // A body that is no JSON has no other encoding.
  }
  return tried
}

function whyStale(now: number, timestamp: unknown): string | undefined {
  const time = Math.floor(now / 1000)
  const read = phpNumber(timestamp)
  const age = time - read
  if (Math.abs(age) <= freshnessSeconds) return undefined
  if (timestamp === undefined || timestamp === null) return 'the body has no timestamp: send epoch seconds, as a number'
  if (typeof timestamp === 'string' && /^\d{4}-\d\d/.test(timestamp)) {
    return `timestamp is a date in words: PHP reads it as the number ${read}, so it is always expired; send epoch seconds`
  }
  if (typeof timestamp !== 'number' && typeof timestamp !== 'string')
    return 'timestamp is no number: send epoch seconds'
  if (Math.abs(now - read) <= freshnessSeconds * 1000) return 'timestamp is in milliseconds: send epoch seconds'
  const far = Number.isFinite(age) ? `${Math.abs(age)} s ${age > 0 ? 'old' : 'in the future'}` : 'no time'
  return `timestamp is ${far}, more than ${freshnessSeconds} s allowed: stamp and sign each attempt anew, and compare the clocks`
}

/** PHP's reading of a value in arithmetic; what PHP would not take counts as 0. */
function phpNumber(value: unknown): number {
  if (typeof value === 'number') return value
  if (value === true) return 1
  if (typeof value !== 'string') return 0
  const leading = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/.exec(value)
  return leading === null ? 0 : Number(leading[0])
}
