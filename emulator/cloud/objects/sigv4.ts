import type { KeyObject } from 'node:crypto'
import {
  algorithm,
  amzDate,
  canonicalQuery,
  encodePath,
  equalSignatures,
  parseAmzDate,
  parseQuery,
  signV4,
  skewMs,
  type Credentials,
  type Parameters,
  type Scope,
} from '../../../contracts/sigv4.ts'
import { ObjectsError } from './errors.ts'

const longestTtlSeconds = 604_800

/** Decodes what came on the wire; throws `malformed-uri`. */
export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new ObjectsError('malformed-uri', `the path ${path} is not percent-encoded UTF-8`)
  }
}

/** The query string that makes a request valid for `ttlSeconds` from `at` on; the payload is not signed. */
export function presignQuery(request: {
  readonly method: string
  /** With the port, where it is not the scheme's own. */
  readonly host: string
  /** Encoded, as it will be on the wire. */
  readonly path: string
  /** What else the query says, such as `response-content-disposition`. */
  readonly parameters?: Parameters
  readonly credentials: Credentials
  readonly region: string
  /** 1 to 604,800. */
  readonly ttlSeconds: number
  /** Epoch milliseconds. */
  readonly at: number
  /** The signing key of a scope, where many URLs are made. */
  readonly keyOf?: (scope: Scope) => KeyObject
}): string {
  const { credentials, region, ttlSeconds } = request
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > longestTtlSeconds) {
    throw new RangeError(`a presigned URL lives 1 to ${longestTtlSeconds} seconds, not ${ttlSeconds}`)
  }
  const date = amzDate(request.at)
  const scope = { day: date.slice(0, 8), region, service: 's3' }
  const parameters: Parameters = [
    ...(request.parameters ?? []),
    ['X-Amz-Algorithm', algorithm],
    ['X-Amz-Credential', `${credentials.accessKeyId}/${scope.day}/${region}/s3/aws4_request`],
    ['X-Amz-Date', date],
    ['X-Amz-Expires', String(ttlSeconds)],
    ['X-Amz-SignedHeaders', 'host'],
  ]
  const { signature } = signV4({
    method: request.method,
    path: request.path,
    parameters,
    headers: [['host', request.host]],
    payloadHash: 'UNSIGNED-PAYLOAD',
    date,
    scope,
    secret: credentials.secretAccessKey,
    key: request.keyOf?.(scope),
  })
  return `${canonicalQuery(parameters)}&X-Amz-Signature=${signature}`
}

/** A request as it came on the wire. */
export interface WireRequest {
  readonly method: string
  /** Still encoded. */
  readonly path: string
  /** Still encoded, without the question mark. */
  readonly query: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** What a signature is checked against. */
export interface Known {
  /** Epoch milliseconds. */
  readonly now: number
  /** The secret that belongs to an access key; undefined where nobody knows it. */
  readonly secretOf: (accessKeyId: string) => string | undefined
  /** Refuse access keys that are not known, whose signature cannot be checked. */
  readonly strict: boolean
}

const required = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-Date',
  'X-Amz-SignedHeaders',
  'X-Amz-Expires',
] as const

/** Whether a request means to be authenticated by its query. */
export function isPresigned(query: string): boolean {
  const names = new Set(parseQuery(query).map(([name]) => name))
  return required.some((name) => names.has(name))
}

const malformed = (message: string) => new ObjectsError('presign-parameters', message)

