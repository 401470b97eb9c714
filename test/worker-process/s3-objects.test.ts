import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type ListObjectsV2CommandInput,
} from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createAwsClients } from '../../emulator/worker-process/aws.ts'
import { createS3Objects } from '../../emulator/worker-process/s3-objects.ts'

const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
const bytes = new TextEncoder().encode('%PDF')

async function set() {
  const client = new S3Client({ region: 'eu-west-1', credentials })
  const s3 = mockClient(client)
  return { s3, objects: await createS3Objects({ client, bucket: 'certificates' }) }
}

const awsSays = (name: string, httpStatusCode: number, message = 'said by AWS') =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode, requestId: 'request-1', attempts: 1 } })

const pdfs = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: `k${at}`, contentType: 'application/pdf', pieces: [bytes, bytes] }))

describe('storing', () => {
  it('puts each object whole, with its type; so many at once, and no more', async () => {
    const { s3, objects } = await set()
    let [running, most] = [0, 0]
    s3.on(PutObjectCommand).callsFake(async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return {}
    })
    await Promise.all([objects.put(pdfs(120)), objects.put(pdfs(120))])
    expect([s3.commandCalls(PutObjectCommand).length, most]).toEqual([240, 48])
    const { Body, ...input } = s3.commandCalls(PutObjectCommand)[0]?.args[0].input ?? {}
    expect(input).toEqual({ Bucket: 'certificates', Key: 'k0', ContentType: 'application/pdf' })
    expect(Body).toEqual(Buffer.from('%PDF%PDF'))
  })

  it('a failure of some is told with how many, after the others have ended', async () => {
    const { s3, objects } = await set()
    s3.on(PutObjectCommand).resolves({})
    s3.on(PutObjectCommand, { Key: 'k3' }).rejects(awsSays('SlowDown', 503, 'Please reduce your request rate.'))
    await expect(objects.put(pdfs(10))).rejects.toThrow(
      '1 of 10 objects cannot be stored in certificates: SlowDown: Please reduce your request rate. (request request-1)',
    )
    expect(s3.commandCalls(PutObjectCommand)).toHaveLength(10)
    await objects.put(pdfs(2))
  })
})

describe('what is there', () => {
  it('names those that exist; any 404 is an absence', async () => {
    const { s3, objects } = await set()
    s3.on(HeadObjectCommand).resolves({})
    s3.on(HeadObjectCommand, { Key: 'b' }).rejects(awsSays('NotFound', 404))
    s3.on(HeadObjectCommand, { Key: 'c' }).rejects(awsSays('UnknownError', 404))
    expect(await objects.existing(['a', 'b', 'c', 'd'])).toEqual(new Set(['a', 'd']))
  })

  it('many keys are asked for by a listing of what lies between them, in a few pages; what is behind these one by one', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `certificates/7/job/${String(at + 1).padStart(4, '0')}.pdf`)
    const stored = new Set([...names.filter((_, at) => at % 3 === 0), 'certificates/7/job/0002.pdf.bak'])
    const bucketOf = async (pageSize: number) => {
      const at = await set()
      at.s3.on(ListObjectsV2Command).callsFake(({ Prefix = '', StartAfter = '' }: ListObjectsV2CommandInput) => {
        const all = [...stored].filter((key) => key.startsWith(Prefix) && key > StartAfter).toSorted()
        return { Contents: all.slice(0, pageSize).map((Key) => ({ Key })), IsTruncated: all.length > pageSize }
      })
      at.s3.on(HeadObjectCommand).callsFake(({ Key }: { Key: string }) => {
        if (!stored.has(Key)) throw awsSays('NotFound', 404)
        return {}
      })
      return at
    }
    for (const [pageSize, pages, heads] of [
      [1000, 1, 0],
      [6, 3, 0],
      [2, 3, 27],
    ] as const) {
      const { s3, objects } = await bucketOf(pageSize)
      const asked = names.toReversed()
      expect(await objects.existing(asked)).toEqual(new Set(names.filter((name) => stored.has(name))))
      expect([
        pageSize,
        s3.commandCalls(ListObjectsV2Command).length,
        s3.commandCalls(HeadObjectCommand).length,
      ]).toEqual([pageSize, pages, heads])
      expect(s3.commandCalls(ListObjectsV2Command)[0]?.args[0].input.Prefix).toBe('certificates/7/job/00')
    }
    const empty = await set()
    empty.s3.on(ListObjectsV2Command).resolves({})
    expect(await empty.objects.existing(names)).toEqual(new Set())
  })

  it('403 says which permission is missing: S3 hides what is absent from who may not list', async () => {
    const { s3, objects } = await set()
    s3.on(HeadObjectCommand).rejects(awsSays('AccessDenied', 403))
    await expect(objects.existing(['a'])).rejects.toThrow(
      'certificates does not say what it holds (the worker needs s3:ListBucket)',
    )
  })

  it('reads an object; an absent one is undefined', async () => {
    const { s3, objects } = await set()
    s3.on(GetObjectCommand).resolves({ Body: { transformToByteArray: () => Promise.resolve(bytes) } as never })
    s3.on(GetObjectCommand, { Key: 'gone' }).rejects(awsSays('NoSuchKey', 404))
    expect(await objects.get('here')).toEqual(bytes)
    expect(await objects.get('gone')).toBeUndefined()
  })
})

describe('the check at the start', () => {
  it.for([
    ['NotFound', 404, 'bucket-not-found', /there is no bucket certificates \(aws s3 mb s3:\/\/certificates\)/],
    ['AccessDenied', 403, 'aws-refused', /belongs to somebody else, or the worker has no s3:ListBucket on it/],
    ['PermanentRedirect', 301, 'aws-refused', /in another region .*--region/],
    ['ECONN', 0, 'aws-refused', /the bucket certificates cannot be used: ECONN/],
  ] as const)('%s', async ([name, status, code, words]) => {
    const { s3, objects } = await set()
    s3.on(HeadBucketCommand).rejects(awsSays(name, status))
    await expect(objects.check()).rejects.toMatchObject({ code, message: expect.stringMatching(words) })
  })
})

describe('links', () => {
  const linkAt = async (queueUrl: string, s3Endpoint?: string) => {
    const { s3, close } = await createAwsClients({ queueUrl, s3Endpoint, region: 'eu-west-1' })
    onTestFinished(close)
    s3.config.credentials = () => Promise.resolve(credentials)
    const objects = await createS3Objects({ client: s3, bucket: 'certificates' })
    return new URL(await objects.presign('certificates/7/a b.pdf', 3600))
  }

  it("are signed for so long, under the bucket's name at AWS", async () => {
    const url = await linkAt('https://sqs.eu-west-1.amazonaws.com/123456789012/jobs')
    expect(url.host).toBe('certificates.s3.eu-west-1.amazonaws.com')
    expect(url.pathname).toBe('/certificates/7/a%20b.pdf')
    expect(url.searchParams.get('X-Amz-Expires')).toBe('3600')
    expect(url.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/)
  })

  it('elsewhere the bucket is in the path, where the queue is or where one says', async () => {
    const beside = await linkAt('http://localhost:4566/000000000000/jobs')
    expect(beside.origin + beside.pathname).toBe('http://localhost:4566/certificates/certificates/7/a%20b.pdf')
    const elsewhere = await linkAt('http://localhost:4566/000000000000/jobs', 'http://minio:9000')
    expect(elsewhere.origin + elsewhere.pathname).toBe('http://minio:9000/certificates/certificates/7/a%20b.pdf')
  })
})
