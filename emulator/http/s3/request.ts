import type { Buckets } from '../../cloud/objects/buckets.ts'
import { decodePath } from '../../cloud/objects/sigv4.ts'
import type { ChunkSignatures } from '../signature/chunks.ts'
import { S3Error } from './errors.ts'

/** Names in lower case. */
export type Headers = Readonly<Record<string, string | undefined>>

/** Where a request goes. */
export interface Target {
  /** Empty for the service itself. */
  readonly bucket: string
  /** Empty for the bucket itself. */
  readonly key: string
  /** The bucket, where it stands in the Host (virtual-host style) and not in the path. */
  readonly bucketOfHost: string | undefined
}

/** A request as the operations see it. */
export interface S3Request extends Target {
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly body: Uint8Array
  /** Checks the signatures of an aws-chunked body, where signatures are verified. */
  readonly chunks?: ChunkSignatures | undefined
}

export interface Answer {
  /** 200 unless given. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string | number>>
  /** A text is XML. */
  readonly body?: string | Buffer
}

/**
 * Reads where a request goes: `/bucket/key`, or `bucket.s3.localhost/key` and `bucket.localhost/key`, the latter where
 * there is such a bucket. Throws `malformed-uri`.
 */
export function targetOf(path: string, host: string, buckets: Buckets): Target {
  const decoded = decodePath(path).replace(/^\//, '')
  const bucketOfHost = bucketIn(host, buckets)
  if (bucketOfHost !== undefined) return { bucket: bucketOfHost, key: decoded, bucketOfHost }
  const slash = decoded.indexOf('/')
  return slash < 0
    ? { bucket: decoded, key: '', bucketOfHost }
    : { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1), bucketOfHost }
}

// Of AWS's and R2's own hosts too: calls to them are answered in the same process, without a port (`emulator/msw`).
const virtualHost =
  /^(.+?)(\.s3(?:\.dualstack)?(?:[.-][a-z0-9-]+)?|\.[0-9a-f]{32}(?:\.[a-z]+)?\.r2)?\.(?:localhost|amazonaws\.com|cloudflarestorage\.com)(?::\d+)?$/i

function bucketIn(host: string, buckets: Buckets): string | undefined {
  const [, name, s3] = virtualHost.exec(host) ?? []
  if (name === undefined || /^s3([.-]|$)/i.test(name)) return undefined
  return s3 !== undefined || buckets.find(name) !== undefined ? name : undefined
}

/** A whole number in the query, within bounds; `otherwise` where it is not given. Throws S3Error `invalid-argument`. */
export function integerOf(
  query: URLSearchParams,
  name: string,
  { otherwise, least = 0, most = 2 ** 31 - 1 }: { otherwise?: number; least?: number; most?: number },
): number {
  const value = query.get(name)
  if ((value === null || value === '') && otherwise !== undefined) return otherwise
  const number = /^\d{1,10}$/.test(value ?? '') ? Number(value) : NaN
  if (number >= least && number <= most) return number
  const message =
    name === 'partNumber'
      ? `Part number must be an integer between ${least} and ${most}, inclusive`
      : `Provided ${name} not an integer or within integer range`
  throw new S3Error('invalid-argument', message, { name, value: value ?? '' })
}

/** Encodes as `encoding-type=url` asks; refuses what is no such type. */
export function encodingOf(query: URLSearchParams): (text: string) => string {
  const type = query.get('encoding-type')
  if (type === null || type === '') return (text) => text
  if (type !== 'url') {
    throw new S3Error('invalid-argument', 'Invalid Encoding Method specified in Request', {
      name: 'encoding-type',
      value: type,
    })
  }
  // As a form is encoded, but for the slash.
  return (text) => new URLSearchParams({ '': text }).toString().slice(1).replaceAll('%2F', '/')
}
