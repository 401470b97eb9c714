import {
  algorithm,
  amzDate,
  encodePath,
  equalSignatures,
  parseAmzDate,
  parseQuery,
  sha256,
  signV4,
  skewMs,
  type Credentials,
  type Scope,
} from '../../../contracts/sigv4.ts'
import type { SeedSignature } from './chunks.ts'

/** Why a signed request is refused; each protocol has these in its table of errors. */
export type SignatureErrorCode =
  /** Nothing says who sends it. */
  | 'access-denied'
  /** Nobody has this access key. */
  | 'unknown-access-key'
  /** Something is missing or malformed. */
  | 'signature-incomplete'
  | 'signature-mismatch'
  /** The signer's clock differs too much, or a signed URL is too old. */
  | 'signature-expired'

export type SignatureVerdict =
  /** With what it was signed: what the signatures of a body's chunks begin with. */
  | { readonly ok: true; readonly seed: SeedSignature }
  | {
      readonly ok: false
      readonly code: SignatureErrorCode
      /** In AWS's words. */
      readonly message: string
      /** What a service may want to show: for a mismatch what was signed here. */
      readonly details: Readonly<Record<string, string>>
    }

export interface SignedRequest {
  readonly method: string
  /** The request target as it came: path and query, still encoded. */
  readonly originalUrl: string
  /** Names in lower case, as Node has them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The body as it came. S3 signs what `x-amz-content-sha256` says; there it is not looked at. */
  readonly body: Uint8Array
}

export interface Verifier {
  readonly credentials: readonly Credentials[]
  /** Epoch milliseconds. */
  readonly now: number
  /** As the credential's scope names it: `sqs`, `s3`, `ses`. */
  readonly service: string
}

/** What a request says of its signature, read from its header or its query. */
interface Claim {
  readonly credential: string
  readonly signature: string
  readonly signedHeaders: readonly string[]
  readonly date: string
  /** How long it is good for, beside the skew; undefined for a header. */
  readonly ttlMs: number | undefined
}

type Refusal = Extract<SignatureVerdict, { ok: false }>

const refuse = (
  code: SignatureErrorCode,
  message: string,
  details: Readonly<Record<string, string>> = {},
): Refusal => ({ ok: false, code, message, details })

const incomplete = (message: string) => refuse('signature-incomplete', message)

function headerOf({ headers }: SignedRequest, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'object' ? value.join(',') : value
}

