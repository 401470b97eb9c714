import { alterCallback, type AlterationName } from '../alterations.ts'
import type { CallbackRequest } from '../callback.ts'
import { encodeCallback } from '../dialects/index.ts'
import type { Dialect } from '../job.ts'
import type { JsonObject } from '../json.ts'
import { phpJson } from '../php-json.ts'
import { sign } from '../signature.ts'

/** Why a receiver refuses a vector. */
export type VectorCode = 'signature' | 'stale' | 'body' | 'secret-empty' | 'token-missing' | 'token-wrong'

/** One callback exactly as it goes over the wire, with what its receiver must make of it. */
export interface Vector {
  /** Stable, kebab-case. */
  readonly name: string
  readonly title: string
  readonly dialect: Dialect
  /** The receiver's secret; in `plugin` the token that it expects. */
  readonly secret: string
  /** The receiver's clock, epoch seconds. */
  readonly now: number
  /** In lower case; a header that is missing was not sent. */
  readonly headers: Readonly<Record<string, string>>
  /** The exact bytes. */
  readonly body_base64: string
  /** The same as text, for people; absent where the bytes are no UTF-8. */
  readonly body?: string
  readonly verdict: 'accept' | 'refuse'
  /** With `refuse`. */
  readonly code?: VectorCode
  /** The status that the contract names; a receiver may answer another 4xx to what it refuses. */
  readonly status: number
}

const secret = 'vector-secret-4f1c'
const now = 1_763_467_200
const keys = { secret, token: secret, now: now * 1000 }
const jobId = '550e8400-e29b-41d4-a716-446655440000'

const contentIn = (dialect: Dialect, error = 'boîte pleine: 552 5.2.2') =>
  ({
    dialect,
    jobId,
    tenant: 1,
    status: 'partial_failure',
    sent: 1,
    failed: 1,
    updates: [
      {
        key: '1001',
        userid: 1001,
        email: 'ada@example.com',
        status: 'sent',
        certificateUrl: 'https://files.example.com/certificates/1001.pdf?X-Amz-Expires=3600',
        timeSent: now - 2,
        attempts: 1,
      },
      { key: '1002', userid: 1002, email: 'josé@example.com', status: 'failed', error, attempts: 3 },
    ],
  }) as const

const statuses: Readonly<Record<VectorCode, number>> = {
  signature: 401,
  'secret-empty': 401,
  stale: 401,
  body: 400,
  'token-missing': 400,
  'token-wrong': 403,
}

interface Given {
  readonly name: string
  readonly title: string
  readonly request: { readonly headers: CallbackRequest['headers']; readonly body: string | Uint8Array }
  readonly refuse?: VectorCode
  readonly dialect?: Dialect
  readonly secret?: string
  readonly now?: number
}

function vector({ name, title, request, refuse, ...own }: Given): Vector {
  const bytes = Buffer.from(request.body)
  const text = bytes.toString()
  return {
    name,
    title,
    dialect: own.dialect ?? 'spec',
    secret: own.secret ?? secret,
    now: own.now ?? now,
    headers: request.headers,
    body_base64: bytes.toString('base64'),
    ...(Buffer.from(text).equals(bytes) ? { body: text } : {}),
    verdict: refuse === undefined ? 'accept' : 'refuse',
    ...(refuse === undefined ? {} : { code: refuse }),
    status: refuse === undefined ? 200 : statuses[refuse],
  }
}

const base = encodeCallback(contentIn('spec'), keys)

/** A body signed as it stands. */
const signed = (body: string | Uint8Array, by = secret) => ({
  headers: { 'content-type': 'application/json', 'x-signature': sign(by, body) },
  body,
})
const withSignature = (signature: string) => ({ ...base, headers: { ...base.headers, 'x-signature': signature } })
const digits = base.headers['x-signature'] ?? ''
const fields = JSON.parse(base.body) as JsonObject
const stamped = (text: string) =>
  signed(JSON.stringify({ ...fields, timestamp: 0 }).replace('"timestamp":0', `"timestamp":${text}`))

