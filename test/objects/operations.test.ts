import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  type ListBucketsCommandInput,
  ListObjectsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { ask, bucket, credentials, element, openBucket } from './bucket.ts'

const Bucket = bucket

describe('buckets', () => {
  it('come and go', async () => {
    await using at = await openBucket()
    await at.s3.send(
      new CreateBucketCommand({ Bucket: 'mine', CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } }),
    )
    await at.s3.send(new CreateBucketCommand({ Bucket: 'mine' }))
    const { Buckets = [], Owner } = await at.s3.send(new ListBucketsCommand())
    expect(Buckets.map(({ Name }) => Name)).toEqual([bucket, 'mine'])
    expect(Buckets[1]?.CreationDate).toEqual(new Date(at.clock.now()))
    expect(Owner?.DisplayName).toBe('offload')
    expect(await at.s3.send(new HeadBucketCommand({ Bucket: 'mine' }))).toMatchObject({ BucketRegion: 'us-east-1' })
    expect(
      (await at.s3.send(new GetBucketLocationCommand({ Bucket: 'mine' }))).LocationConstraint || undefined,
    ).toBeUndefined()
    expect((await at.s3.send(new GetBucketVersioningCommand({ Bucket: 'mine' }))).Status).toBeUndefined()

    await at.s3.send(new PutObjectCommand({ Bucket: 'mine', Key: 'k', Body: 'mine' }))
    await expect(at.s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject({ name: 'NotFound' })
    await expect(at.s3.send(new DeleteBucketCommand({ Bucket: 'mine' }))).rejects.toMatchObject({
      name: 'BucketNotEmpty',
      $metadata: { httpStatusCode: 409 },
    })
    await at.objects.remove('mine', [{ key: 'k' }])
    await at.s3.send(new DeleteBucketCommand({ Bucket: 'mine' }))
    await expect(at.s3.send(new HeadBucketCommand({ Bucket: 'mine' }))).rejects.toMatchObject({ name: 'NotFound' })
  })

  it('are listed page by page, by prefix and by region', async () => {
    await using at = await openBucket({ r2Buckets: ['r2'] })
    for (const name of ['a-1', 'a-2', 'a-3']) at.objects.buckets.create(name)
    const list = async (input: ListBucketsCommandInput) => {
      const { Buckets = [], ContinuationToken, Prefix } = await at.s3.send(new ListBucketsCommand(input))
      return { names: Buckets.map(({ Name }) => Name), token: ContinuationToken, prefix: Prefix }
    }
    const first = await list({ Prefix: 'a-', MaxBuckets: 2 })
    expect(first).toMatchObject({ names: ['a-1', 'a-2'], prefix: 'a-' })
    const next = { Prefix: 'a-', MaxBuckets: 2, ContinuationToken: first.token }
    expect(await list(next)).toEqual({ names: ['a-3'], token: undefined, prefix: 'a-' })
    expect((await list({ Prefix: 'a-', MaxBuckets: 3 })).token).toBeUndefined()
    expect((await list({ BucketRegion: 'auto' })).names).toEqual(['r2'])
    expect((await list({})).names).toEqual(['a-1', 'a-2', 'a-3', bucket, 'r2'])
    await expect(list({ MaxBuckets: 10_001 })).rejects.toMatchObject({ name: 'InvalidArgument' })
    await expect(list({ ContinuationToken: 'x' })).rejects.toMatchObject({ name: 'InvalidArgument' })
  })

  it.each(['ab', 'Upper', 'a..b', '-ab', '192.168.0.1', 'xn--a', 'a'.repeat(64), 'under_score'])(
    'cannot be called %s',
    async (name) => {
      await using at = await openBucket()
      expect(await ask(`${at.url}/${name}`, { method: 'PUT' })).toMatchObject({
        status: 400,
        code: 'InvalidBucketName',
      })
    },
  )

  it('are reset to the emulator’s own, which cannot be deleted', async () => {
    await using at = await openBucket()
    await ask(`${at.url}/mine`, { method: 'PUT' })
    at.objects.reset()
    expect(at.objects.buckets.list().map(({ name }) => name)).toEqual([bucket])
    expect(await ask(`${at.url}/${bucket}`, { method: 'DELETE' })).toMatchObject({ status: 403, code: 'AccessDenied' })
    const wrong = await ask(`${at.url}/mine`, { method: 'PUT', body: '<Nonsense>' })
    expect(wrong).toMatchObject({ status: 400, code: 'MalformedXML' })
  })
})

