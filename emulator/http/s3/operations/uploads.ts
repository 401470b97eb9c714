import { checksumAlgorithms, checksumHeader, type Checksum } from '../../../cloud/objects/checksums.ts'
import type { Objects } from '../../../cloud/objects/objects.ts'
import { commonPrefix } from '../../../cloud/objects/listing.ts'
import { mostUploads, type NamedPart, type UploadHead } from '../../../cloud/objects/uploads.ts'
import { checkCopySource, writeConditions } from '../conditions.ts'
import { copyRangeOf, copySourceOf } from '../copy-source.ts'
import { checksumElement, checksumElements, etagElement, initiatorElement, ownerElement, timeOf } from '../elements.ts'
import { S3Error } from '../errors.ts'
import { checksumAlgorithmOf, checksumTypeOf, metadataOf } from '../metadata.ts'
import { checkPayloadHash, decodePayload, givenChecksum } from '../payload.ts'
import { encodingOf, integerOf, type Answer, type S3Request } from '../request.ts'
import { readDocument, type Element } from '../read-xml.ts'
import { document, type Child } from '../xml.ts'

const mostParts = 10_000
const page = 1000

const idOf = (query: URLSearchParams) => query.get('uploadId') ?? ''
const numberOf = (query: URLSearchParams) => integerOf(query, 'partNumber', { least: 1, most: mostParts })

export async function createMultipartUpload(objects: Objects, { bucket, key, headers }: S3Request): Promise<Answer> {
  const algorithm = checksumAlgorithmOf(headers)
  const checksum = algorithm === undefined ? undefined : { algorithm, type: checksumTypeOf(headers, algorithm) }
  const upload = await objects.uploads.create(objects.buckets.require(bucket), {
    key,
    ...metadataOf(headers),
    checksum,
  })
  return {
    headers:
      checksum === undefined
        ? {}
        : { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type },
    body: document('InitiateMultipartUploadResult', [
      ['Bucket', bucket],
      ['Key', key],
      ['UploadId', upload.id],
    ]),
  }
}

export async function uploadPart(objects: Objects, request: S3Request): Promise<Answer> {
  const { bucket, key, query } = request
  const number = numberOf(query)
  const { bytes, checksum } = decodePayload(request)
  const part = await objects.uploads.put(objects.buckets.require(bucket), key, idOf(query), {
    number,
    bytes,
    ...(checksum === undefined ? {} : { checksum }),
  })
  return {
    headers: {
      etag: `"${part.etag}"`,
      ...(part.checksum === undefined ? {} : { [checksumHeader(part.checksum.algorithm)]: part.checksum.value }),
    },
  }
}

export async function uploadPartCopy(objects: Objects, { bucket, key, query, headers }: S3Request): Promise<Answer> {
  const number = numberOf(query)
  const from = copySourceOf(headers)
  const source = objects.read(from.bucket, from.key)
  checkCopySource(headers, source)
  const { start, end } = copyRangeOf(headers, source.size)
  const part = await objects.uploads.put(objects.buckets.require(bucket), key, idOf(query), {
    number,
    bytes: source.bytes.subarray(start, end + 1),
  })
  return {
    body: document('CopyPartResult', [
      ['LastModified', timeOf(part.created)],
      etagElement(part.etag),
      ...checksumElement(part.checksum),
    ]),
  }
}

export async function completeMultipartUpload(objects: Objects, request: S3Request): Promise<Answer> {
  const { bucket, key, query, headers, body } = request
  checkPayloadHash(body, headers)
  const target = objects.buckets.require(bucket)
  objects.uploads.find(target, key, idOf(query))
  const parts = readDocument(body, 'CompleteMultipartUpload').all('Part').map(partOf)
  if (parts.length === 0 || parts.length > mostParts) {
    throw new S3Error('malformed-xml', `1 to ${mostParts} parts are expected`)
  }
  const head = await objects.uploads.complete(target, key, idOf(query), parts, {
    conditions: writeConditions(headers),
    checksum: givenChecksum(headers),
  })
  return {
    body: document('CompleteMultipartUploadResult', [
      ['Location', `http://${headers['host'] ?? 'localhost'}/${bucket}/${key}`],
      ['Bucket', bucket],
      ['Key', key],
      etagElement(head.etag),
      ...checksumElements(head.headers),
    ]),
  }
}

