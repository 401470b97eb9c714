import { createHash } from 'node:crypto'
import {
  checksumAlgorithms,
  checksumHeader,
  checksumLength,
  checksumOf,
  type Checksum,
} from '../../cloud/objects/checksums.ts'
import { ObjectsError } from '../../cloud/objects/errors.ts'
import { S3Error } from './errors.ts'
import type { ChunkMismatch, ChunkSignatures } from '../signature/chunks.ts'
import type { Headers, S3Request } from './request.ts'

export interface Payload {
  readonly bytes: Uint8Array
  /** What came along, in a header or behind the bytes, and has been found right. */
  readonly checksum: Checksum | undefined
}

/**
 * The bytes of an upload, out of whatever the SDK wrapped them in, checked against the digests that came along, and
 * its chunks against their signatures where signatures are verified. Throws S3Error, ObjectsError.
 */
export function decodePayload({ body, headers, chunks }: Pick<S3Request, 'body' | 'headers' | 'chunks'>): Payload {
  const signatures = isSignedStream(headers) ? chunks : undefined
  const { bytes, trailers } = isChunked(headers)
    ? decodeChunks(Buffer.from(body.buffer, body.byteOffset, body.byteLength), signatures)
    : { bytes: body, trailers: {} }
  const announced = headers['x-amz-decoded-content-length']
  if (announced !== undefined && Number(announced) !== bytes.byteLength) {
    throw new S3Error('incomplete-body', `${bytes.byteLength} bytes came, ${announced} were announced`)
  }
  checkTrailers(headers, trailers)
  checkPayloadHash(bytes, headers)
  checkMd5(bytes, headers)
  return { bytes, checksum: checkedChecksum(bytes, { ...headers, ...trailers }) }
}

function isChunked(headers: Headers): boolean {
  return (
    /\baws-chunked\b/i.test(headers['content-encoding'] ?? '') ||
    (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-')
  )
}

/** Whether each chunk of the body is signed. */
const isSignedStream = (headers: Headers) => (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-AWS4-')

/** `aws-chunked`: `size[;chunk-signature=…]CRLF bytes CRLF`, a chunk of size 0, then trailing headers. */
function decodeChunks(
  body: Buffer,
  signatures: ChunkSignatures | undefined,
): { bytes: Uint8Array; trailers: Record<string, string> } {
  const parts: Buffer[] = []
  const cut = () => new S3Error('incomplete-body', 'an aws-chunked body ended inside a chunk')
  let at = 0
  const readLine = () => {
    const end = body.indexOf('\r\n', at)
    if (end < 0) throw cut()
    const line = body.toString('latin1', at, end)
    at = end + 2
    return line
  }
  for (;;) {
    const [length = '', ...extensions] = readLine().split(';')
    if (!/^[0-9a-f]{1,8}$/i.test(length)) throw cut()
    const size = parseInt(length, 16)
    if (size > 0 && body.length < at + size + 2) throw cut()
    const bytes = body.subarray(at, at + size)
    refuse(signatures?.chunk(bytes, signatureIn(extensions)))
    if (size === 0) break
    parts.push(bytes)
    at += size + 2
  }
  const trailers: Record<string, string> = {}
  while (at < body.length) {
    const line = readLine()
    const colon = line.indexOf(':')
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  const { [trailerSignature]: signature = '', ...signed } = trailers
  const fields = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`)
  if (fields.length > 0) refuse(signatures?.trailer(fields.join(''), signature))
  return { bytes: Buffer.concat(parts), trailers }
}

const trailerSignature = 'x-amz-trailer-signature'

const signatureIn = (extensions: readonly string[]) =>
  extensions.map((extension) => /^\s*chunk-signature=([0-9a-f]*)\s*$/.exec(extension)?.[1]).find(Boolean) ?? ''

function refuse(mismatch: ChunkMismatch | undefined): void {
  if (mismatch === undefined) return
  throw new ObjectsError('signature-mismatch', 'the signature of a chunk does not belong to it', { ...mismatch })
}

function checkTrailers(headers: Headers, trailers: Headers): void {
  const announced = (headers['x-amz-trailer'] ?? '').split(',').map((name) => name.trim().toLowerCase())
  for (const name of announced) {
    if (name === '' || trailers[name] !== undefined) continue
    throw new S3Error('malformed-trailer', `the trailing header ${name} was announced and did not come`)
  }
}

/** The words that stand for a hash in x-amz-content-sha256. */
const unhashed =
  /^(UNSIGNED-PAYLOAD|STREAMING-UNSIGNED-PAYLOAD-TRAILER|STREAMING-AWS4-(HMAC-SHA256|ECDSA-P256-SHA256)-PAYLOAD(-TRAILER)?)$/

/** Whether a body is what its signature says. Throws S3Error. */
export function checkPayloadHash(bytes: Uint8Array, headers: Headers): void {
  const given = headers['x-amz-content-sha256']
  if (given === undefined || unhashed.test(given)) return
  if (!/^[0-9a-f]{64}$/i.test(given)) {
    throw new S3Error('payload-hash', `${given} is neither a SHA-256 nor one of its stand-ins`, { value: given })
  }
  const computed = createHash('sha256').update(bytes).digest('hex')
  if (computed === given.toLowerCase()) return
  throw new S3Error('payload-hash-mismatch', 'the body is not what was signed', { client: given, computed })
}

function checkMd5(bytes: Uint8Array, headers: Headers): void {
  const md5 = headers['content-md5']
  if (md5 === undefined) return
  if (!/^[A-Za-z0-9+/]{22}==$/.test(md5)) {
    throw new S3Error('invalid-digest', `Content-MD5 ${md5} is no MD5 in Base64`, { value: md5 })
  }
  const calculated = createHash('md5').update(bytes).digest('base64')
  if (calculated === md5) return
  const message = 'The Content-MD5 you specified did not match what we received.'
  throw new ObjectsError('bad-digest', message, { expected: md5, calculated })
}

/** The one checksum among the headers, right in form; of what is not said. Throws S3Error `invalid-request`. */
export function givenChecksum(headers: Headers): Checksum | undefined {
  const given = checksumAlgorithms.flatMap((algorithm) => {
    const value = headers[checksumHeader(algorithm)]
    return value === undefined ? [] : [{ algorithm, value }]
  })
  if (given.length > 1) {
    throw new S3Error(
      'invalid-request',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    )
  }
  return given[0]
}

function checkedChecksum(bytes: Uint8Array, headers: Headers): Checksum | undefined {
  const given = givenChecksum(headers)
  if (given === undefined) {
    if (headers['x-amz-sdk-checksum-algorithm'] === undefined) return undefined
    throw new S3Error(
      'invalid-request',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    )
  }
  const { algorithm, value } = given
  const decoded = Buffer.from(value, 'base64')
  if (decoded.length !== checksumLength[algorithm] || decoded.toString('base64') !== value) {
    throw new S3Error('invalid-request', `Value for ${checksumHeader(algorithm)} header is invalid.`)
  }
  const calculated = checksumOf(algorithm, bytes)
  if (calculated === value) return given
  const message = `The ${algorithm} you specified did not match the calculated checksum.`
  throw new ObjectsError('bad-digest', message, { expected: value, calculated })
}
