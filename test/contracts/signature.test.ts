import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { phpJson } from '../../contracts/php-json.ts'
import { sign, verify } from '../../contracts/signature.ts'

const secret = 'your-secret-key-here'
const now = 1_700_308_900_000
const timestamp = 1_700_308_900
const body = '{"job_id":"3a0e/é","recipient_updates":[],"timestamp":1700308900}'
const good = sign(secret, body)

function reasonFor(change: Partial<Parameters<typeof verify>[0]>): string {
  const verdict = verify({ secret, body, signature: good, now, timestamp, ...change })
  return verdict.ok ? 'ok' : `${verdict.code}: ${verdict.reason}`
}

describe('a signature', () => {
  it('is the lower-case hex HMAC-SHA256 of the raw body, as PHP computes it', () => {
    // php -r 'echo hash_hmac("sha256", "what do ya want for nothing?", "Jefe");' (RFC 4231, test case 2)
    expect(sign('Jefe', 'what do ya want for nothing?')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    )
  })

  it('verifies what was signed, and nothing else', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
    const key = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(bytes, key, fc.nat(), (raw, secret, at) => {
        const signature = sign(secret, raw)
        expect(verify({ secret, body: raw, signature, now, timestamp })).toEqual({ ok: true })
        const changed = raw.slice()
        changed[at % raw.length] = (changed[at % raw.length] ?? 0) ^ 1
        expect(verify({ secret, body: changed, signature, now, timestamp })).toMatchObject({ code: 'signature-wrong' })
        expect(verify({ secret: `${secret}x`, body: raw, signature, now, timestamp })).toMatchObject({ ok: false })
      }),
    )
  })

  it('covers bytes, not text: a body as text and as UTF-8 verify alike', () => {
    expect(verify({ secret, body: Buffer.from(body), signature: good, now, timestamp })).toEqual({ ok: true })
  })
})

describe('a refusal says what went wrong', () => {
  const digest = Buffer.from(good, 'hex')
  const reencoded = phpJson(JSON.parse(body))
  const bytes = Buffer.byteLength(body)
  const cases: [string, Partial<Parameters<typeof verify>[0]>, string][] = [
    ['no header', { signature: undefined }, 'signature-missing: the header X-Signature is missing'],
    ['an empty header', { signature: '' }, 'signature-missing: the header X-Signature is empty'],
    ['no secret', { secret: '', signature: sign('', body) }, 'secret-empty: the receiver has no callback secret'],
    ['upper-case hex', { signature: good.toUpperCase() }, 'signature-wrong: the signature is in upper-case hex'],
    ['a prefix', { signature: `sha256=${good}` }, 'signature-wrong: the signature begins with "sha256="'],
    ['base64', { signature: digest.toString('base64') }, 'signature-wrong: the signature is base64'],
    ['white space', { signature: ` ${good}` }, 'signature-wrong: the signature has white space around it'],
    ['sent twice', { signature: `${good}, ${good}` }, 'signature-wrong: the header X-Signature was sent twice'],
    ['63 digits', { signature: good.slice(1) }, 'signature-wrong: the signature has 63 hex digits instead of 64'],
    ['no hex', { signature: 'test_signature' }, 'signature-wrong: the signature is no lower-case hex (14 characters)'],
    [
      'SHA-1',
      { signature: createHmac('sha1', secret).update(body).digest('hex') },
      'signature-wrong: the signature has 40 hex digits, as SHA-1 gives',
    ],
    ['an empty secret', { signature: sign('', body) }, 'signature-wrong: the signature was made with an empty secret'],
    [
      'a line break in the secret',
      { signature: sign(`${secret}\n`, body) },
      'signature-wrong: the signature was made with the secret and a line break after it',
    ],
    [
      're-encoded by PHP',
      { signature: sign(secret, reencoded) },
      `signature-wrong: the signature covers the body re-encoded as PHP's json_encode does it (${reencoded.length} bytes, the body that came has ${bytes})`,
    ],
    [
      're-encoded compactly',
      { body: body.replace(',', ', '), signature: good },
      'signature-wrong: the signature covers the body re-encoded as JSON',
    ],
    ['another secret', { signature: sign('other', body) }, 'signature-wrong: the signature does not fit the body'],
  ]
  it.each(cases)('%s', (_what, change, expected) => {
    expect(reasonFor(change)).toContain(expected)
  })

  it('never repeats the secret or the right signature', () => {
    for (const [, change] of cases) {
      expect(reasonFor(change)).not.toContain(secret)
      expect(reasonFor(change)).not.toContain(good)
    }
  })
})

describe('the timestamp', () => {
  it.each([-300, -299, 0, 299, 300])('%i s from the clock is fresh', (skew) => {
    expect(reasonFor({ timestamp: timestamp + skew })).toBe('ok')
  })

  it.each([-301, 301])('%i s from the clock is stale', (skew) => {
    expect(reasonFor({ timestamp: timestamp + skew })).toContain('stale: timestamp is 301 s')
  })

  const read: [string, unknown, string][] = [
    ['a numeric string, as PHP takes it', String(timestamp), 'ok'],
    ['a float', timestamp + 0.5, 'ok'],
    ['ISO 8601', '2023-11-18T12:01:40Z', 'stale: timestamp is a date in words: PHP reads it as the number 2023'],
    ['milliseconds', now, 'stale: timestamp is in milliseconds'],
    ['nothing', undefined, 'stale: the body has no timestamp'],
    ['null', null, 'stale: the body has no timestamp'],
    ['true', true, 'stale: timestamp is no number'],
    ['a list', [timestamp], 'stale: timestamp is no number'],
    ['1e400', Number.POSITIVE_INFINITY, 'stale: timestamp is no time'],
  ]
  it.each(read)('%s', (_what, value, expected) => {
    expect(reasonFor({ timestamp: value })).toContain(expected)
  })

  it('is looked at only after the signature', () => {
    expect(reasonFor({ signature: 'x', timestamp: 0 })).toContain('signature-wrong')
  })
})
