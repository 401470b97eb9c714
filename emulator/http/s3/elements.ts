import { checksumAlgorithms, type Checksum } from '../../cloud/objects/checksums.ts'
import type { Child, Content } from './xml.ts'

/** `2026-03-14T15:09:26.000Z`. */
export const timeOf = (at: number) => new Date(at).toISOString()

export const etagElement = (etag: string): Child => ['ETag', `"${etag}"`]

/** `ChecksumCRC32` and `ChecksumType`, out of an object's headers. */
export function checksumElements(headers: Readonly<Record<string, string>>): Child[] {
  return [
    ...checksumAlgorithms.map((algorithm): Child => [
      `Checksum${algorithm}`,
      headers[`x-amz-checksum-${algorithm.toLowerCase()}`],
    ]),
    ['ChecksumType', headers['x-amz-checksum-type']],
  ]
}

export const checksumElement = (checksum: Checksum | undefined): Child[] =>
  checksum === undefined ? [] : [[`Checksum${checksum.algorithm}`, checksum.value]]

/** Whose everything is. */
const identity: Content = [
  ['ID', '75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a'],
  ['DisplayName', 'offload'],
]
export const ownerElement: Child = ['Owner', identity]
export const initiatorElement: Child = ['Initiator', identity]
