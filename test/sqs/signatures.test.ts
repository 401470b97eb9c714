import { ListQueuesCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { amzDate, canonicalQuery, sha256, signV4, type Parameters } from '../../contracts/sigv4.ts'
import { verifyRequest } from '../../emulator/http/signature/verify.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'
import { sqsServer, type SqsServer } from './sqs-server.ts'

const known = { accessKeyId: 'test', secretAccessKey: 'test' }

let sqs: SqsServer
beforeAll(async () => {
  // The SDK signs by the machine's clock.
  sqs = await sqsServer({ credentials: [known], clock: virtualClock(systemClock().now()) })
  sqs.queue('jobs')
})
afterAll(() => sqs.close())

it('the SDK is believed with the right credentials', async () => {
  const client = sqs.connect({ credentials: known })
  const url = `${sqs.url}/000000000000/jobs`
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'Zoë +%20 🎓' }))
  expect((await client.send(new ReceiveMessageCommand({ QueueUrl: url }))).Messages).toMatchObject([
    { Body: 'Zoë +%20 🎓' },
  ])
  const elsewhere = sqs.connect({ credentials: known, endpoint: sqs.url.replace('127.0.0.1', 'localhost') })
  expect((await elsewhere.send(new ListQueuesCommand())).QueueUrls).toHaveLength(1)
})

it.each([
  ['another key', { accessKeyId: 'other', secretAccessKey: 'test' }, 'InvalidClientTokenId', 403],
  ['another secret', { accessKeyId: 'test', secretAccessKey: 'other' }, 'SignatureDoesNotMatch', 403],
])('the SDK with %s is refused', async (_name, credentials, name, httpStatusCode) => {
  await expect(sqs.connect({ credentials }).send(new ListQueuesCommand())).rejects.toMatchObject({
    name,
    $metadata: { httpStatusCode },
  })
})

interface Signing {
  readonly face: 'json' | 'query'
  readonly at?: number
  readonly body?: string
  readonly sentBody?: string
  readonly secret?: string
  readonly key?: string
  readonly service?: string
  readonly day?: string
  /** The `Authorization` header as it is sent. */
  readonly authorization?: (right: string) => string | undefined
}

const target = { json: 'application/x-amz-json-1.0', query: 'application/x-www-form-urlencoded' }

/** A request that is signed as a client would, and then spoilt. */
function post({ face, at = sqs.clock.now(), secret = 'test', key = 'test', service = 'sqs', ...given }: Signing) {
  const body = given.body ?? (face === 'json' ? '{}' : 'Action=ListQueues')
  const date = amzDate(at)
  const scope = { day: given.day ?? date.slice(0, 8), region: 'us-east-1', service }
  const headers: Parameters = [
    ['content-type', target[face]],
    ['host', new URL(sqs.url).host],
    ['x-amz-date', date],
    ...(face === 'json' ? ([['x-amz-target', 'AmazonSQS.ListQueues']] as const) : []),
  ]
  const { signature } = signV4({
    method: 'POST',
    path: '/',
    parameters: [],
    headers,
    payloadHash: sha256(body),
    date,
    scope,
    secret,
  })
  const right = `AWS4-HMAC-SHA256 Credential=${key}/${scope.day}/us-east-1/${service}/aws4_request, SignedHeaders=${headers.map(([name]) => name).join(';')}, Signature=${signature}`
  const authorization = given.authorization === undefined ? right : given.authorization(right)
  return fetch(sqs.url, {
    method: 'POST',
    headers: {
      ...Object.fromEntries(headers.filter(([name]) => name !== 'host')),
      ...(authorization !== undefined && { authorization }),
    },
    body: given.sentBody ?? body,
  })
}

