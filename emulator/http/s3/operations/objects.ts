import { checksumHeaders } from '../../../cloud/objects/checksums.ts'
import type { Objects } from '../../../cloud/objects/objects.ts'
import { checkCopySource, ifMatchOf, isRangeOf, readCondition, writeConditions } from '../conditions.ts'
import { copySourceOf } from '../copy-source.ts'
import { refusalOf, S3Error } from '../errors.ts'
import { checksumAlgorithmOf, metadataOf, objectHeaders, overridesOf } from '../metadata.ts'
import { decodePayload } from '../payload.ts'
import { parseRange } from '../range.ts'
import type { Answer, S3Request } from '../request.ts'
import { checksumElements, etagElement, timeOf } from '../elements.ts'
import { readDocument } from '../read-xml.ts'
import { document, type Child } from '../xml.ts'

/** GetObject and HeadObject. */
export function getObject(objects: Objects, request: S3Request): Answer {
  const { bucket, key, query, headers } = request
  const head = objects.head(bucket, key)
  const whole = headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED' && headers['range'] === undefined
  const answer = { ...objectHeaders(head, whole), ...overridesOf(query) }
  if (readCondition(headers, head) === 'not-modified') return { status: 304, headers: answer }
  const range = isRangeOf(headers, head) ? parseRange(headers['range'], head.size) : undefined
  const { start, end } = range ?? { start: 0, end: head.size - 1 }
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...answer,
      // A page that somebody stored must not act as one of the emulator's own.
      ...(/^(application\/pdf|image\/(png|jpeg))(;[^,]*)?$/.test(answer['content-type'] ?? '')
        ? {}
        : { 'content-security-policy': 'sandbox' }),
      'content-length': end - start + 1,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${head.size}` }),
    },
    ...(request.method === 'HEAD'
      ? {}
      : { body: Buffer.from(objects.read(bucket, key).bytes).subarray(start, end + 1) }),
  }
}

export async function putObject(objects: Objects, request: S3Request): Promise<Answer> {
  const { bucket, key, headers } = request
  objects.buckets.require(bucket)
  const { bytes, checksum } = decodePayload(request)
  const metadata = metadataOf(headers)
  const told = checksum === undefined ? {} : checksumHeaders(checksum, 'FULL_OBJECT')
  const { etag } = await objects.upload(bucket, {
    key,
    contentType: metadata.contentType,
    headers: { ...metadata.headers, ...told },
    bytes,
    conditions: writeConditions(headers),
  })
  return { headers: { etag: `"${etag}"`, ...told } }
}

export async function copyObject(objects: Objects, request: S3Request): Promise<Answer> {
  const { bucket, key, headers } = request
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw new S3Error('invalid-argument', 'Unknown metadata directive.', {
      name: 'x-amz-metadata-directive',
      value: directive,
    })
  }
  const head = await objects.copy(bucket, {
    from: copySourceOf(headers),
    key,
    check: (source) => checkCopySource(headers, source),
    replacement: directive === 'REPLACE' ? metadataOf(headers) : undefined,
    checksumAlgorithm: checksumAlgorithmOf(headers),
    conditions: writeConditions(headers),
  })
  return {
    body: document('CopyObjectResult', [
      ['LastModified', timeOf(head.created)],
      etagElement(head.etag),
      ...checksumElements(head.headers),
    ]),
  }
}

/** No object has tags; the AWS CLI asks for them before it copies in parts. */
export function getObjectTagging(objects: Objects, { bucket, key }: S3Request): Answer {
  objects.head(bucket, key)
  return { body: document('Tagging', [['TagSet', '']]) }
}

export async function deleteObject(objects: Objects, { bucket, key, headers }: S3Request): Promise<Answer> {
  const [refused] = await objects.remove(bucket, [{ key, ifMatch: ifMatchOf(headers['if-match']) }])
  if (refused !== undefined) throw refused
  return { status: 204 }
}

const mostKeys = 1000

export async function deleteObjects(objects: Objects, request: S3Request): Promise<Answer> {
  const { bucket, headers } = request
  objects.buckets.require(bucket)
  const { bytes, checksum } = decodePayload(request)
  if (checksum === undefined && headers['content-md5'] === undefined) {
    throw new S3Error('missing-digest', 'a request that deletes carries a digest of its body')
  }
  const root = readDocument(bytes, 'Delete')
  const removals = root
    .all('Object')
    .map((object) => ({ key: object.text('Key') ?? '', ifMatch: ifMatchOf(object.text('ETag') || undefined) }))
  if (removals.length === 0 || removals.length > mostKeys || removals.some(({ key }) => key === '')) {
    throw new S3Error('malformed-xml', `1 to ${mostKeys} objects are expected, each with its key`)
  }
  const quiet = root.text('Quiet')?.trim() === 'true'
  const refused = await objects.remove(bucket, removals)
  const outcomes = removals.flatMap(({ key }, index): Child[] => {
    const error = refused[index]
    if (error === undefined) return quiet ? [] : [['Deleted', [['Key', key]]]]
    const { code, message } = refusalOf(error)
    const told: Child[] = [
      ['Key', key],
      ['Code', code],
      ['Message', message],
    ]
    return [['Error', told]]
  })
  return { body: document('DeleteResult', outcomes) }
}
