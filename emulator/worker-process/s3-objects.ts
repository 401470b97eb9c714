import type { S3Client } from '@aws-sdk/client-s3'
import type { ObjectsPort, StoredObject } from '../worker/ports.ts'
import { awsError, metadataOf, nameOf } from './aws.ts'

export interface S3ObjectsDeps {
  readonly client: S3Client
  readonly bucket: string
}

export interface S3Objects extends ObjectsPort {
  /** Throws where the bucket is not there or may not be used. */
  check(): Promise<void>
}

/** Requests in flight. */
const requestsAtOnce = 48

/** Fewer keys than this are asked for one by one; more by a listing, of at most so many pages of 1,000. */
const fewKeys = 10
const mostPages = 3

const isAbsent = (error: unknown) =>
  /NoSuchKey|NotFound/.test(nameOf(error)) || metadataOf(error).httpStatusCode === 404

/** The worker's bucket on a real S3, or on what speaks its protocol. Throws EmulatorErrors of `AwsErrorCode`. */
export async function createS3Objects({ client, bucket }: S3ObjectsDeps): Promise<S3Objects> {
  const [
    { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand },
    { getSignedUrl },
  ] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/s3-request-presigner')])
  const inTurn = createGate(requestsAtOnce)

  const putOne = ({ key, contentType, pieces }: StoredObject) =>
    inTurn(() =>
      client.send(
        new PutObjectCommand({ Bucket: bucket, Key: key, ContentType: contentType, Body: Buffer.concat(pieces) }),
      ),
    )

  const isThere = (key: string) =>
    inTurn(async () => {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))
        return true
      } catch (error) {
        if (isAbsent(error)) return false
        throw error
      }
    })

  /** What a few pages of the listing say; the keys behind their end are `unseen`. */
  const listed = async (keys: readonly string[]): Promise<{ found: string[]; unseen: readonly string[] }> => {
    // Keys are ASCII (certificate/key.ts), so this is S3's order.
    const inOrder = keys.toSorted()
    const [first = '', last = ''] = [inOrder[0], inOrder.at(-1)]
    const found: string[] = []
    // Exclusive, and what is shorter comes before.
    let after = first.slice(0, -1)
    for (let page = 0; page < mostPages; page++) {
      const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: commonStart(first, last), StartAfter: after })
      const { Contents = [], IsTruncated = false } = await inTurn(() => client.send(command))
      for (const { Key: key } of Contents) if (key !== undefined) found.push(key)
      after = found.at(-1) ?? after
      if (!IsTruncated || after >= last) return { found, unseen: [] }
    }
    return { found, unseen: inOrder.filter((key) => key > after) }
  }

  return {
    async check() {
      try {
        await client.send(new HeadBucketCommand({ Bucket: bucket }))
      } catch (error) {
        const { httpStatusCode: status } = metadataOf(error)
        // A HEAD's answer has no body that would say why.
        if (isAbsent(error)) {
          throw awsError(error, `there is no bucket ${bucket} (aws s3 mb s3://${bucket})`, 'bucket-not-found')
        }
        const why =
          status === 403
            ? ': it belongs to somebody else, or the worker has no s3:ListBucket on it'
            : status === 301
              ? ': it is in another region (aws s3api get-bucket-location), so name that one: --region'
              : ''
        throw awsError(error, `the bucket ${bucket} cannot be used${why}`)
      }
    },

    async put(objects) {
      const ends = await Promise.allSettled(objects.map(putOne))
      const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
      const [first] = failed
      if (failed.length === 0) return
      throw awsError(first, `${failed.length} of ${objects.length} objects cannot be stored in ${bucket}`)
    },

    async existing(keys) {
      const wanted = new Set(keys)
      try {
        const { found, unseen } = keys.length < fewKeys ? { found: [], unseen: keys } : await listed(keys)
        const headed = await Promise.all(unseen.map(async (key) => ((await isThere(key)) ? [key] : [])))
        return new Set([...found, ...headed.flat()].filter((key) => wanted.has(key)))
      } catch (error) {
        // S3 hides what is absent from who may not list.
        const hidden = metadataOf(error).httpStatusCode === 403 ? ' (the worker needs s3:ListBucket)' : ''
        throw awsError(error, `${bucket} does not say what it holds${hidden}`)
      }
    },

    async get(key) {
      try {
        const { Body } = await inTurn(() => client.send(new GetObjectCommand({ Bucket: bucket, Key: key })))
        return await Body?.transformToByteArray()
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw awsError(error, `an object of ${bucket} cannot be read`)
      }
    },

    presign: (key, ttlSeconds) =>
      getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: ttlSeconds }),
  }
}

function commonStart(a: string, b: string): string {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

/** Lets so many run at once; the others wait, first come, first served. */
function createGate(most: number) {
  const waiting: (() => void)[] = []
  let running = 0
  return async function inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await run()
    } finally {
      // Its place goes to the next one.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}