const minutes = 60_000
interface Case {
  readonly of: string
  readonly spoilt: () => Omit<Signing, 'face'>
  readonly status: number
  readonly type: string
  readonly code: string
  readonly message: RegExp
}
const mismatch = { status: 403, type: 'InvalidSignatureException', code: 'SignatureDoesNotMatch' }
const incomplete = { status: 400, type: 'IncompleteSignatureException', code: 'IncompleteSignature' }
const cases: readonly Case[] = [
  {
    of: 'no credentials',
    spoilt: () => ({ authorization: () => undefined }),
    status: 403,
    type: 'AccessDeniedException',
    code: 'AccessDenied',
    message: /^Access to the resource http:\/\/127\.0\.0\.1:\d+\/ is denied\.$/,
  },
  {
    of: 'an unknown key',
    spoilt: () => ({ key: 'AKIDUNKNOWN' }),
    status: 403,
    type: 'UnrecognizedClientException',
    code: 'InvalidClientTokenId',
    message: /^The security token included in the request is invalid\.$/,
  },
  {
    of: 'another secret',
    spoilt: () => ({ secret: 'wrong' }),
    ...mismatch,
    message: /^The request signature we calculated does not match the signature you provided\./,
  },
  {
    of: 'a body that was changed',
    spoilt: () => ({ sentBody: 'Action=ListQueues&QueueNamePrefix=x' }),
    ...mismatch,
    message: /^The request signature we calculated/,
  },
  {
    of: 'another service’s signature',
    spoilt: () => ({ service: 'sns' }),
    ...mismatch,
    message: /^Credential should be scoped to correct service: 'sqs'\.$/,
  },
  {
    of: 'a scope of another day',
    spoilt: () => ({ day: '20200101' }),
    ...mismatch,
    message: /^Date in Credential scope does not match YYYYMMDD/,
  },
  {
    of: 'a clock that is behind',
    spoilt: () => ({ at: sqs.clock.now() - 15 * minutes - 1000 }),
    ...mismatch,
    message: /^Signature expired: \d{8}T\d{6}Z is now earlier than /,
  },
  {
    of: 'a clock that is ahead',
    spoilt: () => ({ at: sqs.clock.now() + 15 * minutes + 1000 }),
    ...mismatch,
    message: /^Signature not yet current: /,
  },
  {
    of: 'a signature without its parts',
    spoilt: () => ({ authorization: () => 'AWS4-HMAC-SHA256 Credential=test' }),
    ...incomplete,
    message:
      /^Authorization header requires 'Signature' parameter\. Authorization header requires 'SignedHeaders' parameter\.$/,
  },
  {
    of: 'another algorithm',
    spoilt: () => ({ authorization: () => 'Basic dGVzdDp0ZXN0' }),
    ...incomplete,
    message: /^Unsupported AWS 'algorithm': 'Basic'\.$/,
  },
  {
    of: 'a credential without its scope',
    spoilt: () => ({ authorization: (right) => right.replace(/Credential=[^,]+/, 'Credential=test') }),
    ...incomplete,
    message: /^Credential must have exactly 5 slash-delimited elements/,
  },
]

describe.each(cases)('$of', ({ spoilt, status, type, code, message }) => {
  it('is refused in JSON', async () => {
    const answer = await post({ ...spoilt(), face: 'json' })
    expect({
      status: answer.status,
      code: answer.headers.get('x-amzn-query-error'),
      body: await answer.json(),
    }).toEqual({
      status,
      code: `${code};Sender`,
      body: {
        __type: `com.amazon.coral.service#${type}`,
        message: expect.stringMatching(message) as string,
      },
    })
  })

  it('is refused in Query', async () => {
    const answer = await post({ ...spoilt(), face: 'query' })
    const [, got, text = ''] = /<Code>(.*?)<\/Code><Message>(.*?)<\/Message>/s.exec(await answer.text()) ?? []
    expect({ status: answer.status, code: got }).toEqual({ status, code })
    expect(text.replaceAll('&quot;', '"')).toMatch(message)
  })
})

it.each(['json', 'query'] as const)('what is signed rightly is answered in %s', async (face) => {
  for (const at of [-14, 0, 14]) expect((await post({ face, at: sqs.clock.now() + at * minutes })).status).toBe(200)
})

describe('a signed URL', () => {
  const now = virtualClock().now()
  const url = (expires: string, at = now) => {
    const date = amzDate(at)
    const scope = { day: date.slice(0, 8), region: 'us-east-1', service: 'sqs' }
    const parameters: Parameters = [
      ['Action', 'ListQueues'],
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `test/${scope.day}/us-east-1/sqs/aws4_request`],
      ['X-Amz-Date', date],
      ['X-Amz-Expires', expires],
      ['X-Amz-SignedHeaders', 'host'],
    ]
    const { signature } = signV4({
      method: 'GET',
      // Signed twice encoded.
      path: '/000000000000/a%2520b',
      parameters,
      headers: [['host', 'localhost:4566']],
      payloadHash: sha256(''),
      date,
      scope,
      secret: 'test',
    })
    return `/000000000000/a%20b?${canonicalQuery(parameters)}&X-Amz-Signature=${signature}`
  }
  const verify = (originalUrl: string) =>
    verifyRequest(
      { method: 'GET', originalUrl, headers: { host: 'localhost:4566' }, body: new Uint8Array() },
      { credentials: [known], now, service: 'sqs' },
    )

  it.each([
    ['is good for as long as it says', () => url('3600', now - 3_600_000), undefined],
    ['is refused afterwards', () => url('3600', now - 3_601_000), 'signature-expired'],
    ['is refused a second later where it says 0', () => url('0', now - 1000), 'signature-expired'],
    ['is refused when it was changed', () => url('3600').replace('ListQueues', 'PurgeQueue'), 'signature-mismatch'],
    ['is refused without its date', () => url('3600').replace('X-Amz-Date', 'X-Date'), 'signature-incomplete'],
    ['is refused when it lives too long', () => url('604801'), 'signature-incomplete'],
  ])('%s', (_name, given, code) => {
    const verdict = verify(given())
    expect(verdict.ok ? undefined : verdict.code).toBe(code)
  })
})
