import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { array, assert, constant, integer, oneof, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { certificateKey, certificatePrefix } from '../../emulator/worker/certificate/key.ts'
import { bucket, element, openBucket, signed } from './bucket.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const pdf = (key: string, text = 'hello') => ({ key, contentType: 'application/pdf', pieces: [bytes(text)] })

describe('the worker’s port', () => {
  it('stores all objects of a put, finds them, and gives their bytes back', async () => {
    await using at = await openBucket()
    await at.objects.put([pdf('a'), pdf('b', 'world')])
    expect(await at.objects.existing(['a', 'b', 'c'])).toEqual(new Set(['a', 'b']))
    expect(Buffer.from((await at.objects.get('b')) ?? []).toString()).toBe('world')
    expect(await at.objects.get('c')).toBeUndefined()
  })

  it('stores none of them where one is refused', async () => {
    await using at = await openBucket()
    await expect(at.objects.put([pdf('a'), pdf('x'.repeat(1025))])).rejects.toThrow(/1 to 1024 bytes/)
    expect(await at.objects.existing(['a'])).toEqual(new Set())
  })

  it('keeps once what many objects begin with, for as long as one of them does', async () => {
    await using at = await openBucket()
    const [beginning, same] = [bytes('begin '), bytes('begin ')]
    const object = (key: string, ...pieces: Uint8Array[]) => ({ key, contentType: 'application/pdf', pieces })
    await at.objects.put([
      object('a', beginning, bytes('a')),
      object('b', beginning, bytes('b')),
      object('c', same, bytes('c'), bytes('!')),
      object('d', beginning),
    ])
    const kept = () => at.store.all('SELECT 1 FROM object_beginnings').length
    const read = async (key: string) => Buffer.from((await at.objects.get(key)) ?? []).toString()
    expect(kept()).toBe(2)
    expect(await Promise.all(['a', 'b', 'c', 'd'].map(read))).toEqual(['begin a', 'begin b', 'begin c!', 'begin '])
    const answer = await at.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'a', Range: 'bytes=4-6' }))
    expect(await answer.Body?.transformToString()).toBe('n a')
    expect(answer.ETag).toBe(`"${createHash('md5').update('begin a').digest('hex')}"`)
    await at.objects.remove(bucket, [{ key: 'a' }])
    expect([kept(), await read('b')]).toEqual([2, 'begin b'])
    await at.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'b', Body: 'other' }))
    expect([kept(), await read('b')]).toEqual([1, 'other'])
    at.objects.reset()
    expect(kept()).toBe(0)
  })

  it('resets one tenant’s certificates and no other’s', async () => {
    await using at = await openBucket()
    const keys = [1, 10, 2].map((tenant) => certificateKey({ tenant, job: 'j', recipient: 'r' }))
    await at.objects.put(keys.map((key) => pdf(key)))
    at.objects.reset(1)
    expect(await at.objects.existing(keys)).toEqual(new Set(keys.slice(1)))
    at.objects.reset()
    expect(await at.objects.existing(keys)).toEqual(new Set())
  })
})

describe('a certificate’s key', () => {
  it('reads as tenant, job and recipient', () => {
    expect(certificateKey({ tenant: 7, job: 'job_8fa31bc2-9d', recipient: '42' })).toBe(
      'certificates/7/job_8fa31bc2-9d/42.pdf',
    )
  })

  it('is one of its own for any text, within the limit and without a way out of its folder', () => {
    const short = array(integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units))
    const text = oneof(
      short,
      short.map((part) => `${part}/`.repeat(300)),
      constant('..'),
    )
    assert(
      property(text, text, text, text, (job, recipient, otherJob, otherRecipient) => {
        const key = certificateKey({ tenant: 3, job, recipient })
        const other = certificateKey({ tenant: 3, job: otherJob, recipient: otherRecipient })
        const same =
          job.toWellFormed() === otherJob.toWellFormed() && recipient.toWellFormed() === otherRecipient.toWellFormed()
        return (
          key.startsWith(certificatePrefix(3)) &&
          Buffer.byteLength(key) <= 1024 &&
          key.split('/').length === 4 &&
          new URL(`http://x/${encodeURI(key)}`).pathname.split('/').length === 5 &&
          (other === key) === same
        )
      }),
    )
  })
})

