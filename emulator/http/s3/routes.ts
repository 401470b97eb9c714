import type { Objects } from '../../cloud/objects/objects.ts'
import { S3Error } from './errors.ts'
import {
  createBucket,
  deleteBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
} from './operations/buckets.ts'
import { listObjects, listObjectsV2 } from './operations/listings.ts'
import {
  copyObject,
  deleteObject,
  deleteObjects,
  getObject,
  getObjectTagging,
  putObject,
} from './operations/objects.ts'
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
  uploadPartCopy,
} from './operations/uploads.ts'
import type { Answer, S3Request } from './request.ts'

export type Operation = (objects: Objects, request: S3Request) => Answer | Promise<Answer>

/** What a request is about, its method, and the query parameter that makes it another operation than the plain one. */
const table: Readonly<Record<string, Operation>> = {
  'service GET': listBuckets,
  'bucket PUT': createBucket,
  'bucket HEAD': headBucket,
  'bucket DELETE': deleteBucket,
  'bucket GET': listObjects,
  'bucket GET list-type': listObjectsV2,
  'bucket GET location': getBucketLocation,
  'bucket GET versioning': getBucketVersioning,
  'bucket GET uploads': listMultipartUploads,
  'bucket POST delete': deleteObjects,
  'object GET': getObject,
  'object HEAD': getObject,
  'object PUT': putObject,
  'object PUT copy': copyObject,
  'object DELETE': deleteObject,
  'object POST uploads': createMultipartUpload,
  'object PUT uploadId': uploadPart,
  'object PUT uploadId copy': uploadPartCopy,
  'object POST uploadId': completeMultipartUpload,
  'object DELETE uploadId': abortMultipartUpload,
  'object GET uploadId': listParts,
  'object GET tagging': getObjectTagging,
}

/** Query parameters that make another operation of a request, and that are served. */
const served = ['delete', 'list-type', 'location', 'tagging', 'uploadId', 'uploads', 'versioning']

/** Those of S3 that are not. */
const absent = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'session',
  'torrent',
  'versionId',
  'versions',
  'website',
]

/** The operation that a request asks for. Throws S3Error `not-implemented` or `method-not-allowed`. */
export function operationOf({ bucket, key, method, query, headers }: Omit<S3Request, 'body'>): Operation {
  const scope = key !== '' ? 'object' : bucket !== '' ? 'bucket' : 'service'
  const missing = absent.find((name) => query.has(name)) ?? (scope === 'object' ? partOnly(method, query) : undefined)
  if (missing !== undefined) throw notImplemented(`?${missing}`)
  if (scope === 'bucket' && method === 'POST' && !query.has('delete')) throw notImplemented('POST of a form')
  const part = served.find((name) => query.has(name))
  if (part === 'tagging' && method !== 'GET') throw notImplemented('?tagging')
  const words = [
    scope,
    method,
    part,
    headers['x-amz-copy-source'] !== undefined && method === 'PUT' ? 'copy' : undefined,
  ]
  const operation = table[words.filter((word) => word !== undefined).join(' ')]
  if (operation !== undefined) return operation
  throw new S3Error('method-not-allowed', `${method} is not for this ${scope}`, { method })
}

/** One part of an object: where parts begin is not kept. */
function partOnly(method: string, query: URLSearchParams): string | undefined {
  return (method === 'GET' || method === 'HEAD') && query.has('partNumber') ? 'partNumber' : undefined
}

function notImplemented(what: string): S3Error {
  const message = `A header or query you provided implies functionality that is not implemented: ${what}.`
  return new S3Error('not-implemented', message)
}