function claimOfHeader(request: SignedRequest, authorization: string): Claim | Refusal {
  const [given = '', ...rest] = authorization.trim().split(/\s+/)
  if (given !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${given}'.`)
  const fields = new Map(
    rest
      .join('')
      .split(',')
      .map((pair) => {
        const equals = pair.indexOf('=')
        return [pair.slice(0, Math.max(0, equals)), pair.slice(equals + 1)] as const
      }),
  )
  const date = headerOf(request, 'x-amz-date') ?? headerOf(request, 'date')
  const missing = ['Credential', 'Signature', 'SignedHeaders'].filter((name) => (fields.get(name) ?? '') === '')
  if (missing.length > 0 || date === undefined) {
    const sentences = missing.map((name) => `Authorization header requires '${name}' parameter.`)
    if (date === undefined) {
      sentences.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    }
    return incomplete(sentences.join(' '))
  }
  return {
    credential: fields.get('Credential') ?? '',
    signature: fields.get('Signature') ?? '',
    signedHeaders: (fields.get('SignedHeaders') ?? '').split(';'),
    date,
    ttlMs: undefined,
  }
}

const queryFields = ['X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date'] as const

function claimOfQuery(values: ReadonlyMap<string, string>): Claim | Refusal {
  const given = values.get('X-Amz-Algorithm')
  if (given !== undefined && given !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${given}'.`)
  const missing = queryFields.filter((name) => (values.get(name) ?? '') === '')
  if (missing.length > 0) {
    const sentences = missing.map((name) => `AWS query-string parameters must include '${name}'.`)
    return incomplete(`${sentences.join(' ')} Re-examine the query-string parameters.`)
  }
  const expires = values.get('X-Amz-Expires') ?? '900'
  if (!/^\d{1,6}$/.test(expires) || Number(expires) > 604_800) {
    return incomplete(`X-Amz-Expires must be a number of seconds from 0 to 604800, not '${expires}'.`)
  }
  return {
    credential: values.get('X-Amz-Credential') ?? '',
    signature: values.get('X-Amz-Signature') ?? '',
    signedHeaders: (values.get('X-Amz-SignedHeaders') ?? '').split(';'),
    date: values.get('X-Amz-Date') ?? '',
    ttlMs: Number(expires) * 1000,
  }
}

function checkTime({ date, ttlMs }: Claim, at: number, now: number): Refusal | undefined {
  const skew = `${skewMs / 60_000} min.`
  // A header is good for as long as clocks may differ; a signed URL for as long as it says.
  const until = at + (ttlMs ?? skewMs)
  if (now > until) {
    return refuse(
      'signature-expired',
      ttlMs === undefined
        ? `Signature expired: ${date} is now earlier than ${amzDate(now - skewMs)} (${amzDate(now)} - ${skew})`
        : `Signature expired: ${date} is now earlier than ${amzDate(now - ttlMs)} (${amzDate(now)} - ${ttlMs / 1000} s.)`,
    )
  }
  if (at > now + skewMs) {
    return refuse(
      'signature-expired',
      `Signature not yet current: ${date} is still later than ${amzDate(now + skewMs)} (${amzDate(now)} + ${skew})`,
    )
  }
  return undefined
}

/** S3 signs a path that is encoded once, in its one right form, however the client wrote it. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function readScope(credential: string): { readonly accessKeyId: string; readonly scope: Scope } | undefined {
  const [accessKeyId, day, region, service, end, ...more] = credential.split('/')
  if (!accessKeyId || !day || !region || !service || end !== 'aws4_request' || more.length > 0) return undefined
  return { accessKeyId, scope: { day, region, service } }
}

/**
 * Checks SigV4 in the `Authorization` header or in the query, in AWS's order: who, in which form, when, and then the
 * signature. Pure: it reads no clock and throws nothing.
 */
export function verifyRequest(request: SignedRequest, { credentials, now, service }: Verifier): SignatureVerdict {
  const mark = request.originalUrl.indexOf('?')
  const path = mark < 0 ? request.originalUrl : request.originalUrl.slice(0, mark)
  const parameters = parseQuery(mark < 0 ? '' : request.originalUrl.slice(mark + 1))
  const values = new Map(parameters)
  const authorization = headerOf(request, 'authorization')
  const inQuery = values.has('X-Amz-Algorithm') || values.has('X-Amz-Credential') || values.has('X-Amz-Signature')
  if (authorization === undefined && !inQuery) {
    return refuse('access-denied', `Access to the resource http://${headerOf(request, 'host') ?? ''}${path} is denied.`)
  }
  const claim = authorization === undefined ? claimOfQuery(values) : claimOfHeader(request, authorization)
  if ('ok' in claim) return claim

  const named = readScope(claim.credential)
  if (named === undefined) {
    return incomplete(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${claim.credential}'`,
    )
  }
  const { accessKeyId, scope } = named
  const secret = credentials.find((known) => known.accessKeyId === accessKeyId)?.secretAccessKey
  if (secret === undefined) {
    return refuse('unknown-access-key', 'The security token included in the request is invalid.', { accessKeyId })
  }
  if (scope.service !== service) {
    return refuse('signature-mismatch', `Credential should be scoped to correct service: '${service}'.`)
  }
  // A Date header is in another form.
  const at = parseAmzDate(claim.date) ?? (claim.ttlMs === undefined ? Date.parse(claim.date) : Number.NaN)
  if (Number.isNaN(at)) {
    return incomplete(
      `Date must be in ISO-8601 'basic format'. Got '${claim.date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  const date = amzDate(at)
  if (!date.startsWith(scope.day)) {
    return refuse(
      'signature-mismatch',
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scope.day}' != '${date.slice(0, 8)}', from '${date}'.`,
    )
  }
  const untimely = checkTime({ ...claim, date }, at, now)
  if (untimely !== undefined) return untimely
  if (!claim.signedHeaders.includes('host')) {
    return refuse('signature-mismatch', "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  }

  const expected = signV4({
    method: request.method,
    path: encodePath(service === 's3' ? decoded(path) : path),
    parameters,
    headers: claim.signedHeaders.map((name) => [name, headerOf(request, name) ?? '']),
    payloadHash:
      service === 's3' ? (headerOf(request, 'x-amz-content-sha256') ?? 'UNSIGNED-PAYLOAD') : sha256(request.body),
    date,
    scope,
    secret,
  })
  if (equalSignatures(expected.signature, claim.signature)) {
    return { ok: true, seed: { signature: expected.signature, date, scope, secret } }
  }
  return refuse(
    'signature-mismatch',
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    {
      accessKeyId,
      signatureProvided: claim.signature,
      stringToSign: expected.stringToSign,
      canonicalRequest: expected.canonicalRequest,
    },
  )
}