describe('S3 by the AWS SDK', () => {
  it('puts, gets, looks at and deletes an object', async () => {
    await using at = await openBucket()
    const Key = 'folder/Ünïcode name (1)+~.txt'
    const put = await at.s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key,
        Body: 'hello',
        ContentType: 'text/plain',
        CacheControl: 'max-age=60',
        Metadata: { job: '17' },
      }),
    )
    expect(put.ETag).toBe(`"${createHash('md5').update('hello').digest('hex')}"`)

    const got = await at.s3.send(new GetObjectCommand({ Bucket: bucket, Key }))
    expect(await got.Body?.transformToString()).toBe('hello')
    expect(got).toMatchObject({
      ContentType: 'text/plain',
      ContentLength: 5,
      CacheControl: 'max-age=60',
      Metadata: { job: '17' },
      AcceptRanges: 'bytes',
      ETag: put.ETag,
      LastModified: new Date(at.clock.now()),
    })
    const head = await at.s3.send(new HeadObjectCommand({ Bucket: bucket, Key }))
    expect(head).toMatchObject({ ContentLength: 5, ContentType: 'text/plain' })

    await at.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
    await at.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
    await expect(at.s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).rejects.toMatchObject({
      name: 'NoSuchKey',
      $metadata: { httpStatusCode: 404 },
    })
    await expect(at.s3.send(new HeadObjectCommand({ Bucket: bucket, Key }))).rejects.toMatchObject({ name: 'NotFound' })
  })

  it('takes a streamed upload, which the SDK sends as aws-chunked with a trailing checksum', async () => {
    await using at = await openBucket()
    const big = Buffer.alloc(300_000, 'x')
    let encoding: string | undefined
    at.s3.middlewareStack.add(
      (next) => (args) => {
        encoding = (args.request as { headers: Record<string, string> }).headers['content-encoding']
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    const { Readable } = await import('node:stream')
    const Body = Readable.from([big.subarray(0, 100_000), big.subarray(100_000)])
    await at.s3.send(
      new PutObjectCommand({ Bucket: bucket, Key: 'big', Body, ContentLength: big.length, ChecksumAlgorithm: 'CRC32' }),
    )
    expect(encoding).toBe('aws-chunked')
    expect(Buffer.from((await at.objects.get('big')) ?? []).equals(big)).toBe(true)
    expect(Object.keys(at.objects.head(bucket, 'big').headers)).toEqual(['x-amz-checksum-crc32', 'x-amz-checksum-type'])
  })

  it('knows its bucket, and says which one it does not know', async () => {
    await using at = await openBucket()
    await at.s3.send(new HeadBucketCommand({ Bucket: bucket }))
    await at.s3.send(new CreateBucketCommand({ Bucket: bucket }))
    await expect(at.s3.send(new GetObjectCommand({ Bucket: 'other', Key: 'k' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
      BucketName: 'other',
    })
  })
})

describe('S3 over HTTP', () => {
  it('answers 403 to who brings no signature at all, whether the object is there or not', async () => {
    await using at = await openBucket()
    await at.objects.put([pdf('a')])
    for (const key of ['a', 'b']) {
      const answer = await fetch(`${at.url}/${bucket}/${key}`)
      const xml = await answer.text()
      expect(answer.status).toBe(403)
      expect(answer.headers.get('content-type')).toMatch(/^application\/xml/)
      expect(element(xml, 'Code')).toBe('AccessDenied')
      expect(element(xml, 'Message')).toBe('Access Denied')
      expect(element(xml, 'RequestId')).toBe(answer.headers.get('x-amz-request-id'))
      expect(element(xml, 'HostId')).toBe(answer.headers.get('x-amz-id-2'))
    }
  })

  it('names the missing key, escaped', async () => {
    await using at = await openBucket()
    const answer = await fetch(`${at.url}/${bucket}/a%3Cb%3E%26%00`, { headers: signed })
    const xml = await answer.text()
    expect(answer.status).toBe(404)
    expect(xml).toContain('<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>')
    expect(xml).toContain('<Key>a&lt;b&gt;&amp;\uFFFD</Key>')
  })

  it('serves parts of an object', async () => {
    await using at = await openBucket()
    await at.objects.put([pdf('a', '0123456789')])
    const part = async (range: string, method = 'GET') => {
      const answer = await fetch(`${at.url}/${bucket}/a`, { method, headers: { ...signed, range } })
      const { status, headers } = answer
      return [status, headers.get('content-range'), headers.get('content-length'), await answer.text()]
    }
    expect(await part('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '3', '234'])
    expect(await part('bytes=7-')).toEqual([206, 'bytes 7-9/10', '3', '789'])
    expect(await part('bytes=-2')).toEqual([206, 'bytes 8-9/10', '2', '89'])
    expect(await part('bytes=5-99')).toEqual([206, 'bytes 5-9/10', '5', '56789'])
    expect(await part('bytes=2-4', 'HEAD')).toEqual([206, 'bytes 2-4/10', '3', ''])
    expect(await part('bytes=0-1,3-4')).toEqual([200, null, '10', '0123456789'])
    expect(await part('lines=1-2')).toEqual([200, null, '10', '0123456789'])
    const outside = await fetch(`${at.url}/${bucket}/a`, { headers: { ...signed, range: 'bytes=10-' } })
    const xml = await outside.text()
    expect(outside.status).toBe(416)
    expect([element(xml, 'Code'), element(xml, 'RangeRequested'), element(xml, 'ActualObjectSize')]).toEqual([
      'InvalidRange',
      'bytes=10-',
      '10',
    ])
  })

  it('has no body for HEAD, also where it refuses', async () => {
    await using at = await openBucket()
    const answer = await fetch(`${at.url}/${bucket}/none`, { method: 'HEAD', headers: signed })
    expect([answer.status, await answer.text()]).toEqual([404, ''])
    expect((await fetch(`${at.url}/${bucket}/none`, { method: 'HEAD' })).status).toBe(403)
  })

  it('replaces headers as the query says, and refuses what is no header', async () => {
    await using at = await openBucket()
    await at.objects.put([pdf('a')])
    const query = new URLSearchParams({
      'response-content-disposition': 'attachment; filename="ü.pdf"',
      'response-content-type': 'application/octet-stream',
      'response-cache-control': 'no-store',
    })
    const answer = await fetch(`${at.url}/${bucket}/a?${query.toString()}`, { headers: signed })
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="ü.pdf"')
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    for (const value of ['a\r\nset-cookie: x=1', '名']) {
      const bad = new URLSearchParams({ 'response-content-type': value })
      const refused = await fetch(`${at.url}/${bucket}/a?${bad.toString()}`, { headers: signed })
      expect([refused.status, element(await refused.text(), 'Code')]).toEqual([400, 'InvalidArgument'])
    }
  })

  it('never lets a stored page run as one of the emulator’s own', async () => {
    await using at = await openBucket()
    await at.objects.put([{ key: 'a', contentType: 'text/html', pieces: [bytes('<script>')] }, pdf('b')])
    const page = await fetch(`${at.url}/${bucket}/a`, { headers: signed })
    expect(page.headers.get('content-security-policy')).toBe('sandbox')
    // A browser takes the last of several types.
    await at.objects.put([{ key: 'c', contentType: 'application/pdf, text/html', pieces: [bytes('<script>')] }])
    const several = await fetch(`${at.url}/${bucket}/c`, { headers: signed })
    expect(several.headers.get('content-security-policy')).toBe('sandbox')
    const certificate = await fetch(`${at.url}/${bucket}/b`, { headers: signed })
    expect(certificate.headers.get('content-security-policy')).toBeNull()
  })

  it('checks the digests that come with an upload', async () => {
    await using at = await openBucket()
    const put = async (headers: Record<string, string>, body = 'hello') => {
      const answer = await fetch(`${at.url}/${bucket}/a`, { method: 'PUT', body, headers: { ...signed, ...headers } })
      return [answer.status, element(await answer.text(), 'Code')]
    }
    const md5 = createHash('md5').update('hello').digest('base64')
    expect(await put({ 'content-md5': md5 })).toEqual([200, undefined])
    expect(await put({ 'content-md5': md5 }, 'other')).toEqual([400, 'BadDigest'])
    expect(await put({ 'content-md5': 'x' })).toEqual([400, 'InvalidDigest'])
    expect(await put({ 'x-amz-checksum-crc32': 'NhCmhg==' })).toEqual([200, undefined])
    expect(await put({ 'x-amz-checksum-crc32': 'AAAAAA==' })).toEqual([400, 'BadDigest'])
    expect(await put({ 'x-amz-checksum-sha256': 'AAAAAA==' })).toEqual([400, 'InvalidRequest'])
    const chunked = { 'content-encoding': 'aws-chunked', 'x-amz-decoded-content-length': '5' }
    expect(await put(chunked, '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n')).toEqual([200, undefined])
    expect(await put(chunked, '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n')).toEqual([400, 'BadDigest'])
    for (const broken of ['', '5\r\nhel', 'zz\r\n', '5\r\nhello\r\n', '4\r\nhell\r\n0\r\n\r\n', 'ffffffff\r\nx\r\n']) {
      expect(await put(chunked, broken)).toEqual([400, 'IncompleteBody'])
    }
  })

  it('refuses an upload over the limit, a key that is too long, and operations that it has not', async () => {
    await using at = await openBucket()
    const ask = async (
      path: string,
      init: { method?: string; body?: string; headers?: Record<string, string> } = {},
    ) => {
      const answer = await fetch(`${at.url}/${path}`, { ...init, headers: { ...signed, ...init.headers } })
      return [answer.status, element(await answer.text(), 'Code')]
    }
    expect(await ask(`${bucket}/${'k'.repeat(1025)}`, { method: 'PUT', body: 'x' })).toEqual([400, 'KeyTooLongError'])
    expect(await ask(`${bucket}/k`, { method: 'POST', body: 'x' })).toEqual([405, 'MethodNotAllowed'])
    expect(await ask(`${bucket}/k?acl`)).toEqual([501, 'NotImplemented'])
    expect(await ask(`${bucket}?policy`)).toEqual([501, 'NotImplemented'])
    expect(await ask(bucket, { method: 'PATCH', body: 'x' })).toEqual([405, 'MethodNotAllowed'])
    expect(await ask('nowhere/')).toEqual([404, 'NoSuchBucket'])
    expect(await announce(`${at.url}/${bucket}/k`, 100_000_000)).toEqual([400, 'EntityTooLarge'])
  })

  /** Announces a body without sending it. */
  function announce(url: string, length: number): Promise<[number | undefined, string | undefined]> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        url,
        { method: 'PUT', headers: { ...signed, 'content-length': length } },
        (answer) => {
          let xml = ''
          answer.setEncoding('utf8')
          answer.on('data', (part: string) => (xml += part))
          answer.on('end', () => {
            request.destroy()
            resolve([answer.statusCode, element(xml, 'Code')])
          })
        },
      )
      request.on('error', reject)
      request.flushHeaders()
    })
  }
})
