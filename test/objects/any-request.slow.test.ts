import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  dictionary,
  oneof,
  option,
  record,
  string,
  stringMatching,
  uint8Array,
} from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checksumOf } from '../../emulator/cloud/objects/checksums.ts'
import { bucket, element, openBucket, signed } from './bucket.ts'

interface Answer {
  readonly status: number
  readonly type: string | undefined
  readonly body: string
}

interface Request {
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

function send(url: string, { method, target, headers, body }: Request): Promise<Answer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path: target, headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('latin1')
      answer.on('data', (part: string) => (text += part))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'], body: text }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const some = (...values: string[]) => constantFrom(...values)
const word = oneof(
  stringMatching(/^[ -~]{0,12}$/),
  some('', '0', '-1', '1e9', '99999999999999999999', '%', '%zz', '%00', '%C3', '..', '/', '//', '*', '"', '\u{1f600}'),
)
const name = oneof(
  some(
    ...['acl', 'delete', 'uploads', 'uploadId', 'partNumber', 'list-type', 'max-keys', 'prefix', 'delimiter', 'marker'],
    ...['continuation-token', 'start-after', 'encoding-type', 'location', 'versioning', 'tagging', 'versionId'],
    ...['max-parts', 'part-number-marker', 'max-uploads', 'key-marker', 'upload-id-marker', 'response-content-type'],
    ...['X-Amz-Signature', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-Algorithm', 'X-Amz-SignedHeaders'],
    ...['AWSAccessKeyId', 'Signature', 'Expires', '__proto__', 'constructor'],
  ),
  stringMatching(/^[a-z-]{1,8}$/),
)
const raw = (text: string) => text.replace(/[^!-~]|#/gu, (character) => encodeURIComponent(character))
const query = array(record({ name, value: option(word), twice: constantFrom(false, false, true) }), {
  maxLength: 4,
}).map((all) =>
  all
    .flatMap((entry) => (entry.twice ? [entry, entry] : [entry]))
    .map(({ name: key, value }) => (value === null ? key : `${key}=${raw(value).replaceAll('&', '%26')}`))
    .join('&'),
)
const target = record({
  path: oneof(
    some('/', `/${bucket}`, `/${bucket}/`, `/${bucket}/k`, `/${bucket}/missing`, '/nowhere/k', '//', `/${bucket}//`),
    array(word, { maxLength: 3 }).map((parts) => `/${parts.map(raw).join('/').replaceAll('?', '')}`),
  ),
  query,
}).map(({ path, query: rest }) => (rest === '' ? path : `${path}?${rest}`))

const headerName = some(
  ...['range', 'if-match', 'if-none-match', 'if-modified-since', 'content-md5', 'content-encoding', 'content-type'],
  ...['x-amz-content-sha256', 'x-amz-decoded-content-length', 'x-amz-trailer', 'x-amz-checksum-crc32', 'expires'],
  ...['x-amz-checksum-crc64nvme', 'x-amz-checksum-algorithm', 'x-amz-checksum-type', 'x-amz-sdk-checksum-algorithm'],
  ...['x-amz-copy-source', 'x-amz-copy-source-range', 'x-amz-copy-source-if-match', 'x-amz-metadata-directive'],
  ...['x-amz-meta-a', 'host', 'accept', 'x-amz-date', 'x-amz-acl', 'authorization'],
)
const headerValue = oneof(
  stringMatching(/^[!-~][ -~]{0,20}$/),
  some(
    'bytes=0-',
    'bytes=-0',
    'bytes=9-1',
    'aws-chunked',
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'COPY',
    'REPLACE',
    'CRC32',
  ),
  some(
    `/${bucket}/k`,
    `${bucket}/k`,
    '%zz/%',
    'text/plain',
    'é',
    '*',
    `${bucket}.localhost`,
    's3.localhost',
    '"x"',
    '5',
  ),
)
const xml = oneof(
  some(
    '<Delete><Object><Key>k</Key></Object></Delete>',
    '<Delete>',
    '<Delete/>',
    '<CompleteMultipartUpload/>',
    '<a>&b;</a>',
  ),
  some('<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>'),
  string({ maxLength: 30 }).map((text) => `<Delete><Object><Key>${text}</Key></Object></Delete>`),
  constant('<a>'.repeat(5000)),
)
const body = oneof(
  uint8Array({ maxLength: 200 }),
  xml.map((text) => new TextEncoder().encode(text)),
  some('5\r\nhello\r\n0\r\n\r\n', 'ffffffff\r\n').map((text) => new TextEncoder().encode(text)),
)
const request = record({
  method: some('GET', 'GET', 'HEAD', 'PUT', 'PUT', 'POST', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'),
  target,
  headers: dictionary(headerName, headerValue, { maxKeys: 4 }),
  body,
  isSigned: constantFrom(true, true, true, false),
  digest: constantFrom(true, false),
}).map(({ isSigned, digest, headers, body: bytes, ...rest }) => ({
  ...rest,
  body: bytes,
  headers: {
    ...(isSigned ? signed : {}),
    ...(digest ? { 'x-amz-checksum-crc32': checksumOf('CRC32', bytes) } : {}),
    ...headers,
    'content-length': String(bytes.length),
  },
}))

describe('any request', () => {
  it('is answered, and what is refused is refused in S3’s own form', { timeout: 60_000 }, async () => {
    await using at = await openBucket()
    await at.objects.put([{ key: 'k', contentType: 'a/b', pieces: [Buffer.from('hello')] }])
    const statuses = new Map<number, number>()
    await assert(
      asyncProperty(request, async (input) => {
        const answer = await send(at.url, input)
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (answer.status < 400) return
        // 501 is S3's own word for what it has and this emulator has not.
        const code = element(answer.body, 'Code')
        expect(
          answer.status < 500 || (answer.status === 501 && (input.method === 'HEAD' || code === 'NotImplemented')),
        ).toBe(true)
        if (input.method === 'HEAD') return
        expect(answer.type).toMatch(/^application\/xml/)
        expect(answer.body).toMatch(
          /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<Error><Code>[A-Za-z0-9]+<\/Code><Message>[^<]+</,
        )
        expect(answer.body).toMatch(/<RequestId>[0-9A-F]{16}<\/RequestId><HostId>[^<]+<\/HostId><\/Error>$/)
      }),
      { numRuns: 2500, seed: 20_260_314 },
    )
    // Else the requests would be refused before they get anywhere.
    for (const status of [200, 400, 403, 404, 405])
      expect([status, (statuses.get(status) ?? 0) > 20]).toEqual([status, true])
  })

  it('that is cut short, or has no sense as HTTP, harms nobody', async () => {
    await using at = await openBucket()
    const { port, hostname } = new URL(at.url)
    const put = `PUT /${bucket}/cut HTTP/1.1\r\nHost: x\r\nAuthorization: ${signed.authorization}\r\n`
    const raw = [
      `${put}Content-Length: 100\r\n\r\nhello`,
      `${put}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
      `${put}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
      `${put}Content-Length: -1\r\n\r\n`,
      'GET\r\n\r\n',
    ]
    for (const text of raw) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => socket.end(text))
        socket.on('error', () => resolve())
        socket.on('close', () => resolve())
        socket.resume()
      })
    }
    expect(at.objects.list(bucket, { prefix: '', delimiter: '', after: '', maximum: 1 }).items).toEqual([])
    expect(
      await send(at.url, { method: 'GET', target: `/${bucket}?list-type=2`, headers: signed, body: new Uint8Array() }),
    ).toMatchObject({ status: 200 })
  })

  it('with Expect: 100-continue is told to go on', async () => {
    await using at = await openBucket()
    const { hostname, port } = new URL(at.url)
    const status = await new Promise((resolve, reject) => {
      const sent = httpRequest(
        {
          hostname,
          port,
          method: 'PUT',
          path: `/${bucket}/k`,
          headers: { ...signed, expect: '100-continue', 'content-length': 5 },
        },
        (answer) => {
          answer.resume()
          resolve(answer.statusCode)
        },
      )
      sent.on('error', reject)
      sent.on('continue', () => sent.end('hello'))
      sent.flushHeaders()
    })
    expect(status).toBe(200)
    expect(at.objects.head(bucket, 'k').size).toBe(5)
  })
})
