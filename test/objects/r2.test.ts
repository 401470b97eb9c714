import {
  CreateMultipartUploadCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { describe, expect, it } from 'vitest'
import { signV2, stringToSignV2 } from '../../emulator/cloud/objects/sigv2.ts'
import { ask, bucket, credentials, openBucket } from './bucket.ts'

const r2 = 'certificates-r2'

async function openR2() {
  const at = await openBucket({ r2Buckets: [r2] })
  const client = new S3Client({ endpoint: at.url, region: 'auto', credentials, forcePathStyle: true, maxAttempts: 1 })
  return { ...at, client, [Symbol.asyncDispose]: () => (client.destroy(), at[Symbol.asyncDispose]()) }
}

describe('a bucket of R2’s', () => {
  it('is there from the beginning, in the region auto', async () => {
    await using at = await openR2()
    expect(await at.client.send(new GetBucketLocationCommand({ Bucket: r2 }))).toMatchObject({
      LocationConstraint: 'auto',
    })
    expect(at.objects.buckets.list().map(({ name }) => name)).toEqual([r2, bucket])
    at.objects.reset()
    expect(at.objects.buckets.list()).toHaveLength(2)
    expect(await ask(`${at.url}/${r2}`, { method: 'DELETE' })).toMatchObject({ status: 403, code: 'AccessDenied' })
  })

  it('takes one write a second to the same key', async () => {
    await using at = await openR2()
    const put = (Key: string) => at.client.send(new PutObjectCommand({ Bucket: r2, Key, Body: 'x' }))
    await put('a')
    await put('b')
    await expect(put('a')).rejects.toMatchObject({ name: 'TooManyRequests', $metadata: { httpStatusCode: 429 } })
    await at.clock.advance(999)
    await expect(put('a')).rejects.toMatchObject({ name: 'TooManyRequests' })
    await at.clock.advance(1)
    await put('a')
    // S3 has no such limit.
    const url = `${at.url}/${bucket}/a`
    for (const body of ['1', '2']) expect((await ask(url, { method: 'PUT', body })).status).toBe(200)
  })

  it('calls an expired URL ExpiredRequest, and takes signature version 4 alone', async () => {
    await using at = await openR2()
    await at.client.send(new PutObjectCommand({ Bucket: r2, Key: 'k', Body: 'x' }))
    const url = await getSignedUrl(at.client, new GetObjectCommand({ Bucket: r2, Key: 'k' }), { expiresIn: 60 })
    expect(url).toContain('%2Fauto%2Fs3%2Faws4_request')
    expect((await ask(url)).status).toBe(200)
    expect(await ask(url.replace('/k?', '/l?'))).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    await at.clock.advance(61_000)
    expect(await ask(url)).toMatchObject({ status: 400, code: 'ExpiredRequest', message: 'Request has expired' })

    const expires = String(at.clock.now() / 1000 + 60)
    const path = `/${r2}/k`
    const signature = signV2(
      stringToSignV2({ method: 'GET', path, query: '', headers: {} }, expires, undefined),
      'test',
    )
    const query = new URLSearchParams({ AWSAccessKeyId: 'test', Expires: expires, Signature: signature })
    expect(await ask(`${at.url}${path}?${query.toString()}`)).toMatchObject({ status: 401, code: 'Unauthorized' })
  })

  it('may be the worker’s own: its links are of the region auto, and its writes are not slowed down', async () => {
    await using at = await openBucket({ r2Buckets: [bucket] })
    for (const text of ['1', '2']) await at.objects.put([{ key: 'k', contentType: 'a/b', pieces: [Buffer.from(text)] }])
    const url = at.objects.presign('k', 60)
    expect(url).toContain('%2Fauto%2Fs3%2Faws4_request')
    expect(await ask(url)).toMatchObject({ status: 200, text: '2' })
  })

  it('wants parts of one size, and has no form uploads', async () => {
    await using at = await openR2()
    const { UploadId = '' } = await at.client.send(new CreateMultipartUploadCommand({ Bucket: r2, Key: 'k' }))
    const path = `${at.url}/${r2}/k?uploadId=${UploadId}`
    const sizes = [5 << 20, (5 << 20) + 1, 1]
    const etags: string[] = []
    for (const [index, size] of sizes.entries()) {
      const part = await ask(`${path}&partNumber=${index + 1}`, { method: 'PUT', body: Buffer.alloc(size) })
      etags.push(part.headers.get('etag') ?? '')
    }
    const body = `<CompleteMultipartUpload>${etags
      .map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
      .join('')}</CompleteMultipartUpload>`
    expect(await ask(path, { method: 'POST', body })).toMatchObject({ status: 400, code: 'InvalidPart' })
    const form = { 'content-type': 'multipart/form-data; boundary=x' }
    expect(await ask(`${at.url}/${r2}`, { method: 'POST', body: '--x--', headers: form })).toMatchObject({
      status: 501,
    })
  })
})