describe('conditions', () => {
  it('of a read say whether the client has the object already, or wants another', async () => {
    await using at = await openBucket()
    const { ETag = '' } = await at.s3.send(
      new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', CacheControl: 'no-store' }),
    )
    const then = new Date(at.clock.now()).toUTCString()
    const before = new Date(at.clock.now() - 1000).toUTCString()
    const get = async (headers: Record<string, string>) => {
      const { status, code, text } = await ask(`${at.url}/${bucket}/k`, { headers })
      return [status, ...(code === undefined ? [] : [code, element(text, 'Condition')])]
    }
    expect(await get({ 'if-none-match': ETag })).toEqual([304])
    expect(await get({ 'if-none-match': `"a", ${ETag}` })).toEqual([304])
    expect(await get({ 'if-none-match': '*' })).toEqual([304])
    expect(await get({ 'if-none-match': '"a"' })).toEqual([200])
    expect(await get({ 'if-match': ETag })).toEqual([200])
    expect(await get({ 'if-match': ETag.replaceAll('"', '') })).toEqual([200])
    expect(await get({ 'if-match': '"a"' })).toEqual([412, 'PreconditionFailed', 'If-Match'])
    expect(await get({ 'if-modified-since': then })).toEqual([304])
    expect(await get({ 'if-modified-since': before })).toEqual([200])
    expect(await get({ 'if-modified-since': 'yesterday' })).toEqual([200])
    expect(await get({ 'if-unmodified-since': then })).toEqual([200])
    expect(await get({ 'if-unmodified-since': before })).toEqual([412, 'PreconditionFailed', 'If-Unmodified-Since'])
    // Tags are surer than times.
    expect(await get({ 'if-match': ETag, 'if-unmodified-since': before })).toEqual([200])
    expect(await get({ 'if-none-match': '"a"', 'if-modified-since': then })).toEqual([200])
    const unmodified = await ask(`${at.url}/${bucket}/k`, { headers: { 'if-none-match': ETag } })
    expect([unmodified.text, unmodified.headers.get('etag'), unmodified.headers.get('cache-control')]).toEqual([
      '',
      ETag,
      'no-store',
    ])
    const cutShort = new GetObjectCommand({ Bucket, Key: 'k', IfNoneMatch: ETag })
    await expect(at.s3.send(cutShort)).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } })
  })

  it('of a write keep what is there', async () => {
    await using at = await openBucket()
    const put = async (headers: Record<string, string>, key = 'k') => {
      const { status, code } = await ask(`${at.url}/${bucket}/${key}`, { method: 'PUT', body: 'x', headers })
      return [status, code]
    }
    expect(await put({ 'if-none-match': '*' })).toEqual([200, undefined])
    expect(await put({ 'if-none-match': '*' })).toEqual([412, 'PreconditionFailed'])
    const { etag } = at.objects.head(bucket, 'k')
    expect(await put({ 'if-match': `"${etag}"` })).toEqual([200, undefined])
    expect(await put({ 'if-match': '"other"' })).toEqual([412, 'PreconditionFailed'])
    expect(await put({ 'if-match': '"other"' }, 'none')).toEqual([404, 'NoSuchKey'])
  })

  it('of a deletion keep what is there', async () => {
    await using at = await openBucket()
    const { ETag = '' } = await at.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }))
    const remove = async (etag: string, key = 'k') => {
      const { status, code } = await ask(`${at.url}/${bucket}/${key}`, {
        method: 'DELETE',
        headers: { 'if-match': etag },
      })
      return [status, code]
    }
    expect(await remove('"other"')).toEqual([412, 'PreconditionFailed'])
    expect(at.objects.head(bucket, 'k').size).toBe(1)
    expect(await remove(ETag)).toEqual([204, undefined])
    expect(await remove(ETag)).toEqual([404, 'NoSuchKey'])
    expect(await remove('*')).toEqual([404, 'NoSuchKey'])
  })

  it('of a range say whether it is of the object that the client has begun to read', async () => {
    await using at = await openBucket()
    const { ETag = '' } = await at.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: '0123' }))
    const then = new Date(at.clock.now()).toUTCString()
    const before = new Date(at.clock.now() - 1000).toUTCString()
    const get = async (condition: string) => {
      const headers = { range: 'bytes=2-', 'if-range': condition }
      const { status, text } = await ask(`${at.url}/${bucket}/k`, { headers })
      return [status, text]
    }
    expect(await get(ETag)).toEqual([206, '23'])
    expect(await get(then)).toEqual([206, '23'])
    for (const other of ['"other"', `W/${ETag}`, before, 'yesterday']) expect(await get(other)).toEqual([200, '0123'])
  })
})

