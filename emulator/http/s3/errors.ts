import type { ObjectsErrorCode } from '../../cloud/objects/errors.ts'
import { EmulatorError } from '../../kernel/errors.ts'

/** What this face refuses by itself, before the bucket service sees it. */
export type FaceErrorCode =
  | 'no-credentials'
  | 'invalid-range'
  | 'invalid-argument'
  | 'bad-digest'
  | 'invalid-digest'
  | 'incomplete-body'
  | 'too-large'
  | 'method-not-allowed'
  | 'not-implemented'

export type S3ErrorCode = ObjectsErrorCode | FaceErrorCode

export class S3Error extends EmulatorError<FaceErrorCode> {}

type Details = Readonly<Record<string, unknown>>
type Element = readonly [name: string, value: string]

interface Wire {
  readonly status: number
  readonly code: string
  /** AWS's words, or the refusal's own where AWS's depend on the case. */
  readonly message?: string
  /** Elements between Message and RequestId. */
  readonly elements?: (details: Details) => readonly Element[]
}

const text = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
/** `2026-03-14T15:09:26Z`. */
const time = (value: unknown) => (typeof value === 'number' ? new Date(value).toISOString().replace(/\.\d+/, '') : '')

/** Every refusal as S3 words it. */
const table: Readonly<Record<S3ErrorCode, Wire>> = {
  'no-such-bucket': {
    status: 404,
    code: 'NoSuchBucket',
    message: 'The specified bucket does not exist',
    elements: ({ bucket }) => [['BucketName', text(bucket)]],
  },
  'no-such-key': {
    status: 404,
    code: 'NoSuchKey',
    message: 'The specified key does not exist.',
    elements: ({ key }) => [['Key', text(key)]],
  },
  'key-too-long': {
    status: 400,
    code: 'KeyTooLongError',
    message: 'Your key is too long',
    elements: ({ length, longestKey }) => [
      ['Size', text(length)],
      ['MaxSizeAllowed', text(longestKey)],
    ],
  },
  'presign-parameters': { status: 400, code: 'AuthorizationQueryParametersError' },
  'request-expired': {
    status: 403,
    code: 'AccessDenied',
    message: 'Request has expired',
    elements: ({ ttlSeconds, expires, now }) => [
      ['X-Amz-Expires', text(ttlSeconds)],
      ['Expires', time(expires)],
      ['ServerTime', time(now)],
    ],
  },
  'request-not-yet-valid': {
    status: 403,
    code: 'AccessDenied',
    message: 'Request is not yet valid',
    elements: ({ at, expires, now }) => [
      // In epoch milliseconds, other than in every other place.
      ['X-Amz-Date', text(at)],
      ['Expires', time(expires)],
      ['ServerTime', time(now)],
    ],
  },
  'headers-not-signed': {
    status: 403,
    code: 'AccessDenied',
    message: 'There were headers present in the request which were not signed',
    elements: ({ headers }) => [['HeadersNotSigned', Array.isArray(headers) ? headers.join(', ') : '']],
  },
  'unknown-access-key': {
    status: 403,
    code: 'InvalidAccessKeyId',
    message: 'The AWS Access Key Id you provided does not exist in our records.',
    elements: ({ accessKeyId }) => [['AWSAccessKeyId', text(accessKeyId)]],
  },
  'signature-mismatch': {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message:
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    elements: ({ accessKeyId, stringToSign, signatureProvided, canonicalRequest }) => [
      ['AWSAccessKeyId', text(accessKeyId)],
      ['StringToSign', text(stringToSign)],
      ['SignatureProvided', text(signatureProvided)],
      ['CanonicalRequest', text(canonicalRequest)],
    ],
  },
  'malformed-uri': { status: 400, code: 'InvalidURI', message: "Couldn't parse the specified URI." },
  'no-credentials': { status: 403, code: 'AccessDenied', message: 'Access Denied' },
  'invalid-range': {
    status: 416,
    code: 'InvalidRange',
    message: 'The requested range is not satisfiable',
    elements: ({ range, size }) => [
      ['RangeRequested', text(range)],
      ['ActualObjectSize', text(size)],
    ],
  },
  'invalid-argument': {
    status: 400,
    code: 'InvalidArgument',
    elements: ({ name, value }) => [
      ['ArgumentName', text(name)],
      ['ArgumentValue', text(value)],
    ],
  },
  'bad-digest': {
    status: 400,
    code: 'BadDigest',
    elements: ({ expected, calculated }) => [
      ['ExpectedDigest', text(expected)],
      ['CalculatedDigest', text(calculated)],
    ],
  },
  'invalid-digest': { status: 400, code: 'InvalidDigest', message: 'The Content-MD5 you specified was invalid.' },
  'incomplete-body': {
    status: 400,
    code: 'IncompleteBody',
    message: 'The request body terminated unexpectedly',
  },
  'too-large': {
    status: 400,
    code: 'EntityTooLarge',
    message: 'Your proposed upload exceeds the maximum allowed size',
    elements: ({ limit }) => [['MaxSizeAllowed', text(limit)]],
  },
  'method-not-allowed': {
    status: 405,
    code: 'MethodNotAllowed',
    message: 'The specified method is not allowed against this resource.',
    elements: ({ method }) => [['Method', text(method)]],
  },
  'not-implemented': { status: 501, code: 'NotImplemented' },
}

const isKnown = (code: string): code is S3ErrorCode => Object.hasOwn(table, code)

export interface WireError {
  readonly status: number
  readonly body: string
}

/** The answer that says it; undefined for what is no refusal of ours. */
export function wireError(
  error: unknown,
  ids: { readonly requestId: string; readonly hostId: string },
): WireError | undefined {
  if (!(error instanceof EmulatorError)) return undefined
  const known = String(error.code)
  if (!isKnown(known)) return undefined
  const { status, code, message = error.message, elements } = table[known]
  return { status, body: errorBody(code, message, elements?.(error.details) ?? [], ids) }
}

export function errorBody(
  code: string,
  message: string,
  elements: readonly Element[],
  { requestId, hostId }: { readonly requestId: string; readonly hostId: string },
): string {
  const all: readonly Element[] = [
    ['Code', code],
    ['Message', message],
    ...elements,
    ['RequestId', requestId],
    ['HostId', hostId],
  ]
  const xml = all.map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`).join('')
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${xml}</Error>`
}

/** XML 1.0 has no form at all for most control characters: they become U+FFFD. */
function escapeXml(value: string): string {
  return value
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#xD;')
}