const anyText = 'Zoe\u0301 \u{1f4e8} \u05e9\u05dc\u05d5\u05dd \u0410\u043d\u043d\u0430'
const unicode = encodeCallback(contentIn('spec', anyText), keys)

const right: readonly Given[] = [
  { name: 'as-sent', title: 'as Offload sends it', request: base },
  {
    name: 'php-encoded',
    title: 'written by json_encode: slashes and é escaped, and signed so',
    request: signed(phpJson(fields)),
  },
  {
    name: 'indented',
    title: 'white space and line breaks, and signed so',
    request: signed(JSON.stringify(fields, null, 2)),
  },
  { name: 'newline-at-end', title: 'a line break after the JSON, and signed so', request: signed(`${base.body}\n`) },
  { name: 'unicode', title: 'decomposed letters, emoji and right-to-left text in a message', request: unicode },
  {
    name: 'unlike-json-encode',
    title: '1.0 and an empty object, which decoding and encoding again would change',
    request: signed(base.body.replace('{', '{"weight":1.0,"options":{},')),
  },
  {
    name: 'extra-field',
    title: 'a field that nobody knows is ignored',
    request: signed(base.body.replace('{', '{"extra":true,')),
  },
  {
    name: 'no-updates',
    title: 'an empty list of updates',
    request: signed(JSON.stringify({ ...fields, recipient_updates: [] })),
  },
  {
    name: 'secret-unicode',
    title: 'a secret beyond ASCII, as UTF-8 bytes',
    request: signed(base.body, 'clé-密钥'),
    secret: 'clé-密钥',
  },
  { name: '300-s-old', title: 'exactly 300 s old is fresh', request: base, now: now + 300 },
  { name: '300-s-ahead', title: 'exactly 300 s ahead is fresh', request: base, now: now - 300 },
]

/** Named in `../alterations.ts`, as the faults and the replays have them. */
const alterations: readonly (readonly [AlterationName, string, VectorCode])[] = [
  ['signature', 'one digit of the signature is another', 'signature'],
  ['signature-missing', 'no X-Signature', 'signature'],
  ['signature-empty', 'an empty X-Signature', 'signature'],
  ['signature-upper-case', 'the signature in upper-case hex', 'signature'],
  ['signature-prefix', 'sha256= before the signature', 'signature'],
  ['signature-base64', 'the signature in base64', 'signature'],
  ['signature-cut', 'the signature without its last digit', 'signature'],
  ['signature-sha1', 'signed by HMAC-SHA1', 'signature'],
  ['secret', 'signed with another secret', 'signature'],
  ['secret-empty', 'signed with an empty secret', 'signature'],
  ['secret-newline', 'signed with the secret and a line break', 'signature'],
  ['body', 'a space after the body that was signed', 'signature'],
  ['body-reencoded', "the body decoded and encoded anew by PHP's json_encode", 'signature'],
  ['body-cut', 'the last byte of the body is missing', 'signature'],
  ['timestamp', '301 s old', 'stale'],
  ['timestamp-future', '360 s ahead', 'stale'],
  ['timestamp-missing', 'no timestamp', 'stale'],
  ['timestamp-milliseconds', 'the timestamp in milliseconds', 'stale'],
  ['timestamp-text', 'an ISO 8601 time as timestamp', 'stale'],
]

