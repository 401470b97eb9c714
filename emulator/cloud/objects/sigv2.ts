import { createHmac } from 'node:crypto'
import { equalSignatures } from '../../../contracts/sigv4.ts'
import { ObjectsError } from './errors.ts'
import type { Known, WireRequest } from './sigv4.ts'

/** Query parameters that belong to what is signed, as botocore has them; all others do not. */
const signedParameters = new Set([
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'defaultObjectAcl',
  'delete',
  'inventory',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'partNumber',
  'policy',
  'replication',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'restore',
  'select',
  'select-type',
  'storageClass',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
])

/** Whether a request means to be authenticated by its query, as SDKs of before 2014 and boto3 by default do it. */
export function isPresignedV2(query: string): boolean {
  const parameters = new URLSearchParams(query)
  return parameters.has('AWSAccessKeyId') || (parameters.has('Signature') && parameters.has('Expires'))
}

/**
 * What signature version 2 signs. The path is as it came on the wire, still encoded; the bucket stands before it, also
 * where the client named it in the Host. The host is not signed: such a URL works under any name.
 */
export function stringToSignV2(request: WireRequest, expires: string, bucketOfHost: string | undefined): string {
  const parameters = [...new URLSearchParams(request.query)]
  const amz = new Map(
    [...Object.entries(request.headers), ...parameters]
      .map(([name, value]) => [name.toLowerCase(), value ?? ''] as const)
      .filter(([name]) => name.startsWith('x-amz-')),
  )
  const signed = parameters
    .filter(([name]) => signedParameters.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&')
  return [
    request.method,
    request.headers['content-md5'] ?? '',
    request.headers['content-type'] ?? '',
    expires,
    ...[...amz].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value.trim()}`),
    `${bucketOfHost === undefined ? '' : `/${bucketOfHost}`}${request.path}${signed === '' ? '' : `?${signed}`}`,
  ].join('\n')
}

/** HMAC-SHA1 in Base64. */
export function signV2(stringToSign: string, secret: string): string {
  return createHmac('sha1', secret).update(stringToSign).digest('base64')
}

/** Checks a request presigned by signature version 2: its form, its time, its signature. Throws ObjectsError. */
export function verifyPresignedV2(request: WireRequest, bucketOfHost: string | undefined, known: Known): void {
  const parameters = new URLSearchParams(request.query)
  const [accessKeyId, signature, expires] = ['AWSAccessKeyId', 'Signature', 'Expires'].map((name) =>
    parameters.get(name),
  )
  if (!accessKeyId || !signature || !expires) {
    throw new ObjectsError('presign-v2-parameters', 'the query lacks Signature, Expires or AWSAccessKeyId')
  }
  if (!/^\d{1,12}$/.test(expires)) {
    throw new ObjectsError('presign-v2-expires', `Invalid date (should be seconds since epoch): ${expires}`)
  }
  const end = Number(expires) * 1000
  if (known.now >= end) {
    throw new ObjectsError('request-expired', 'the URL has expired', { expires: end, now: known.now })
  }
  const secret = known.secretOf(accessKeyId)
  if (secret === undefined) {
    if (!known.strict) return
    throw new ObjectsError('unknown-access-key', `the access key ${accessKeyId} is not known`, { accessKeyId })
  }
  // A bucket's own path is signed with a slash at its end, also where the address has none.
  const isBucket = bucketOfHost === undefined && /^\/[^/]+$/.test(request.path)
  const paths = isBucket ? [request.path, `${request.path}/`] : [request.path]
  const signed = paths.map((path) => stringToSignV2({ ...request, path }, expires, bucketOfHost))
  if (signed.some((text) => equalSignatures(signV2(text, secret), signature))) return
  const [stringToSign] = signed
  throw new ObjectsError('signature-mismatch', 'the signature does not belong to this request', {
    accessKeyId,
    signatureProvided: signature,
    stringToSign,
  })
}
