import type { ObjectHead, Objects } from '../../../cloud/objects/objects.ts'
import { checksumAlgorithms } from '../../../cloud/objects/checksums.ts'
import { readToken, writeToken } from '../continuation.ts'
import { etagElement, ownerElement, timeOf } from '../elements.ts'
import { encodingOf, integerOf, type Answer, type S3Request } from '../request.ts'
import { document, type Child } from '../xml.ts'

const mostKeys = 1000

function contentsOf(object: ObjectHead, encode: (text: string) => string, owner: boolean): Child {
  const algorithm = checksumAlgorithms.find((name) => object.headers[`x-amz-checksum-${name.toLowerCase()}`])
  return [
    'Contents',
    [
      ['Key', encode(object.key)],
      ['LastModified', timeOf(object.created)],
      etagElement(object.etag),
      ['ChecksumAlgorithm', algorithm],
      ['ChecksumType', object.headers['x-amz-checksum-type']],
      ['Size', object.size],
      ...(owner ? [ownerElement] : []),
      ['StorageClass', 'STANDARD'],
    ],
  ]
}

/** What both versions of the listing have in common. */
function list(objects: Objects, { bucket, query }: S3Request, after: string, owner: boolean) {
  const encode = encodingOf(query)
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const asked = integerOf(query, 'max-keys', { otherwise: mostKeys })
  const maximum = Math.min(mostKeys, asked)
  const listing = objects.list(bucket, { prefix, delimiter, after, maximum })
  const head: Child[] = [
    ['Name', bucket],
    ['Prefix', encode(prefix)],
    ['Delimiter', delimiter === '' ? undefined : encode(delimiter)],
    ['MaxKeys', maximum],
    ['EncodingType', query.get('encoding-type') || undefined],
    ['IsTruncated', listing.next !== undefined],
  ]
  const found: Child[] = [
    ...listing.items.map((object) => contentsOf(object, encode, owner)),
    ...listing.commonPrefixes.map((common): Child => ['CommonPrefixes', [['Prefix', encode(common)]]]),
  ]
  return { encode, delimiter, next: listing.next, head, found }
}

export function listObjectsV2(objects: Objects, request: S3Request): Answer {
  const { query } = request
  const token = query.get('continuation-token') ?? undefined
  const startAfter = query.get('start-after') ?? ''
  const after = token === undefined ? startAfter : readToken(token)
  const { encode, next, head, found } = list(objects, request, after, query.get('fetch-owner') === 'true')
  return {
    body: document('ListBucketResult', [
      ...head,
      ['KeyCount', found.length],
      ['ContinuationToken', token],
      ['NextContinuationToken', next === undefined ? undefined : writeToken(next)],
      ['StartAfter', startAfter === '' ? undefined : encode(startAfter)],
      ...found,
    ]),
  }
}

export function listObjects(objects: Objects, request: S3Request): Answer {
  const marker = request.query.get('marker') ?? ''
  const { encode, delimiter, next, head, found } = list(objects, request, marker, true)
  return {
    body: document('ListBucketResult', [
      ...head,
      ['Marker', encode(marker)],
      // Without a delimiter the client goes on after the last key.
      ['NextMarker', next === undefined || delimiter === '' ? undefined : encode(next)],
      ...found,
    ]),
  }
}