const wrong: readonly Given[] = [
  ...alterations.map(([name, title, refuse]) => ({ name, title, request: alterCallback(name, base, keys), refuse })),
  {
    name: 'receiver-without-secret',
    title: 'the receiver has no secret: anybody can sign with an empty one',
    request: signed(base.body, ''),
    secret: '',
    refuse: 'secret-empty',
  },
  {
    name: 'signature-twice',
    title: 'the header sent twice, as PHP joins it',
    request: withSignature(`${digits}, ${digits}`),
    refuse: 'signature',
  },
  {
    name: 'signature-not-hex',
    title: 'a signature that is no hex',
    request: withSignature('z'.repeat(64)),
    refuse: 'signature',
  },
  { name: 'signature-zeros', title: '64 zeros', request: withSignature('0'.repeat(64)), refuse: 'signature' },
  {
    name: 'status-changed',
    title: 'failed turned into completed on the way',
    request: { ...base, body: base.body.replace('"failed"', '"completed"') },
    refuse: 'signature',
  },
  {
    name: 'white-space-removed',
    title: 'signed with spaces, and sent without',
    request: { ...base, headers: signed(JSON.stringify(fields, null, 1)).headers },
    refuse: 'signature',
  },
  {
    name: 'unicode-normalised',
    title: 'decomposed letters composed on the way (NFD to NFC)',
    request: { ...unicode, body: unicode.body.normalize('NFC') },
    refuse: 'signature',
  },
  { name: '301-s-ahead', title: '301 s ahead', request: base, now: now - 301, refuse: 'stale' },
  { name: 'timestamp-null', title: 'null as timestamp', request: stamped('null'), refuse: 'stale' },
  { name: 'timestamp-true', title: 'true as timestamp', request: stamped('true'), refuse: 'stale' },
  { name: 'timestamp-list', title: 'a list as timestamp', request: stamped(`[${now}]`), refuse: 'stale' },
  { name: 'timestamp-words', title: 'words as timestamp', request: stamped('"now"'), refuse: 'stale' },
  { name: 'timestamp-huge', title: '1e400 as timestamp', request: stamped('1e400'), refuse: 'stale' },
  { name: 'signed-empty', title: 'an empty body, rightly signed', request: signed(''), refuse: 'body' },
  { name: 'signed-cut', title: 'cut off, and signed so', request: signed(base.body.slice(0, -1)), refuse: 'body' },
  { name: 'signed-list', title: 'a list, rightly signed', request: signed(`[${base.body}]`), refuse: 'body' },
  {
    name: 'signed-bom',
    title: 'a byte order mark before the JSON, and signed so',
    request: signed(`\ufeff${base.body}`),
    refuse: 'body',
  },
  {
    name: 'signed-invalid-utf8',
    title: 'bytes that are no UTF-8, and signed so',
    request: signed(
      Buffer.concat([Buffer.from('{"note":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${base.body.slice(1)}`)]),
    ),
    refuse: 'body',
  },
  {
    name: 'signed-lone-surrogate',
    title: 'half of a surrogate pair, and signed so',
    request: signed(base.body.replace('{', '{"note":"\\ud83d",')),
    refuse: 'body',
  },
]

/** `flow` and `detailed` carry no timestamp: the signature alone decides. */
const unstamped: readonly Given[] = (['flow', 'detailed'] as const).flatMap((dialect) => {
  const request = encodeCallback(contentIn(dialect), keys)
  return [
    { name: `${dialect}-as-sent`, title: 'as Offload sends it', dialect, request },
    {
      name: `${dialect}-signature`,
      title: 'one digit of the signature is another',
      dialect,
      request: alterCallback('signature', request, keys),
      refuse: 'signature' as const,
    },
  ]
})

const byToken = encodeCallback(contentIn('plugin'), keys)
const { token: _, ...withoutToken } = JSON.parse(byToken.body) as JsonObject
const withToken = (token: string | undefined) => ({
  ...byToken,
  body: JSON.stringify(token === undefined ? withoutToken : { ...withoutToken, token }),
})

const tokens: readonly Given[] = [
  { name: 'plugin-as-sent', title: 'as Offload sends it: the token in the body, no signature', request: byToken },
  {
    name: 'plugin-token-wrong',
    title: 'another token',
    request: withToken(`${secret}x`),
    refuse: 'token-wrong' as const,
  },
  {
    name: 'plugin-token-case',
    title: 'the token in upper case',
    request: withToken(secret.toUpperCase()),
    refuse: 'token-wrong' as const,
  },
  { name: 'plugin-token-missing', title: 'no token', request: withToken(undefined), refuse: 'token-missing' as const },
  { name: 'plugin-token-empty', title: 'an empty token', request: withToken(''), refuse: 'token-missing' as const },
].map((given) => ({ ...given, dialect: 'plugin' as const }))

/** Callbacks with their verdicts, for a receiver's tests in any language. The same for ever: nothing in them is made by chance. */
export function signedVectors(): Vector[] {
  return [...right, ...wrong, ...unstamped, ...tokens].map(vector)
}
