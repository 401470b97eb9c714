import {
  checksumAlgorithms,
  partHeaders,
  type ChecksumAlgorithm,
  type ChecksumType,
} from '../../cloud/objects/checksums.ts'
import type { ObjectHead } from '../../cloud/objects/objects.ts'
import { S3Error } from './errors.ts'
import type { Headers } from './request.ts'

/** Headers that are kept with an object and come back with it. */
const kept = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
]

/** Query parameters that replace a header of the answer. */
const overrides = [
  'content-type',
  'content-disposition',
  'content-encoding',
  'content-language',
  'cache-control',
  'expires',
]

const largestMetadata = 2048

/** What an upload says about its object. Throws S3Error `metadata-too-large`. */
export function metadataOf(headers: Headers): { contentType: string; headers: Record<string, string> } {
  const found: Record<string, string> = {}
  let size = 0
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    if (name.startsWith('x-amz-meta-')) {
      size += name.length - 'x-amz-meta-'.length + value.length
      found[name] = value
    } else if (kept.includes(name)) {
      const stored = name === 'content-encoding' ? encodingOf(value) : value
      if (stored !== '') found[name] = stored
    }
  }
  if (size > largestMetadata) {
    throw new S3Error('metadata-too-large', `${size} bytes of metadata`, { size, limit: largestMetadata })
  }
  return { contentType: headers['content-type'] || 'binary/octet-stream', headers: found }
}

/** How the SDK wrapped the body on its way is not how the object is encoded. */
const encodingOf = (header: string) =>
  header
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding.toLowerCase() !== 'aws-chunked')
    .join(',')

/** The headers of an answer that carries an object; its checksum is told to who asks for it, and for the whole only. */
export function objectHeaders(object: ObjectHead, withChecksum: boolean): Record<string, string> {
  const { checksum, rest } = partHeaders(object.headers)
  return {
    ...rest,
    ...(withChecksum ? checksum : {}),
    'accept-ranges': 'bytes',
    'content-type': object.contentType,
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.created).toUTCString(),
    'x-content-type-options': 'nosniff',
  }
}

/** What `response-content-type` and its like say. Throws S3Error `invalid-argument`. */
export function overridesOf(query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of overrides) {
    const value = query.get(`response-${name}`)
    if (value === null) continue
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      const message = 'Header value cannot be represented using ISO-8859-1.'
      throw new S3Error('invalid-argument', message, { name: `response-${name}`, value })
    }
    headers[name] = value
  }
  return headers
}

/** The algorithm that a header names; undefined where it is not given. Throws S3Error `invalid-request`. */
export function checksumAlgorithmOf(headers: Headers): ChecksumAlgorithm | undefined {
  const given = headers['x-amz-checksum-algorithm']
  if (given === undefined) return undefined
  const found = checksumAlgorithms.find((algorithm) => algorithm === given.toUpperCase())
  if (found !== undefined) return found
  throw new S3Error(
    'invalid-request',
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumAlgorithms.join(', ')}]`,
  )
}

/** Of what a multipart object's checksum will be. Throws S3Error `invalid-request`. */
export function checksumTypeOf(headers: Headers, algorithm: ChecksumAlgorithm): ChecksumType {
  const fallback = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE'
  const given = (headers['x-amz-checksum-type'] ?? fallback).toUpperCase()
  const possible: readonly ChecksumType[] =
    algorithm === 'CRC64NVME'
      ? ['FULL_OBJECT']
      : algorithm.startsWith('SHA')
        ? ['COMPOSITE']
        : ['FULL_OBJECT', 'COMPOSITE']
  const found = possible.find((type) => type === given)
  if (found !== undefined) return found
  throw new S3Error(
    'invalid-request',
    `The ${given} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  )
}
