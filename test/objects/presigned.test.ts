import { request as httpRequest } from 'node:http'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { assert, asyncProperty, integer, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodePath } from '../../contracts/sigv4.ts'
import { presignQuery } from '../../emulator/cloud/objects/sigv4.ts'
import { bucket, credentials, element, openBucket, type Bucket } from './bucket.ts'

const key = 'certificates/7/job 1/Ünï (2).pdf'

async function withCertificate(options: Parameters<typeof openBucket>[0] = {}): Promise<Bucket> {
  const at = await openBucket(options)
  await at.objects.put([{ key, contentType: 'application/pdf', pieces: [new TextEncoder().encode('%PDF')] }])
  return at
}

/** Status and the elements of the error. */
async function refusal(url: string | URL, init?: RequestInit) {
  const answer = await fetch(url, init)
  const xml = await answer.text()
  return { status: answer.status, code: element(xml, 'Code'), message: element(xml, 'Message'), xml }
}

const changed = (url: string, change: (query: URLSearchParams) => void) => {
  const copy = new URL(url)
  change(copy.searchParams)
  return copy
}

describe('a presigned URL', () => {
  it('opens the certificate until it expires', async () => {
    await using at = await withCertificate()
    const url = at.objects.presign(key, 60)
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([200, '%PDF'])
    expect(answer.headers.get('content-type')).toBe('application/pdf')

    await at.clock.advance(59_999)
    expect((await fetch(url)).status).toBe(200)
    const expiry = at.clock.now() + 1
    await at.clock.advance(1)
    const { status, code, message, xml } = await refusal(url)
    expect([status, code, message]).toEqual([403, 'AccessDenied', 'Request has expired'])
    const second = (ms: number) => new Date(ms).toISOString().replace('.000', '')
    expect(xml).toContain(
      `<X-Amz-Expires>60</X-Amz-Expires><Expires>${second(expiry)}</Expires><ServerTime>${second(expiry)}</ServerTime><RequestId>`,
    )
  })

  it('is expired at once with X-Amz-Expires=0', async () => {
    await using at = await withCertificate()
    const url = changed(at.objects.presign(key, 60), (query) => query.set('X-Amz-Expires', '0'))
    expect(await refusal(url)).toMatchObject({ status: 403, message: 'Request has expired' })
  })

  it('is not yet valid where its date lies in the future, beyond the skew that AWS allows', async () => {
    await using at = await withCertificate()
    await using ahead = await openBucket({ start: at.clock.now() + 15 * 60_000 + 1000, publicUrl: at.url })
    const url = ahead.objects.presign(key, 60)
    expect(await refusal(url)).toMatchObject({ status: 403, code: 'AccessDenied', message: 'Request is not yet valid' })
    await at.clock.advance(1000)
    expect((await fetch(url)).status).toBe(200)
  })

  it('says what it calculated where the URL was tampered with', async () => {
    await using at = await withCertificate()
    const url = at.objects.presign(key, 60)
    const { status, code, message, xml } = await refusal(url.replace('job%201', 'job%202'))
    expect([status, code]).toEqual([403, 'SignatureDoesNotMatch'])
    expect(message).toBe(
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
    )
    expect(element(xml, 'AWSAccessKeyId')).toBe('test')
    expect(element(xml, 'SignatureProvided')).toBe(new URL(url).searchParams.get('X-Amz-Signature'))
    expect(element(xml, 'StringToSign')).toMatch(
      /^AWS4-HMAC-SHA256\n\d{8}T\d{6}Z\n\d{8}\/us-east-1\/s3\/aws4_request\n[0-9a-f]{64}$/,
    )
    expect(element(xml, 'CanonicalRequest')).toMatch(
      new RegExp(`^GET\n/${bucket}/certificates/7/job%202/%C3%9Cn%C3%AF%20%282%29.pdf\nX-Amz-Algorithm=`),
    )
    expect(element(xml, 'CanonicalRequest')).toMatch(/\nhost:127\.0\.0\.1:\d+\n\nhost\nUNSIGNED-PAYLOAD$/)
  })

  it('is refused whatever of it is changed', async () => {
    await using at = await withCertificate()
    const url = at.objects.presign(key, 600)
    const changes: ((query: URLSearchParams) => void)[] = [
      (query) => query.set('X-Amz-Expires', '601'),
      (query) => query.set('X-Amz-Date', query.get('X-Amz-Date')?.replace(/\d\dZ/, '61Z') ?? ''),
      (query) => query.set('X-Amz-Signature', 'ü'.repeat(64)),
      (query) => query.set('X-Amz-Signature', '0'),
      (query) => query.append('response-content-type', 'text/html'),
      (query) => query.append('X-Amz-Expires', '604800'),
    ]
    for (const change of changes) expect((await refusal(changed(url, change))).status).not.toBe(200)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(403)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
    expect((await fetch(url)).status).toBe(200)
  })

  it('must have signed the x-amz headers that come with it', async () => {
    await using at = await withCertificate()
    const url = at.objects.presign(key, 60)
    const { status, code, message, xml } = await refusal(url, { headers: { 'x-amz-acl': 'public-read' } })
    expect([status, code, message]).toEqual([
      403,
      'AccessDenied',
      'There were headers present in the request which were not signed',
    ])
    expect(element(xml, 'HeadersNotSigned')).toBe('x-amz-acl')
  })

  it('wants all six parameters, in their form', async () => {
    await using at = await withCertificate()
    const url = at.objects.presign(key, 60)
    const missing =
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.'
    for (const name of ['Algorithm', 'Credential', 'Signature', 'Date', 'SignedHeaders', 'Expires']) {
      const without = changed(url, (query) => query.delete(`X-Amz-${name}`))
      expect(await refusal(without)).toMatchObject({
        status: 400,
        code: 'AuthorizationQueryParametersError',
        message: missing,
      })
    }
    const wrong: readonly (readonly [string, string, RegExp])[] = [
      [
        'Expires',
        '604801',
        /^X-Amz-Expires must be less than a week \(in seconds\); that is, the given X-Amz-Expires must be less than 604800 seconds$/,
      ],
      ['Expires', '-1', /must be non-negative/],
      ['Expires', '1e3', /should be a number/],
      ['Algorithm', 'AWS4', /only supports/],
      ['Date', '2026-01-01', /ISO8601 Long Format/],
      ['Date', '20261399T000000Z', /ISO8601 Long Format/],
      ['Date', '19990101T000000Z', /Invalid credential date/],
      ['Credential', 'test', /the Credential is mal-formed/],
      ['Credential', 'test/20260101/us-east-1/sqs/aws4_request', /incorrect service "sqs"/],
    ]
    for (const [name, value, message] of wrong) {
      const answer = await refusal(changed(url, (query) => query.set(`X-Amz-${name}`, value)))
      expect(answer).toMatchObject({ status: 400, code: 'AuthorizationQueryParametersError' })
      expect(answer.message).toMatch(message)
    }
  })

  it('is made for 1 second to 7 days', async () => {
    await using at = await withCertificate()
    expect((await fetch(at.objects.presign(key, 604_800))).status).toBe(200)
    for (const ttl of [0, -1, 604_801, 1.5, NaN]) expect(() => at.objects.presign(key, ttl)).toThrow(RangeError)
  })

  it('works under every name of the emulator, and under no other', async () => {
    const container = 'host.docker.internal:4566'
    await using at = await withCertificate({ publicUrl: `http://${container}`, aliases: ['offload.test:4566'] })
    const url = new URL(at.objects.presign(key, 60))
    expect(url.host).toBe(container)
    const { host } = new URL(at.url)
    const path = `${url.pathname}${url.search}`
    // As the container asks, and as the browser does with the address put in its place.
    expect(await statusOf(at.url, path, container)).toBe(200)
    expect(await statusOf(at.url, path, host)).toBe(200)

    const signedFor = (name: string) => {
      const query = { method: 'GET', host: name, path: url.pathname, credentials, region: 'us-east-1', ttlSeconds: 60 }
      return `${url.pathname}?${presignQuery({ ...query, at: at.clock.now() })}`
    }
    expect(await statusOf(at.url, signedFor('offload.test:4566'), host)).toBe(200)
    expect(await statusOf(at.url, signedFor(host), host)).toBe(200)
    expect(await statusOf(at.url, signedFor('elsewhere:4566'), host)).toBe(403)
    expect(await statusOf(at.url, signedFor('elsewhere:4566'), 'elsewhere:4566')).toBe(200)
  })

  it('of a stranger’s key passes unchecked unless signatures are verified, but expires all the same', async () => {
    for (const verifySignatures of [false, true]) {
      await using at = await withCertificate({ verifySignatures })
      const { pathname, host, origin } = new URL(at.objects.presign(key, 60))
      const query = presignQuery({
        method: 'GET',
        host,
        path: pathname,
        credentials: { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'who knows' },
        region: 'eu-west-1',
        ttlSeconds: 60,
        at: at.clock.now(),
      })
      const url = `${origin}${pathname}?${query}`
      const answer = await refusal(url)
      expect([answer.status, answer.code]).toEqual(verifySignatures ? [403, 'InvalidAccessKeyId'] : [200, undefined])
      await at.clock.advance(60_000)
      expect(await refusal(url)).toMatchObject({ status: 403, message: 'Request has expired' })
    }
  })
})

