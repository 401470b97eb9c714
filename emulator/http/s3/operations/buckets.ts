import type { Objects } from '../../../cloud/objects/objects.ts'
import { readToken, writeToken } from '../continuation.ts'
import { ownerElement, timeOf } from '../elements.ts'
import { checkPayloadHash } from '../payload.ts'
import { integerOf, type Answer, type S3Request } from '../request.ts'
import { readDocument } from '../read-xml.ts'
import { document, type Child } from '../xml.ts'

const mostBuckets = 10_000

export function listBuckets(objects: Objects, { query }: S3Request): Answer {
  const [prefix, region, token] = ['prefix', 'bucket-region', 'continuation-token'].map((name) => query.get(name) || '')
  const maximum = integerOf(query, 'max-buckets', { otherwise: mostBuckets, least: 1, most: mostBuckets })
  const after = token ? readToken(token) : ''
  const found = objects.buckets
    .list()
    .filter((bucket) => bucket.name > after && bucket.name.startsWith(prefix ?? ''))
    .filter((bucket) => !region || bucket.region === region)
  const page = found.slice(0, maximum)
  const last = page.at(-1)
  const buckets = page.map((bucket): Child => [
    'Bucket',
    [
      ['Name', bucket.name],
      ['CreationDate', timeOf(bucket.created)],
      ['BucketRegion', bucket.region],
    ],
  ])
  return {
    body: document('ListAllMyBucketsResult', [
      ownerElement,
      ['Buckets', buckets],
      ['Prefix', prefix || undefined],
      ['ContinuationToken', last !== undefined && found.length > maximum ? writeToken(last.name) : undefined],
    ]),
  }
}

export function createBucket(objects: Objects, { bucket, headers, body }: S3Request): Answer {
  checkPayloadHash(body, headers)
  // Wherever the client wants its bucket to be, it is here; but what it sends must be what S3 could read.
  if (body.byteLength > 0) readDocument(body, 'CreateBucketConfiguration').text('LocationConstraint')
  return { headers: { location: `/${objects.buckets.create(bucket).name}` } }
}

export function headBucket(objects: Objects, { bucket }: S3Request): Answer {
  return { headers: { 'x-amz-bucket-region': objects.buckets.require(bucket).region } }
}

export function deleteBucket(objects: Objects, { bucket }: S3Request): Answer {
  objects.buckets.remove(bucket)
  return { status: 204 }
}

export function getBucketLocation(objects: Objects, { bucket }: S3Request): Answer {
  const { region } = objects.buckets.require(bucket)
  // The oldest region has no name here.
  return { body: document('LocationConstraint', region === 'us-east-1' ? '' : region) }
}

/** No bucket keeps versions, and none ever did. */
export function getBucketVersioning(objects: Objects, { bucket }: S3Request): Answer {
  objects.buckets.require(bucket)
  return { body: document('VersioningConfiguration', '') }
}
