import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { S3Error } from './errors.ts'

type Headers = Readonly<Record<string, string | undefined>>

/**
 * The bytes of an upload, out of whatever the SDK wrapped them in, checked against the digests that came along.
 * Throws S3Error.
 */
export function decodePayload(body: Uint8Array, headers: Headers): Uint8Array {
  const { bytes, trailers } = isChunked(headers) ? decodeChunks(Buffer.from(body)) : { bytes: body, trailers: {} }
  const announced = headers['x-amz-decoded-content-length']
  if (announced !== undefined && Number(announced) !== bytes.byteLength) {
    throw new S3Error('incomplete-body', `${bytes.byteLength} bytes came, ${announced} were announced`)
  }
  checkDigests(bytes, { ...headers, ...trailers })
  return bytes
}

function isChunked(headers: Headers): boolean {
  return (
    /\baws-chunked\b/i.test(headers['content-encoding'] ?? '') ||
    (headers['x-amz-content-sha256'] ?? '').startsWith('STREAMING-')
  )
}

/** `aws-chunked`: `size[;chunk-signature=…]CRLF bytes CRLF`, a chunk of size 0, then trailing headers. */
function decodeChunks(body: Buffer): { bytes: Uint8Array; trailers: Record<string, string> } {
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
    const [length = ''] = readLine().split(';')
    if (!/^[0-9a-f]{1,8}$/i.test(length)) throw cut()
    const size = parseInt(length, 16)
    if (size === 0) break
    if (body.length < at + size + 2) throw cut()
    parts.push(body.subarray(at, at + size))
    at += size + 2
  }
  const trailers: Record<string, string> = {}
  while (at < body.length) {
    const line = readLine()
    const colon = line.indexOf(':')
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { bytes: Buffer.concat(parts), trailers }
}

const hash = (name: string) => (bytes: Uint8Array) => createHash(name).update(bytes).digest('base64')

/** The checksums that Node can compute; of the others (CRC32C, CRC64NVME) we take the client's word. */
const digests: Readonly<Record<string, (bytes: Uint8Array) => string>> = {
  'x-amz-checksum-sha256': hash('sha256'),
  'x-amz-checksum-sha1': hash('sha1'),
  'x-amz-checksum-crc32': (bytes) => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(bytes))
    return sum.toString('base64')
  },
}

function checkDigests(bytes: Uint8Array, headers: Headers): void {
  const md5 = headers['content-md5']
  if (md5 !== undefined) {
    if (!/^[A-Za-z0-9+/]{22}==$/.test(md5))
      throw new S3Error('invalid-digest', `Content-MD5 ${md5} is no MD5 in Base64`)
    const calculated = hash('md5')(bytes)
    if (calculated !== md5) {
      const message = 'The Content-MD5 you specified did not match what we received.'
      throw new S3Error('bad-digest', message, { expected: md5, calculated })
    }
  }
  for (const [name, digest] of Object.entries(digests)) {
    const expected = headers[name]
    if (expected === undefined || digest(bytes) === expected) continue
    const kind = name.replace('x-amz-checksum-', '').toUpperCase()
    throw new S3Error('bad-digest', `The ${kind} you specified did not match the calculated checksum.`)
  }
}
