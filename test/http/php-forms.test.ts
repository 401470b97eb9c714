import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import { connected, exchange } from './raw-request.ts'

// What the AWS SDK for PHP writes, byte for byte: there is no PHP package here, and no other client sends these forms.

let emulator: Emulator
let host: string
beforeAll(async () => {
  emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    worker: 'none',
    seed: 'php',
  })
  host = new URL(emulator.url).host
})
afterAll(() => emulator.stop())

const scope = (service: string) =>
  'Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/' +
  `${service}/aws4_request, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`

/** The head of a request of the SDK for PHP: curl's, with an empty User-Agent, and a host that is not this one's. */
const head = (target: string, service: string, body: string, ...more: string[]) => [
  `POST ${target} HTTP/1.1`,
  `Host: ${host}`,
  'User-Agent:',
  'X-Amz-User-Agent: aws-sdk-php/3.300.0 md/OS#Linux lang/php#8.3.0',
  'aws-sdk-invocation-id: 0123456789abcdef0123456789abcdef',
  'aws-sdk-retry: 0/0',
  'X-Amz-Date: 20260101T000000Z',
  scope(service),
  ...more,
  `Content-Length: ${Buffer.byteLength(body)}`,
  'Connection: close',
]

const jobs = '/000000000000/manireports-jobs-dlq'
const url = `http://host.docker.internal:4566${jobs}`
const status = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4)
const headerOf = (answer: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer)?.[1]

describe('SQS in JSON, as since 3.285: posted to the queue’s own path', () => {
  const call = (operation: string, input: object, path = jobs) => {
    const body = JSON.stringify(input)
    const more = [
      `X-Amz-Target: AmazonSQS.${operation}`,
      'Content-Type: application/x-amz-json-1.0',
      'x-amzn-query-mode: 1',
    ]
    return exchange(emulator.url, head(path, 'sqs', body, ...more), body)
  }

  it('sends, receives and deletes', async () => {
    const sent = await call('SendMessage', { QueueUrl: url, MessageBody: 'Zoë' })
    expect(status(sent)).toBe(200)
    const md5 = createHash('md5').update('Zoë').digest('hex')
    expect(JSON.parse(bodyOf(sent))).toEqual({
      MD5OfMessageBody: md5,
      MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    const received = JSON.parse(bodyOf(await call('ReceiveMessage', { QueueUrl: url, AttributeNames: ['All'] }))) as {
      Messages: { Body: string; ReceiptHandle: string; MD5OfMessageAttributes?: string }[]
    }
    expect(received.Messages[0]?.Body).toBe('Zoë')
    // The MD5 of nothing breaks the SDK.
    expect(received.Messages[0]).not.toHaveProperty('MD5OfMessageAttributes')
    const gone = await call('DeleteMessage', { QueueUrl: url, ReceiptHandle: received.Messages[0]?.ReceiptHandle })
    expect([status(gone), bodyOf(gone)]).toEqual([200, ''])
    expect(bodyOf(await call('ReceiveMessage', { QueueUrl: url }))).toBe('{}')
  })

  it('is refused with the code of the Query protocol in a header', async () => {
    const answer = await call('SendMessage', { QueueUrl: `${url}-absent`, MessageBody: 'x' }, `${jobs}-absent`)
    expect(status(answer)).toBe(400)
    expect(headerOf(answer, 'x-amzn-query-error')).toBe('AWS.SimpleQueueService.NonExistentQueue;Sender')
    expect(JSON.parse(bodyOf(answer))).toEqual({
      __type: 'com.amazonaws.sqs#QueueDoesNotExist',
      message: 'The specified queue does not exist.',
    })
  })
})

it('SQS in forms, as before 3.285: posted to the queue’s URL', async () => {
  const call = (fields: Record<string, string>) => {
    const body = new URLSearchParams({ Version: '2012-11-05', QueueUrl: url, ...fields }).toString()
    const type = 'Content-Type: application/x-www-form-urlencoded'
    return exchange(emulator.url, head(jobs, 'sqs', body, type), body)
  }
  const sent = await call({ Action: 'SendMessage', MessageBody: 'a & b' })
  expect(status(sent)).toBe(200)
  expect(bodyOf(sent)).toMatch(/<SendMessageResponse .*<MD5OfMessageBody>[0-9a-f]{32}<\/MD5OfMessageBody>/)
  expect(bodyOf(await call({ Action: 'ReceiveMessage' }))).toContain('<Body>a &amp; b</Body>')
})

it('SES v1 in forms at /', async () => {
  const body = new URLSearchParams({
    Action: 'SendEmail',
    Version: '2010-12-01',
    Source: 'a@example.com',
    'Destination.ToAddresses.member.1': 'b@example.com',
    'Message.Subject.Data': 's',
    'Message.Body.Html.Data': '<p>h</p>',
  }).toString()
  const type = 'Content-Type: application/x-www-form-urlencoded'
  const answer = await exchange(emulator.url, head('/', 'ses', body, type), body)
  expect(status(answer)).toBe(200)
  expect(bodyOf(answer)).toMatch(/^<SendEmailResponse /)
})

describe('S3, path style', () => {
  const put = (body: string, ...more: string[]) => [
    ...head('/manireports-certificates/php/a%20b.pdf', 's3', body, ...more).map((line) =>
      line.replace(/^POST /, 'PUT '),
    ),
  ]
  const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')

  it('puts and gets an object; without a type it is a binary one', async () => {
    const stored = await exchange(emulator.url, put('%PDF', `X-Amz-Content-Sha256: ${sha256('%PDF')}`), '%PDF')
    expect(status(stored)).toBe(200)
    expect(headerOf(stored, 'etag')).toBe(`"${createHash('md5').update('%PDF').digest('hex')}"`)
    const get = put('', `X-Amz-Content-Sha256: ${sha256('')}`).map((line) => line.replace(/^PUT /, 'GET '))
    const got = await exchange(emulator.url, get)
    expect([status(got), bodyOf(got)]).toEqual([200, '%PDF'])
    expect(headerOf(got, 'content-type')).toBe('binary/octet-stream')
    expect(headerOf(got, 'accept-ranges')).toBe('bytes')
  })

  it('is told to go on before the body is sent (Expect: 100-continue), or that it may not', async () => {
    const ask = async (lines: string[]) => {
      const socket = await connected(emulator.url)
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      const [first] = (await once(socket, 'data')) as [Buffer]
      return { socket, first: first.toString() }
    }
    const body = 'x'.repeat(2000)
    const lines = put(body, `X-Amz-Content-Sha256: ${sha256(body)}`, 'Expect: 100-continue')
    const { socket, first } = await ask(lines)
    expect(first).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    socket.write(body)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK/)
    socket.destroy()
  })
})
