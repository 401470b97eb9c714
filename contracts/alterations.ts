import { createHmac } from 'node:crypto'
import type { CallbackRequest } from './callback.ts'
import { phpJson } from './php-json.ts'
import { freshnessSeconds, sign } from './signature.ts'

export interface AlterationContext {
  /** What the request is signed with. */
  readonly secret: string
  /** Epoch milliseconds. */
  readonly now: number
}

type Alteration = (request: CallbackRequest, context: AlterationContext) => CallbackRequest

const withSignature = ({ headers, body }: CallbackRequest, signature: string | undefined): CallbackRequest => {
  const { 'x-signature': _given, ...others } = headers
  return { headers: signature === undefined ? others : { ...others, 'x-signature': signature }, body }
}

/** A member of the body set or removed, and signed again where it was signed. */
const withMember = (request: CallbackRequest, secret: string, name: string, value: unknown): CallbackRequest => {
  const { [name]: _given, ...others } = JSON.parse(request.body) as Record<string, unknown>
  const body = JSON.stringify(value === undefined ? others : { ...others, [name]: value })
  const signed = request.headers['x-signature'] !== undefined
  return withSignature({ ...request, body }, signed ? sign(secret, body) : undefined)
}

const signatureOf = ({ headers }: CallbackRequest) => headers['x-signature']

/** A signature changed; a dialect without one carries a token, which is changed instead. */
const bySignature =
  (
    change: (signature: string, request: CallbackRequest, context: AlterationContext) => string | undefined,
  ): Alteration =>
  (request, context) => {
    const signature = signatureOf(request)
    if (signature !== undefined) return withSignature(request, change(signature, request, context))
    return /"token"\s*:/.test(request.body) ? withMember(request, context.secret, 'token', 'altered-token') : request
  }

const signedWith = (change: (secret: string) => string): Alteration =>
  bySignature((_signature, { body }, { secret }) => sign(change(secret), body))

const stamped =
  (stamp: (seconds: number) => unknown): Alteration =>
  (request, { secret, now }) =>
    withMember(request, secret, 'timestamp', stamp(Math.floor(now / 1000)))

const table = {
  signature: bySignature((signature) => signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))),
  'signature-missing': bySignature(() => undefined),
  'signature-empty': bySignature(() => ''),
  'signature-upper-case': bySignature((signature) => signature.toUpperCase()),
  'signature-prefix': bySignature((signature) => `sha256=${signature}`),
  'signature-base64': bySignature((signature) => Buffer.from(signature, 'hex').toString('base64')),
  'signature-cut': bySignature((signature) => signature.slice(0, -1)),
  'signature-sha1': bySignature((_signature, { body }, { secret }) =>
    createHmac('sha1', secret).update(body).digest('hex'),
  ),
  secret: signedWith((secret) => `not-${secret}`),
  'secret-empty': signedWith(() => ''),
  'secret-newline': signedWith((secret) => `${secret}\n`),
  body: (request) => ({ ...request, body: `${request.body} ` }),
  'body-reencoded': (request) => ({ ...request, body: phpJson(JSON.parse(request.body)) }),
  'body-cut': (request) => ({ ...request, body: request.body.slice(0, -1) }),
  timestamp: stamped((seconds) => seconds - freshnessSeconds - 1),
  'timestamp-future': stamped((seconds) => seconds + freshnessSeconds + 60),
  'timestamp-missing': stamped(() => undefined),
  'timestamp-milliseconds': stamped((seconds) => seconds * 1000),
  'timestamp-text': stamped((seconds) => new Date(seconds * 1000).toISOString()),
  'job-unknown': (request, { secret }) => withMember(request, secret, 'job_id', 'ffffffff-ffff-4fff-8fff-ffffffffffff'),
} satisfies Record<string, Alteration>

/** A named way in which a callback is made wrong. All but `timestamp…` and `job-unknown` leave the signature behind. */
export type AlterationName = keyof typeof table
export const alterationNames = Object.keys(table) as [AlterationName, ...AlterationName[]]

/** A callback made wrong in one named way, and right in all others. */
export function alterCallback(
  name: AlterationName,
  request: CallbackRequest,
  context: AlterationContext,
): CallbackRequest {
  return table[name](request, context)
}