/** Reads the six parameters; throws `presign-parameters` with AWS's words. */
function parsePresigned(parameters: Parameters) {
  const values = new Map(parameters.toReversed())
  const get = (name: (typeof required)[number]) => {
    const value = values.get(name)
    if (value === undefined || value === '') {
      throw malformed(
        'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, ' +
          'X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
      )
    }
    return value
  }
  const [given, credential, signature, date, signedHeaders, expires] = required.map(get) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  if (given !== algorithm) throw malformed(`X-Amz-Algorithm only supports "${algorithm}"`)

  const parts = /^([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request$/.exec(credential)
  const [, accessKeyId, day, region, service] = parts ?? []
  if (accessKeyId === undefined || day === undefined || region === undefined || service === undefined) {
    throw malformed(
      'Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; ' +
        'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    )
  }
  if (service !== 's3') {
    throw malformed(
      `Error parsing the X-Amz-Credential parameter; incorrect service "${service}". This endpoint belongs to "s3".`,
    )
  }
  const at = parseAmzDate(date)
  if (at === undefined) {
    throw malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
  }
  if (!date.startsWith(day)) {
    throw malformed(`Invalid credential date "${day}". This date is not the same as X-Amz-Date: "${date.slice(0, 8)}".`)
  }
  if (!/^-?\d+$/.test(expires)) throw malformed('X-Amz-Expires should be a number')
  const ttlSeconds = Number(expires)
  if (ttlSeconds < 0) throw malformed('X-Amz-Expires must be non-negative')
  if (ttlSeconds > longestTtlSeconds) {
    throw malformed(
      'X-Amz-Expires must be less than a week (in seconds); ' +
        'that is, the given X-Amz-Expires must be less than 604800 seconds',
    )
  }
  return {
    accessKeyId,
    scope: { day, region, service },
    signature,
    date,
    at,
    ttlSeconds,
    signedHeaders: signedHeaders.split(';'),
    payloadHash: values.get('X-Amz-Content-Sha256'),
  }
}

/**
 * Checks a presigned request in the order in which S3 does: its form, its time, its headers, its signature.
 * The signature is right if it is right for any of `hosts`, since the same emulator has several names.
 * Throws ObjectsError.
 */
export function verifyPresigned(
  request: WireRequest,
  known: Known & {
    /** In the order in which they are tried; the first is the request's own. */
    readonly hosts: readonly string[]
  },
): void {
  const parameters = parseQuery(request.query)
  const signed = parsePresigned(parameters)
  const { now } = known
  if (signed.at > now + skewMs) {
    const expires = signed.at + signed.ttlSeconds * 1000
    throw new ObjectsError('request-not-yet-valid', 'the URL is dated in the future', { at: signed.at, expires, now })
  }
  const expires = signed.at + signed.ttlSeconds * 1000
  if (now >= expires) {
    throw new ObjectsError('request-expired', 'the URL has expired', { ttlSeconds: signed.ttlSeconds, expires, now })
  }

  const unsigned = ['host', ...Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))].filter(
    (name) => !signed.signedHeaders.includes(name),
  )
  if (unsigned.length > 0) {
    throw new ObjectsError('headers-not-signed', `these headers are not signed: ${unsigned.join(', ')}`, {
      headers: unsigned,
    })
  }

  const secret = known.secretOf(signed.accessKeyId)
  if (secret === undefined) {
    if (!known.strict) return
    throw new ObjectsError('unknown-access-key', `the access key ${signed.accessKeyId} is not known`, {
      accessKeyId: signed.accessKeyId,
    })
  }
  const path = encodePath(decodePath(request.path))
  const expected = known.hosts.map((host) =>
    signV4({
      method: request.method,
      path,
      parameters,
      headers: signed.signedHeaders.map((name) => [name, name === 'host' ? host : (request.headers[name] ?? '')]),
      payloadHash: signed.payloadHash ?? request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
      date: signed.date,
      scope: signed.scope,
      secret,
    }),
  )
  if (expected.some(({ signature }) => equalSignatures(signature, signed.signature))) return
  throw new ObjectsError('signature-mismatch', 'the signature does not belong to this request', {
    accessKeyId: signed.accessKeyId,
    signatureProvided: signed.signature,
    stringToSign: expected[0]?.stringToSign,
    canonicalRequest: expected[0]?.canonicalRequest,
  })
}
