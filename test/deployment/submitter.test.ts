import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { delay, http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createSqsClient, explainAws, regionOf } from '../../emulator/deployment/aws.ts'
import { createSubmitter, submitUrl } from '../../emulator/deployment/submitter.ts'

const gateway = 'https://abc123.execute-api.eu-west-1.amazonaws.com/prod'
const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'
const message = { body: '{"job_id":1}', attributes: { CompanyId: { dataType: 'Number', value: '7' } }, tenant: 7 }

describe('by HTTP', () => {
  const server = setupServer()
  beforeAll(() => server.listen({ onUnhandledFrame: 'error' }))
  afterEach(() => server.resetHandlers())
  afterAll(() => server.close())

  it.each([
    [gateway, `${gateway}/jobs`],
    [`${gateway}/`, `${gateway}/jobs`],
    [`${gateway}/jobs`, `${gateway}/jobs`],
    ['http://127.0.0.1:4566', 'http://127.0.0.1:4566/jobs'],
  ])('%s takes jobs at %s', (url, expected) => {
    expect(submitUrl({ kind: 'api', url })).toBe(expected)
    expect(submitUrl({ kind: 'worker-url', url })).toBe(url)
  })

  it('sends the bytes with the token, and gives the answer as it came', async () => {
    const seen: [string, Record<string, string>][] = []
    server.use(
      http.post(`${gateway}/jobs`, async ({ request }) => {
        seen.push([await request.text(), Object.fromEntries(request.headers)])
        return HttpResponse.json({ job_id: 1, status: 'queued' }, { status: 202 })
      }),
    )
    const submitter = createSubmitter({ kind: 'api', url: gateway, token: 't0' })
    expect(await submitter.submit(message)).toMatchObject({
      accepted: true,
      status: 202,
      answer: '{"job_id":1,"status":"queued"}',
    })
    await submitter.submit({ ...message, token: null })
    await submitter.submit({ body: message.body, token: 'other' })
    expect(seen.map(([body]) => body)).toEqual([message.body, message.body, message.body])
    expect(seen.map(([, headers]) => [headers['authorization'], headers['x-tenant-id']])).toEqual([
      ['Bearer t0', '7'],
      [undefined, '7'],
      ['Bearer other', undefined],
    ])
  })

  it('follows no redirect, and takes a refusal for a refusal', async () => {
    server.use(
      http.post(
        'https://worker.example.dev/',
        () => new HttpResponse(null, { status: 302, headers: { location: '/login' } }),
      ),
    )
    const submitter = createSubmitter({ kind: 'worker-url', url: 'https://worker.example.dev/', token: 't' })
    expect(await submitter.submit(message)).toMatchObject({
      accepted: false,
      status: 302,
      headers: { location: '/login' },
    })
  })

  it('gives up after its timeout, and tells nobody there from no answer', async () => {
    server.use(http.post(`${gateway}/jobs`, async () => await delay('infinite')))
    const slow = createSubmitter({ kind: 'api', url: gateway, token: 't' }, { timeoutMs: 30 })
    expect(await slow.submit(message)).toMatchObject({
      accepted: false,
      status: null,
      unreachable: false,
      answer: 'no answer within 0.03 s',
    })
    server.close()
    const closed = await freePort()
    const nobody = createSubmitter({ kind: 'api', url: `http://127.0.0.1:${closed}`, token: 't' })
    expect(await nobody.submit(message)).toMatchObject({ accepted: false, status: null, unreachable: true })
    server.listen({ onUnhandledFrame: 'error' })
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const failure = (name: string, text: string, more: object = {}) => Object.assign(new Error(text), { name, ...more })

describe('by SQS', () => {
  it('sends body and attributes, and answers with the message id', async () => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    sqs.on(SendMessageCommand).resolves({ MessageId: 'm-1' })
    const submitter = createSubmitter({ kind: 'sqs', queueUrl })
    expect(await submitter.submit(message)).toMatchObject({ accepted: true, status: 200, answer: 'm-1' })
    expect(sqs.commandCalls(SendMessageCommand)[0]?.args[0].input).toEqual({
      QueueUrl: queueUrl,
      MessageBody: message.body,
      MessageAttributes: { CompanyId: { DataType: 'Number', StringValue: '7' } },
    })
  })

  it.each([
    [
      failure('CredentialsProviderError', 'Could not load credentials from any providers'),
      /no AWS credentials: export AWS_PROFILE/,
    ],
    [failure('Error', 'Region is missing'), /no AWS region: --region/],
    [failure('ExpiredTokenException', 'The security token has expired'), /the AWS session has expired/],
    [
      failure('AccessDeniedException', 'User is not authorized'),
      /AWS refuses these credentials \(AccessDeniedException\)/,
    ],
    [failure('QueueDoesNotExist', 'no such queue'), /the queue does not exist in this account and region/],
    [failure('RequestThrottled', 'Rate exceeded'), /AWS throttles these calls/],
    [failure('TimeoutError', 'socket timed out'), /no answer from AWS in time/],
    [failure('Error', 'getaddrinfo ENOTFOUND sqs', { code: 'ENOTFOUND' }), /AWS cannot be reached \(ENOTFOUND\)/],
  ])('%s is told with its cause and fix', async (error, words) => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    sqs.on(SendMessageCommand).rejects(error)
    const answer = await createSubmitter({ kind: 'sqs', queueUrl }).submit(message)
    expect(answer).toMatchObject({ accepted: false, unreachable: /ENOTFOUND/.test(error.message) })
    expect(answer.answer).toMatch(words)
    expect(explainAws(error)).toBe(answer.answer)
  })

  it.each([
    [queueUrl, 'eu-west-1'],
    ['https://sqs.us-gov-west-1.amazonaws.com/1/q', 'us-gov-west-1'],
    ['https://eu-central-1.queue.amazonaws.com/1/q', 'eu-central-1'],
    ['http://127.0.0.1:4566/000000000000/q', undefined],
    ['https://queue.example.com/q', undefined],
  ])('the region of %s is %s', (url, region) => {
    expect(regionOf(url)).toBe(region)
  })

  it("speaks to the queue's own host in its region, whatever the environment says", async () => {
    process.env['AWS_ENDPOINT_URL'] = 'http://192.0.2.1:9'
    onTestFinished(() => void delete process.env['AWS_ENDPOINT_URL'])
    const client = await createSqsClient(queueUrl)
    expect(await client.config.region()).toBe('eu-west-1')
    expect(await client.config.endpoint?.()).toMatchObject({
      hostname: 'sqs.eu-west-1.amazonaws.com',
      protocol: 'https:',
    })
    const here = await createSqsClient('http://127.0.0.1:4566/000000000000/q')
    expect(await here.config.region()).toBe('us-east-1')
    expect(await here.config.credentials()).toMatchObject({ accessKeyId: 'test' })
  })

  it('tries a throttled call again, and gives one up that is not answered', async () => {
    let calls = 0
    const server = createServer((request, response) => {
      request.resume()
      if (request.headers['x-amz-target'] !== 'AmazonSQS.SendMessage' || ++calls > 3) return
      const throttled = calls < 3
      response.writeHead(throttled ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(
        throttled
          ? '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"Rate exceeded"}'
          : '{"MessageId":"m-2","MD5OfMessageBody":"9dd4e461268c8034f5c8564e155c67a6"}',
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/000000000000/q`
    const patient = createSubmitter({ kind: 'sqs', queueUrl: url })
    const answer = await patient.submit({ body: 'x' })
    expect([calls, answer.answer]).toEqual([3, 'm-2'])
    const hasty = createSubmitter({ kind: 'sqs', queueUrl: url, timeoutMs: 30 })
    expect((await hasty.submit({ body: 'x' })).answer).toMatch(/no answer from AWS in time/)
    patient.close()
    hasty.close()
  })
})