describe('copies', () => {
  const source = { Bucket, Key: 'source (1)+ü.pdf', Body: 'x', ContentType: 'a/b', Metadata: { a: '1' } }
  const CopySource = `/${bucket}/${encodeURIComponent(source.Key)}`

  it('keep what is said of an object, or replace it', async () => {
    await using at = await openBucket()
    const { ETag } = await at.s3.send(new PutObjectCommand({ ...source, ChecksumAlgorithm: 'SHA256' }))
    await at.s3.send(new CreateBucketCommand({ Bucket: 'mine' }))
    const copied = await at.s3.send(new CopyObjectCommand({ Bucket: 'mine', Key: 'copy', CopySource }))
    expect(copied.CopyObjectResult).toMatchObject({ ETag, LastModified: new Date(at.clock.now()) })
    expect(copied.CopyObjectResult?.ChecksumSHA256).toBeDefined()
    const kept = await at.s3.send(new HeadObjectCommand({ Bucket: 'mine', Key: 'copy' }))
    expect(kept).toMatchObject({ ETag, ContentType: 'a/b', Metadata: { a: '1' } })

    const replacement = { MetadataDirective: 'REPLACE', ContentType: 'c/d', Metadata: { b: '2' } } as const
    await at.s3.send(new CopyObjectCommand({ Bucket, Key: source.Key, CopySource, ...replacement }))
    const replaced = await at.s3.send(new HeadObjectCommand({ Bucket, Key: source.Key }))
    expect(replaced).toMatchObject({ ETag, ContentType: 'c/d', Metadata: { b: '2' } })
  })

  it('are refused where they make no sense', async () => {
    await using at = await openBucket()
    const { ETag = '' } = await at.s3.send(new PutObjectCommand(source))
    const copy = async (from: string, headers: Record<string, string> = {}, key = 'copy') => {
      const { status, code } = await ask(`${at.url}/${bucket}/${key}`, {
        method: 'PUT',
        headers: { 'x-amz-copy-source': from, ...headers },
      })
      return [status, code]
    }
    expect(await copy(CopySource, {}, encodeURIComponent(source.Key))).toEqual([400, 'InvalidRequest'])
    expect(await copy(`/${bucket}/none`)).toEqual([404, 'NoSuchKey'])
    expect(await copy('/nowhere/none')).toEqual([404, 'NoSuchBucket'])
    for (const from of ['', '/', 'x', `${bucket}/`, '%zz/a', `${CopySource}?versionId=1`]) {
      expect(await copy(from)).toEqual([400, 'InvalidArgument'])
    }
    expect(await copy(`${CopySource}?versionId=null`)).toEqual([200, undefined])
    expect(await copy(CopySource, { 'x-amz-metadata-directive': 'x' })).toEqual([400, 'InvalidArgument'])
    expect(await copy(CopySource, { 'x-amz-copy-source-if-match': '"a"' })).toEqual([412, 'PreconditionFailed'])
    expect(await copy(CopySource, { 'x-amz-copy-source-if-none-match': ETag })).toEqual([412, 'PreconditionFailed'])
    expect(await copy(CopySource, { 'x-amz-copy-source-if-match': ETag })).toEqual([200, undefined])
  })
})