function partOf(part: Element): NamedPart {
  const number = part.text('PartNumber')?.trim() ?? ''
  const etag = part.text('ETag')?.trim()
  if (!/^\d{1,5}$/.test(number) || Number(number) < 1 || Number(number) > mostParts || etag === undefined) {
    throw new S3Error('malformed-xml', 'a part is named by its number and its ETag')
  }
  const checksum = checksumAlgorithms
    .map((algorithm) => ({ algorithm, value: part.text(`Checksum${algorithm}`)?.trim() }))
    .find((given): given is Checksum => given.value !== undefined)
  return { number: Number(number), etag: etag.replace(/^"(.*)"$/, '$1'), checksum }
}

export async function abortMultipartUpload(objects: Objects, { bucket, key, query }: S3Request): Promise<Answer> {
  await objects.uploads.abort(objects.buckets.require(bucket), key, idOf(query))
  return { status: 204 }
}

export function listParts(objects: Objects, { bucket, key, query }: S3Request): Answer {
  const target = objects.buckets.require(bucket)
  const encode = encodingOf(query)
  const after = integerOf(query, 'part-number-marker', { otherwise: 0 })
  const maximum = Math.min(page, integerOf(query, 'max-parts', { otherwise: page }))
  const { checksum } = objects.uploads.find(target, key, idOf(query))
  const found = objects.uploads.parts(target, key, idOf(query), after, maximum + 1)
  const parts = found.slice(0, maximum)
  return {
    body: document('ListPartsResult', [
      ['Bucket', bucket],
      ['Key', encode(key)],
      ['UploadId', idOf(query)],
      ['PartNumberMarker', after],
      ['NextPartNumberMarker', parts.at(-1)?.number ?? after],
      ['MaxParts', maximum],
      ['IsTruncated', found.length > maximum],
      ['ChecksumAlgorithm', checksum?.algorithm],
      ['ChecksumType', checksum?.type],
      ...parts.map(
        (part) =>
          [
            'Part',
            [
              ['PartNumber', part.number],
              ['LastModified', timeOf(part.created)],
              etagElement(part.etag),
              ['Size', part.size],
              ...checksumElement(part.checksum),
            ],
          ] as const,
      ),
      initiatorElement,
      ownerElement,
      ['StorageClass', 'STANDARD'],
    ]),
  }
}

export function listMultipartUploads(objects: Objects, { bucket, query }: S3Request): Answer {
  const target = objects.buckets.require(bucket)
  const encode = encodingOf(query)
  const prefix = query.get('prefix') ?? ''
  const maximum = Math.min(page, integerOf(query, 'max-uploads', { otherwise: page, least: 1 }))
  const delimiter = query.get('delimiter') ?? ''
  const after = { key: query.get('key-marker') ?? '', id: query.get('upload-id-marker') ?? '' }
  const found: (UploadHead | { readonly key: string; readonly id: '' })[] = []
  for (const upload of objects.uploads.list(target, prefix, after, mostUploads)) {
    const common = commonPrefix(upload.key, prefix, delimiter)
    if (common === undefined) found.push(upload)
    else if (common !== after.key && common !== found.at(-1)?.key) found.push({ key: common, id: '' })
  }
  const shown = found.slice(0, maximum)
  const last = found.length > maximum ? shown.at(-1) : undefined
  return {
    body: document('ListMultipartUploadsResult', [
      ['Bucket', bucket],
      ['KeyMarker', encode(after.key)],
      ['UploadIdMarker', after.id],
      ['NextKeyMarker', last === undefined ? undefined : encode(last.key)],
      ['NextUploadIdMarker', last?.id],
      ['Prefix', encode(prefix)],
      ['Delimiter', delimiter === '' ? undefined : encode(delimiter)],
      ['EncodingType', query.get('encoding-type') || undefined],
      ['MaxUploads', maximum],
      ['IsTruncated', last !== undefined],
      ...shown.map((upload): Child =>
        'created' in upload
          ? [
              'Upload',
              [
                ['Key', encode(upload.key)],
                ['UploadId', upload.id],
                initiatorElement,
                ownerElement,
                ['StorageClass', 'STANDARD'],
                ['Initiated', timeOf(upload.created)],
                ['ChecksumAlgorithm', upload.checksum?.algorithm],
                ['ChecksumType', upload.checksum?.type],
              ],
            ]
          : ['CommonPrefixes', [['Prefix', encode(upload.key)]]],
      ),
    ]),
  }
}
