import { request as httpRequest } from 'node:http'
import { describe, expect, it } from 'vitest'
import { signV2, stringToSignV2 } from '../../emulator/cloud/objects/sigv2.ts'
import { ask, bucket, credentials, element, openBucket, type Bucket } from './bucket.ts'

const key = 'certificates/7/a b.pdf'

async function withCertificate(options: Parameters<typeof openBucket>[0] = {}): Promise<Bucket> {
  const at = await openBucket(options)
  await at.objects.put([{ key, contentType: 'application/pdf', pieces: [new TextEncoder().encode('%PDF')] }])
  return at
}

/** Signs as an SDK of before 2014 does. */
function presign(
  at: Bucket,
  {
    method = 'GET',
    name = key,
    headers = {},
    query = '',
    ttlSeconds = 60,
    accessKeyId = credentials.accessKeyId,
  }: {
    method?: string
    name?: string
    headers?: Record<string, string>
    query?: string
    ttlSeconds?: number
    accessKeyId?: string
  } = {},
) {
  const path = `/${bucket}/${encodeURI(name)}`
  const expires = String(at.clock.now() / 1000 + ttlSeconds)
  const text = stringToSignV2({ method, path, query, headers }, expires, undefined)
  const signature = new URLSearchParams({
    AWSAccessKeyId: accessKeyId,
    Expires: expires,
    Signature: signV2(text, credentials.secretAccessKey),
  })
  return `${at.url}${path}?${query === '' ? '' : `${query}&`}${signature.toString()}`
}