describe('deleting many', () => {
  it('deletes keys of any characters, there or not, and says so unless it is to be quiet', async () => {
    await using at = await openBucket()
    const keys = ['a&b<c>"d"\r\n', ' spaces ', '&lt;', 'ü😀', 'true', '007']
    await at.objects.put(keys.map((key) => ({ key, contentType: 'a/b', pieces: [new Uint8Array()] })))
    await at.objects.put([{ key: 'kept', contentType: 'a/b', pieces: [new Uint8Array()] }])
    const Objects = [...keys, 'never there'].map((Key) => ({ Key }))
    const { Deleted } = await at.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
    expect(Deleted?.map(({ Key }) => Key)).toEqual([...keys, 'never there'])
    expect((await at.s3.send(new ListObjectsCommand({ Bucket }))).Contents?.map(({ Key }) => Key)).toEqual(['kept'])
    const quiet = new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'kept' }], Quiet: true } })
    expect((await at.s3.send(quiet)).Deleted).toBeUndefined()
    expect(at.objects.list(bucket, { prefix: '', delimiter: '', after: '', maximum: 9 }).items).toEqual([])
  })

  it('deletes those that are what the client takes them for, and names the others also where it is to be quiet', async () => {
    await using at = await openBucket()
    await at.objects.put(['a', 'b', 'c'].map((key) => ({ key, contentType: 'a/b', pieces: [new Uint8Array()] })))
    const { etag } = at.objects.head(bucket, 'a')
    const Objects = [
      { Key: 'a', ETag: `"${etag}"` },
      { Key: 'b', ETag: '"other"' },
      { Key: 'c' },
      { Key: 'never there', ETag: `"${etag}"` },
    ]
    const answer = await at.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
    expect(answer.Deleted).toBeUndefined()
    const Message = 'At least one of the pre-conditions you specified did not hold'
    expect(answer.Errors).toEqual([
      { Key: 'b', Code: 'PreconditionFailed', Message },
      { Key: 'never there', Code: 'NoSuchKey', Message: 'The specified key does not exist.' },
    ])
    const { items } = at.objects.list(bucket, { prefix: '', delimiter: '', after: '', maximum: 9 })
    expect(items.map(({ key }) => key)).toEqual(['b'])
  })

  it('refuses what it cannot read, and what comes without a digest', async () => {
    await using at = await openBucket()
    const remove = async (body: string, headers: Record<string, string> = { 'x-amz-checksum-crc32': '' }) => {
      const { crc32 } = await import('node:zlib')
      const sum = Buffer.alloc(4)
      sum.writeUInt32BE(crc32(body))
      const all = 'x-amz-checksum-crc32' in headers ? { 'x-amz-checksum-crc32': sum.toString('base64') } : headers
      const { status, code } = await ask(`${at.url}/${bucket}?delete`, { method: 'POST', body, headers: all })
      return [status, code]
    }
    const object = '<Object><Key>k</Key></Object>'
    expect(await remove(`<Delete>${object}</Delete>`)).toEqual([200, undefined])
    expect(await remove(`<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${object}</Delete>`)).toEqual([
      200,
      undefined,
    ])
    expect(await remove(`<Delete>${object}</Delete>`, {})).toEqual([400, 'InvalidRequest'])
    expect(await remove(`<Delete>${object}</Delete>`, { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })).toEqual([
      400,
      'BadDigest',
    ])
    const malformed = [
      '',
      'k',
      '<Delete/>',
      '<Delete><Object/></Delete>',
      '<Delete><Object><Key/></Object></Delete>',
      '<Delete><Object><Key><b/></Key></Object></Delete>',
      `<Delete>${object}</Delete><Delete/>`,
      `<Delete>${object.repeat(1001)}</Delete>`,
      `<!DOCTYPE d [<!ENTITY a "aaaa">]><Delete>${object}</Delete>`,
      '<Delete><__proto__>x</__proto__></Delete>',
    ]
    for (const body of malformed) expect([body, await remove(body)]).toEqual([body, [400, 'MalformedXML']])
  })
})

