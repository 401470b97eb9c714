import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { amzDate, sha256, signingKey, signV4, type Parameters } from '../../contracts/sigv4.ts'
import { checksumOf } from '../../emulator/cloud/objects/checksums.ts'
import { chunkSignatures } from '../../emulator/http/signature/chunks.ts'
import { bucket, credentials, element, openBucket, type Bucket } from './bucket.ts'

// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
describe('AWS’s own examples', () => {
  const example = {
    date: '20130524T000000Z',
    scope: { day: '20130524', region: 'us-east-1', service: 's3' },
    secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const chunks = [Buffer.alloc(65_536, 'a'), Buffer.alloc(1024, 'a'), Buffer.alloc(0)]

  it('chunks', () => {
    const signatures = chunkSignatures({
      ...example,
      signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    })
    const given = [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ]
    expect(chunks.map((bytes, index) => signatures.chunk(bytes, given[index] ?? ''))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('chunks and a trailer', () => {
    const signatures = chunkSignatures({
      ...example,
      signature: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    })
    const given = [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ]
    for (const [index, bytes] of chunks.entries()) {
      expect(signatures.chunk(bytes, given[index] ?? '')).toBeUndefined()
    }
    const trailer = 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435'
    expect(signatures.trailer('x-amz-checksum-crc32c:sOO8/Q==\n', trailer)).toBeUndefined()
    expect(signatures.trailer('x-amz-checksum-crc32c:sOO8/Q==\n', trailer)).toMatchObject({
      signatureProvided: trailer,
      stringToSign: expect.stringContaining(trailer),
    })
  })
})

interface Upload {
  readonly parts?: readonly string[]
  readonly trailer?: boolean
  /** Spoils what is sent. */
  readonly spoil?: (body: string) => string
}

/** Puts an object as an SDK does that signs each chunk. */
async function put(at: Bucket, { parts = ['hello ', 'world'], trailer = false, spoil = (body) => body }: Upload) {
  const date = amzDate(at.clock.now())
  const scope = { day: date.slice(0, 8), region: 'us-east-1', service: 's3' }
  const url = new URL(`${at.url}/${bucket}/streamed`)
  const payloadHash = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`
  const whole = Buffer.from(parts.join(''))
  const headers: Parameters = [
    ['content-encoding', 'aws-chunked'],
    ['host', url.host],
    ['x-amz-content-sha256', payloadHash],
    ['x-amz-date', date],
    ['x-amz-decoded-content-length', String(whole.length)],
    ...(trailer ? [['x-amz-trailer', 'x-amz-checksum-crc32c'] as const] : []),
  ]
  const { secretAccessKey: secret, accessKeyId } = credentials
  const seed = signV4({ method: 'PUT', path: url.pathname, parameters: [], headers, payloadHash, date, scope, secret })
  const key = signingKey({ secret, scope })
  let previous = seed.signature
  const sign = (kind: string, ...hashes: string[]) => {
    const lines = [`AWS4-HMAC-SHA256-${kind}`, date, `${scope.day}/us-east-1/s3/aws4_request`, previous, ...hashes]
    return (previous = createHmac('sha256', key).update(lines.join('\n')).digest('hex'))
  }
  let body = ''
  for (const part of [...parts, '']) {
    const signature = sign('PAYLOAD', sha256(''), sha256(part))
    body += `${part.length.toString(16)};chunk-signature=${signature}\r\n${part}${part === '' ? '' : '\r\n'}`
  }
  if (trailer) {
    const field = `x-amz-checksum-crc32c:${checksumOf('CRC32C', whole)}`
    body += `${field}\r\nx-amz-trailer-signature:${sign('TRAILER', sha256(`${field}\n`))}\r\n`
  }
  const signedHeaders = headers.map(([name]) => name).join(';')
  const credential = `${accessKeyId}/${scope.day}/us-east-1/s3/aws4_request`
  const answer = await fetch(url, {
    method: 'PUT',
    body: spoil(`${body}\r\n`),
    headers: {
      ...Object.fromEntries(headers.filter(([name]) => name !== 'host')),
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${seed.signature}`,
    },
  })
  const text = await answer.text()
  return { status: answer.status, code: element(text, 'Code'), text }
}

const stored = (at: Bucket) => {
  try {
    return Buffer.from(at.objects.read(bucket, 'streamed').bytes).toString()
  } catch {
    return undefined
  }
}

describe.each([
  ['PAYLOAD', false],
  ['PAYLOAD-TRAILER', true],
])('STREAMING-AWS4-HMAC-SHA256-%s', (_name, trailer) => {
  it('is taken where every chunk is signed', async () => {
    await using at = await openBucket({ verifySignatures: true })
    expect(await put(at, { trailer })).toMatchObject({ status: 200 })
    expect(stored(at)).toBe('hello world')
    expect(await put(at, { trailer, parts: [] })).toMatchObject({ status: 200 })
    expect(stored(at)).toBe('')
  })

  const flip = (signature: string) => (signature.startsWith('0') ? '1' : '0') + signature.slice(1)
  const spoilings: [string, (body: string) => string][] = [
    ['a chunk that was changed', (body) => body.replace('hello ', 'jello ')],
    ['the last chunk that was changed', (body) => body.replace('world', 'moons')],
    ['the signature of a chunk', (body) => body.replace(/(?<=signature=)[0-9a-f]+/, flip)],
    ['the signature of the end', (body) => body.replace(/(?<=\r\n0;chunk-signature=)[0-9a-f]+/, flip)],
    ['no signatures at all', (body) => body.replace(/;chunk-signature=[0-9a-f]+/g, '')],
    [
      'two chunks in another order',
      (body) =>
        body.replace(/^(6;[^]*?hello \r\n)(5;[^]*?world\r\n)/, (_all, first: string, second: string) => second + first),
    ],
    ['a header field behind the end that nobody signed', (body) => `${body.trimEnd()}\r\nx-amz-meta-x: 1\r\n`],
  ]
  it.each(spoilings)('is refused with %s, and nothing is stored', async (_name, spoil) => {
    await using at = await openBucket({ verifySignatures: true })
    const { status, code, text } = await put(at, { trailer, spoil })
    expect([status, code]).toEqual([403, 'SignatureDoesNotMatch'])
    expect(text).toContain('<StringToSign>AWS4-HMAC-SHA256-')
    expect(stored(at)).toBeUndefined()
  })

  it('is not looked at where signatures are not verified', async () => {
    await using at = await openBucket()
    expect(await put(at, { trailer, spoil: (body) => body.replace(/(?<=signature=)[0-9a-f]+/, flip) })).toMatchObject({
      status: 200,
    })
  })
})

it('a trailer that was changed is refused', async () => {
  await using at = await openBucket({ verifySignatures: true })
  const spoil = (body: string) => body.replace(/(?<=crc32c:)[^\r]+/, checksumOf('CRC32C', Buffer.from('jello world')))
  expect(await put(at, { trailer: true, spoil })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' })
  expect(stored(at)).toBeUndefined()
})