describe('a URL presigned by signature version 2', () => {
  it('is signed as AWS’s own example', () => {
    const request = { method: 'GET', path: '/photos/puppy.jpg', query: '', headers: {} }
    const text = stringToSignV2(request, '1175139620', 'johnsmith')
    expect(text).toBe('GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg')
    expect(signV2(text, 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY')).toBe('NpgCjnDzrM+WFzoENXmpNDUsSn8=')
  })

  it('signs the overrides, the x-amz headers and the type, in their order', () => {
    const text = stringToSignV2(
      {
        method: 'PUT',
        path: '/b/k',
        query: 'x=1&response-content-type=a%2Fb&acl&x-amz-security-token=t',
        headers: {
          'x-amz-meta-b': ' 2 ',
          'x-amz-acl': 'private',
          'content-type': 'c/d',
          'content-md5': 'm',
          host: 'h',
        },
      },
      '9',
      undefined,
    )
    expect(text).toBe(
      'PUT\nm\nc/d\n9\nx-amz-acl:private\nx-amz-meta-b:2\nx-amz-security-token:t\n/b/k?acl&response-content-type=a/b',
    )
  })

  it('opens the certificate until it expires, under any name', async () => {
    await using at = await withCertificate()
    const url = presign(at)
    expect(await ask(url)).toMatchObject({ status: 200, text: '%PDF' })
    expect((await ask(url.replace('127.0.0.1', 'localhost'))).status).toBe(200)
    await at.clock.advance(59_999)
    expect((await ask(url)).status).toBe(200)
    await at.clock.advance(1)
    const late = await ask(url)
    expect(late).toMatchObject({ status: 403, code: 'AccessDenied', message: 'Request has expired' })
    const now = new Date(at.clock.now()).toISOString().replace('.000', '')
    expect(late.text).toContain(`</Message><Expires>${now}</Expires><ServerTime>${now}</ServerTime><RequestId>`)
  })

  it('is refused whatever of it is changed, with what was calculated', async () => {
    await using at = await withCertificate()
    const url = presign(at)
    const changed = [
      url.replace('a%20b', 'a%20c'),
      url.replace(/Expires=(\d+)/, (_, seconds: string) => `Expires=${Number(seconds) + 1}`),
      `${url}&response-content-type=text/html`,
      `${url}&x-amz-security-token=x`,
      url.replace(/Signature=[^&]+/, 'Signature=AAAA'),
    ]
    for (const other of changed) expect(await ask(other)).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    for (const method of ['HEAD', 'PUT', 'DELETE']) expect((await ask(url, { method })).status).toBe(403)
    const { text } = await ask(changed[0] ?? '')
    expect(element(text, 'StringToSign')).toMatch(
      /^GET\n\n\n\d+\n\/manireports-certificates\/certificates\/7\/a%20c\.pdf$/,
    )
    expect(element(text, 'AWSAccessKeyId')).toBe('test')
    expect(text).not.toContain('CanonicalRequest')
    const headers = { 'x-amz-acl': 'public-read' }
    expect(await ask(url, { headers })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
    // A parameter of no meaning to S3 is not signed.
    expect((await ask(`${url}&cachebuster=1`)).status).toBe(200)
  })

  it('puts, looks at and deletes an object where it was signed for that', async () => {
    await using at = await withCertificate()
    const type = { 'content-type': 'text/plain' }
    const put = presign(at, { method: 'PUT', name: 'new', headers: type })
    expect((await ask(put, { method: 'PUT', body: 'x', headers: { 'content-type': 'text/html' } })).status).toBe(403)
    expect((await ask(put, { method: 'PUT', body: 'x', headers: type })).status).toBe(200)
    expect((await ask(presign(at, { method: 'HEAD', name: 'new' }), { method: 'HEAD' })).status).toBe(200)
    expect((await ask(presign(at, { method: 'DELETE', name: 'new' }), { method: 'DELETE' })).status).toBe(204)
    const query = 'response-content-disposition=attachment'
    expect((await ask(presign(at, { query }))).headers.get('content-disposition')).toBe('attachment')
  })

  it('wants all three parameters, in their form, and no other signature beside it', async () => {
    await using at = await withCertificate()
    const url = presign(at)
    const message = 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters'
    for (const name of ['AWSAccessKeyId', 'Signature', 'Expires']) {
      const without = new URL(url)
      without.searchParams.delete(name)
      expect(await ask(without)).toMatchObject({ status: 403, code: 'AccessDenied', message })
    }
    for (const value of ['tomorrow', '-1', '1e9', '9'.repeat(20)]) {
      const other = url.replace(/Expires=\d+/, `Expires=${value}`)
      expect((await ask(other)).message).toBe(`Invalid date (should be seconds since epoch): ${value}`)
    }
    const both = await ask(url, { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=…'.slice(0, 27) } })
    expect(both).toMatchObject({ status: 400, code: 'InvalidArgument' })
  })

  it('of a stranger’s key passes unchecked unless signatures are verified, but expires all the same', async () => {
    for (const verifySignatures of [false, true]) {
      await using at = await withCertificate({ verifySignatures })
      const url = presign(at, { accessKeyId: 'AKIASTRANGER' })
      const { status, code } = await ask(url)
      expect([status, code]).toEqual(verifySignatures ? [403, 'InvalidAccessKeyId'] : [200, undefined])
      await at.clock.advance(60_000)
      expect(await ask(url)).toMatchObject({ status: 403, message: 'Request has expired' })
    }
  })
})

describe('virtual-host style', () => {
  it('takes the bucket from the Host, also where the URL is presigned', async () => {
    await using at = await withCertificate()
    const get = (host: string, path: string, headers = {}) =>
      new Promise<[number | undefined, string]>((resolve, reject) => {
        const { hostname, port } = new URL(at.url)
        httpRequest({ hostname, port, path, headers: { host, ...headers } }, (answer) => {
          let body = ''
          answer.setEncoding('utf8')
          answer.on('data', (part: string) => (body += part))
          answer.on('end', () => resolve([answer.statusCode, body]))
        })
          .on('error', reject)
          .end()
      })
    const authorization = 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request'
    const path = '/certificates/7/a%20b.pdf'
    const hosts = [`${bucket}.localhost`, `${bucket}.localhost:4566`, `${bucket}.s3.localhost:4566`]
    for (const host of hosts) expect(await get(host, path, { authorization })).toEqual([200, '%PDF'])
    expect((await get(hosts[0] ?? '', '/?list-type=2', { authorization }))[1]).toContain('<KeyCount>1</KeyCount>')
    expect((await get('other.s3.localhost', '/k', { authorization }))[1]).toContain('<BucketName>other</BucketName>')
    // No bucket of this name: path style under a host of the user's own.
    expect((await get('offload.localhost', `/${bucket}${path}`, { authorization }))[0]).toBe(200)
    expect((await get('s3.localhost', `/${bucket}${path}`, { authorization }))[0]).toBe(200)

    const expires = String(at.clock.now() / 1000 + 60)
    const signature = signV2(stringToSignV2({ method: 'GET', path, query: '', headers: {} }, expires, bucket), 'test')
    const query = new URLSearchParams({ AWSAccessKeyId: 'test', Expires: expires, Signature: signature })
    expect(await get(hosts[2] ?? '', `${path}?${query.toString()}`)).toEqual([200, '%PDF'])
  })
})
