import type { Objects } from '../../../cloud/objects/objects.ts'
import { ownerElement, timeOf } from '../elements.ts'
import { checkPayloadHash } from '../payload.ts'
import type { Answer, S3Request } from '../request.ts'
import { readDocument } from '../read-xml.ts'
import { document } from '../xml.ts'

export function listBuckets(objects: Objects): Answer {
  const buckets = objects.buckets.list().map(
    ({ name, created }) =>
      [
        'Bucket',
        [
          ['Name', name],
          ['CreationDate', timeOf(created)],
        ],
      ] as const,
  )
  return { body: document('ListAllMyBucketsResult', [ownerElement, ['Buckets', buckets]]) }
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
