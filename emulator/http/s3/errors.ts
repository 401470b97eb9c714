import type { ObjectsErrorCode } from '../../cloud/objects/errors.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import { escapeXml } from './escape.ts'

/** What this face refuses by itself, before the bucket service sees it. */
export type FaceErrorCode =
  | 'no-credentials'
  | 'authorization-header'
  | 'time-skewed'
  | 'invalid-range'
  | 'invalid-argument'
  | 'invalid-request'
  | 'invalid-digest'
  | 'payload-hash'
  | 'payload-hash-mismatch'
  | 'missing-digest'
  | 'malformed-trailer'
  | 'malformed-xml'
  | 'metadata-too-large'
  | 'incomplete-body'
  | 'method-not-allowed'
  | 'not-implemented'
  // Only faults say these.
  | 'slow-down'
  | 'service-unavailable'
  | 'internal'

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
  'bucket-name': {
    status: 400,
    code: 'InvalidBucketName',
    message: 'The specified bucket is not valid.',
    elements: ({ bucket }) => [['BucketName', text(bucket)]],
  },
  'bucket-not-empty': {
    status: 409,
    code: 'BucketNotEmpty',
    message: 'The bucket you tried to delete is not empty',
    elements: ({ bucket }) => [['BucketName', text(bucket)]],
  },
  'bucket-in-use': { status: 403, code: 'AccessDenied' },
  'too-many-buckets': {
    status: 400,
    code: 'TooManyBuckets',
    message: 'You have attempted to create more buckets than allowed',
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
  'precondition-failed': {
    status: 412,
    code: 'PreconditionFailed',
    message: 'At least one of the pre-conditions you specified did not hold',
    elements: ({ condition }) => [['Condition', text(condition)]],
  },
  'copy-onto-itself': {
    status: 400,
    code: 'InvalidRequest',
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
      'metadata, storage class, website redirect location or encryption attributes.',
  },
  'continuation-token': {
    status: 400,
    code: 'InvalidArgument',
    message: 'The continuation token provided is incorrect',
    elements: () => [['ArgumentName', 'continuation-token']],
  },
  'no-such-upload': {
    status: 404,
    code: 'NoSuchUpload',
    message:
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    elements: ({ uploadId }) => [['UploadId', text(uploadId)]],
  },
  'too-many-uploads': { status: 400, code: 'InvalidRequest' },
  'invalid-part': {
    status: 400,
    code: 'InvalidPart',
    message:
      'One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified ' +
      "entity tag may not match the part's entity tag.",
    elements: ({ uploadId, part, etag }) => [
      ['UploadId', text(uploadId)],
      ['PartNumber', text(part)],
      ['ETag', text(etag)],
    ],
  },
  'invalid-part-order': {
    status: 400,
    code: 'InvalidPartOrder',
    message: 'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    elements: ({ uploadId }) => [['UploadId', text(uploadId)]],
  },
  'part-too-small': {
    status: 400,
    code: 'EntityTooSmall',
    message: 'Your proposed upload is smaller than the minimum allowed size',
    elements: ({ size, smallestPart, part, etag }) => [
      ['ProposedSize', text(size)],
      ['MinSizeAllowed', text(smallestPart)],
      ['PartNumber', text(part)],
      ['ETag', text(etag)],
    ],
  },
  'too-many-writes': {
    status: 429,
    code: 'TooManyRequests',
    message: 'Reduce your concurrent request rate for the same object.',
  },
  'several-signatures': {
    status: 400,
    code: 'InvalidArgument',
    message:
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or ' +
      'the Authorization header should be specified',
    elements: () => [['ArgumentName', 'Authorization']],
  },
  'presign-parameters': { status: 400, code: 'AuthorizationQueryParametersError' },
  'presign-v2-parameters': {
    status: 403,
    code: 'AccessDenied',
    message: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
  },
  'presign-v2-expires': { status: 403, code: 'AccessDenied' },
  'request-expired': {
    status: 403,
    code: 'AccessDenied',
    message: 'Request has expired',
    elements: ({ ttlSeconds, expires, now }) => [
      // Signature version 2 knows only an end.
      ...(ttlSeconds === undefined ? [] : [['X-Amz-Expires', text(ttlSeconds)] as const]),
      ['Expires', time(expires)],
      ['ServerTime', time(now)],
    ],
  },
  'r2-request-expired': {
    status: 400,
    code: 'ExpiredRequest',
    message: 'Request has expired',
    elements: ({ expires, now }) => [
      ['Expires', time(expires)],
      ['ServerTime', time(now)],
    ],
  },
  'r2-signature-version': {
    status: 401,
    code: 'Unauthorized',
    message: 'SigV2 authorization is not supported. Please use SigV4 instead.',
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
      ...(canonicalRequest === undefined ? [] : [['CanonicalRequest', text(canonicalRequest)] as const]),
    ],
  },
  'malformed-uri': { status: 400, code: 'InvalidURI', message: "Couldn't parse the specified URI." },
  'no-credentials': { status: 403, code: 'AccessDenied', message: 'Access Denied' },
  'authorization-header': { status: 400, code: 'AuthorizationHeaderMalformed' },
  'time-skewed': {
    status: 403,
    code: 'RequestTimeTooSkewed',
    message: 'The difference between the request time and the current time is too large.',
    elements: ({ date, now }) => [
      ['RequestTime', text(date)],
      ['ServerTime', time(now)],
      ['MaxAllowedSkewMilliseconds', '900000'],
    ],
  },
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
  'invalid-request': { status: 400, code: 'InvalidRequest' },
  'payload-hash': {
    status: 400,
    code: 'InvalidArgument',
    message:
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, ' +
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, ' +
      'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    elements: ({ value }) => [
      ['ArgumentName', 'x-amz-content-sha256'],
      ['ArgumentValue', text(value)],
    ],
  },
  'payload-hash-mismatch': {
    status: 400,
    code: 'XAmzContentSHA256Mismatch',
    message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
    elements: ({ client, computed }) => [
      ['ClientComputedContentSHA256', text(client)],
      ['S3ComputedContentSHA256', text(computed)],
    ],
  },
  'missing-digest': {
    status: 400,
    code: 'InvalidRequest',
    message: 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
  },
  'malformed-trailer': {
    status: 400,
    code: 'MalformedTrailerError',
    message: 'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  },
  'malformed-xml': {
    status: 400,
    code: 'MalformedXML',
    message: 'The XML you provided was not well-formed or did not validate against our published schema',
  },
  'metadata-too-large': {
    status: 400,
    code: 'MetadataTooLarge',
    message: 'Your metadata headers exceed the maximum allowed metadata size',
    elements: ({ size, limit }) => [
      ['Size', text(size)],
      ['MaxSizeAllowed', text(limit)],
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
    elements: ({ size, limit }) => [
      ['ProposedSize', text(size)],
      ['MaxSizeAllowed', text(limit)],
    ],
  },
  'method-not-allowed': {
    status: 405,
    code: 'MethodNotAllowed',
    message: 'The specified method is not allowed against this resource.',
    elements: ({ method }) => [['Method', text(method)]],
  },
  'not-implemented': { status: 501, code: 'NotImplemented' },
  'slow-down': { status: 503, code: 'SlowDown' },
  'service-unavailable': { status: 503, code: 'ServiceUnavailable' },
  internal: { status: 500, code: 'InternalError' },
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

/** How S3 says within an answer what it refused of it. */
export function refusalOf(error: EmulatorError<S3ErrorCode>): { readonly code: string; readonly message: string } {
  const { code, message = error.message } = table[error.code]
  return { code, message }
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