describe('what is said of an object', () => {
  it.each(['pdf', 'a b', '; x', 'a/b, c/d', 'a/b/c', 'zoë', 'text/'])('may be of any type: %j', async (type) => {
    await using at = await openBucket()
    for (const body of ['', '{x']) {
      const put = await ask(`${at.url}/${bucket}/k`, { method: 'PUT', body, headers: { 'content-type': type } })
      expect(put.status).toBe(200)
      const { headers, text } = await ask(`${at.url}/${bucket}/k`)
      expect([headers.get('content-type'), text]).toEqual([type, body])
    }
  })

  it('is of the usual type where the one that is given is empty', async () => {
    await using at = await openBucket()
    const put = await ask(`${at.url}/${bucket}/k`, { method: 'PUT', body: 'x', headers: { 'content-type': '' } })
    expect(put.status).toBe(200)
    expect(at.objects.head(bucket, 'k').contentType).toBe('binary/octet-stream')
  })

  it('comes back, and is bounded', async () => {
    await using at = await openBucket()
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-disposition': 'attachment; filename="a b.txt"',
      'cache-control': 'max-age=60',
      'content-encoding': 'gzip,aws-chunked',
      'content-language': 'fr',
      expires: 'Thu, 01 Dec 2044 16:00:00 GMT',
      'x-amz-meta-job': '17',
      'x-amz-meta-empty': '',
    }
    const url = `${at.url}/${bucket}/k`
    const chunked = '1\r\nx\r\n0\r\n\r\n'
    expect((await ask(url, { method: 'PUT', body: chunked, headers })).status).toBe(200)
    const head = await ask(url, { method: 'HEAD' })
    const expected = { ...headers, 'content-encoding': 'gzip' }
    for (const [name, value] of Object.entries(expected)) expect([name, head.headers.get(name)]).toEqual([name, value])
    const large = await ask(url, { method: 'PUT', body: 'x', headers: { 'x-amz-meta-large': 'x'.repeat(2048) } })
    expect(large).toMatchObject({ status: 400, code: 'MetadataTooLarge' })
  })
})

describe('where signatures are verified', () => {
  it('takes the SDK’s own, and refuses strangers, wrong secrets, wrong clocks and nonsense', async () => {
    await using at = await openBucket({ verifySignatures: true })
    await at.s3.send(new PutObjectCommand({ Bucket, Key: 'a b/ü(1)', Body: 'x', Metadata: { a: ' b  c ' } }))
    const client = (over: object) =>
      new S3Client({
        endpoint: at.url,
        region: 'us-east-1',
        credentials,
        forcePathStyle: true,
        maxAttempts: 1,
        ...over,
      })
    const get = new GetObjectCommand({ Bucket, Key: 'a b/ü(1)' })
    const stranger = client({ credentials: { ...credentials, accessKeyId: 'AKIASTRANGER' } })
    await expect(stranger.send(get)).rejects.toMatchObject({ name: 'InvalidAccessKeyId' })
    const wrong = client({ credentials: { ...credentials, secretAccessKey: 'guess' } })
    await expect(wrong.send(get)).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
      SignatureProvided: expect.any(String) as string,
    })
    const late = client({ systemClockOffset: -16 * 60_000 })
    await expect(late.send(get)).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' })
    for (const authorization of ['AWS test:c2ln', 'Bearer x', 'AWS4-HMAC-SHA256 Credential=test']) {
      const refused = await ask(`${at.url}/${bucket}/k`, { headers: { authorization } })
      expect(refused).toMatchObject({ status: 400, code: 'AuthorizationHeaderMalformed' })
    }
    for (const other of [stranger, wrong, late]) other.destroy()
  })
})
