import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const checksumAlgorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number]

/** Of the object's bytes, or of its parts' checksums, one after the other. */
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE'

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  /** Base64; where it is composite, a hyphen and the number of parts follow. */
  readonly value: string
}

/** How many bytes a checksum has. */
export const checksumLength: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
}

const digests: Readonly<Record<ChecksumAlgorithm, (bytes: Uint8Array) => Buffer>> = {
  CRC32: (bytes) => words(crc32(bytes)),
  CRC32C: (bytes) => words(crc32c(bytes)),
  CRC64NVME: crc64nvme,
  SHA1: (bytes) => createHash('sha1').update(bytes).digest(),
  SHA256: (bytes) => createHash('sha256').update(bytes).digest(),
}

/** In Base64, as on the wire. */
export function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  return digests[algorithm](bytes).toString('base64')
}

/** A multipart object's checksum that is made of its parts'. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): string {
  const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')))
  return `${checksumOf(algorithm, bytes)}-${parts.length}`
}

const prefix = 'x-amz-checksum-'

/** `x-amz-checksum-crc32`. */
export const checksumHeader = (algorithm: ChecksumAlgorithm) => `${prefix}${algorithm.toLowerCase()}`

/** The headers by which an object keeps and tells its checksum. */
export function checksumHeaders({ algorithm, value }: Checksum, type: ChecksumType): Record<string, string> {
  return { [checksumHeader(algorithm)]: value, [`${prefix}type`]: type }
}

/** The checksum among an object's headers, and what else there is. */
export function partHeaders(headers: Readonly<Record<string, string>>) {
  const algorithm = checksumAlgorithms.find((name) => headers[checksumHeader(name)] !== undefined)
  const split = (wanted: boolean) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith(prefix) === wanted))
  return { algorithm, checksum: split(true), rest: split(false) }
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) buffer.writeUInt32BE(value, index * 4)
  return buffer
}

// Castagnoli's polynomial, reflected.
const castagnoli = new Uint32Array(256).map((_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  return crc
})

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let index = 0; index < bytes.length; index++) {
    crc = (castagnoli[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

// NVM Express' polynomial, reflected, in two halves: numbers have no 64 bits, and BigInt is a hundred times slower.
const nvmeHigh = new Uint32Array(256)
const nvmeLow = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte]
  for (let bit = 0; bit < 8; bit++) {
    const odd = low & 1
    low = (low >>> 1) | ((high & 1) << 31)
    high >>>= 1
    if (odd) {
      high ^= 0x9a6c9329
      low ^= 0xac4bc9b5
    }
  }
  nvmeHigh[byte] = high
  nvmeLow[byte] = low
}

function crc64nvme(bytes: Uint8Array): Buffer {
  let [high, low] = [-1, -1]
  for (let index = 0; index < bytes.length; index++) {
    const entry = (low ^ (bytes[index] ?? 0)) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ (nvmeLow[entry] ?? 0)
    high = (high >>> 8) ^ (nvmeHigh[entry] ?? 0)
  }
  return words(~high >>> 0, ~low >>> 0)
}