describe('presigning as the AWS SDK does', () => {
  const client = (endpoint: string, secretAccessKey = 'test') =>
    new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { ...credentials, secretAccessKey },
    })

  it('gives the same URL for any key and any overrides', async () => {
    const s3 = client('http://127.0.0.1:4566')
    const at = Date.UTC(2026, 2, 14, 15, 9, 26)
    const text = string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((value) => value.toWellFormed())
    await assert(
      asyncProperty(text, text, integer({ min: 1, max: 604_800 }), async (name, disposition, ttlSeconds) => {
        const Key = `certificates/7/${name}.pdf`
        const command = new GetObjectCommand({ Bucket: bucket, Key, ResponseContentDisposition: disposition })
        const theirs = new URL(await getSignedUrl(s3, command, { expiresIn: ttlSeconds, signingDate: new Date(at) }))
        const own = [
          'X-Amz-Algorithm',
          'X-Amz-Credential',
          'X-Amz-Date',
          'X-Amz-Expires',
          'X-Amz-SignedHeaders',
          'X-Amz-Signature',
        ]
        const ours = presignQuery({
          method: 'GET',
          host: theirs.host,
          path: encodePath(`/${bucket}/${Key}`),
          parameters: [...theirs.searchParams].filter(([parameter]) => !own.includes(parameter)),
          credentials,
          region: 'us-east-1',
          ttlSeconds,
          at,
        })
        const sorted = (query: string) => query.replace(/^\?/, '').split('&').toSorted()
        expect(sorted(ours)).toEqual(sorted(theirs.search))
      }),
      { numRuns: 50, examples: [["!'()*+~ %2F", 'attachment; filename="a b.pdf"', 60]] },
    )
    s3.destroy()
  })

  it('accepts the SDK’s URLs to get, to look and to put', async () => {
    await using at = await withCertificate()
    const get = await getSignedUrl(at.s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: 60 })
    expect(await (await fetch(get)).text()).toBe('%PDF')
    const head = await getSignedUrl(at.s3, new HeadObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: 60 })
    expect((await fetch(head, { method: 'HEAD' })).status).toBe(200)
    const put = await getSignedUrl(at.s3, new PutObjectCommand({ Bucket: bucket, Key: 'new', ContentType: 'a/b' }), {
      expiresIn: 60,
      signableHeaders: new Set(['content-type']),
    })
    expect((await fetch(put, { method: 'PUT', body: 'x', headers: { 'content-type': 'c/d' } })).status).toBe(403)
    expect((await fetch(put, { method: 'PUT', body: 'x', headers: { 'content-type': 'a/b' } })).status).toBe(200)
    expect(at.objects.head(bucket, 'new').contentType).toBe('a/b')
  })

  it('refuses the SDK’s URL where the secret is another', async () => {
    await using at = await withCertificate()
    const s3 = client(at.url, 'not-the-secret')
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: 60 })
    s3.destroy()
    expect(await refusal(url)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  })
})

/** A GET with a Host header of our choosing. */
function statusOf(url: string, path: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    httpRequest({ hostname, port, path, headers: { host } }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
}
