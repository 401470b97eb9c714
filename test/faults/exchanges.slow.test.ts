import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { SendEmailCommand as SendEmailV1 } from '@aws-sdk/client-ses'
import { SendEmailCommand } from '@aws-sdk/client-sesv2'
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { specJob } from '../end-to-end/running.ts'
import { sharedFaulty, type Faulty } from './set-up.ts'

type Running = Faulty

const clock = systemClock()
/** What Node says of a connection that ends without an answer. */
const lost = /ECONNRESET|socket hang up/

const faulty = sharedFaulty({ worker: 'none' })
const body = JSON.stringify(specJob())

const calls = {
  'sqs.SendMessage': (at: Running) => at.sqs.send(new SendMessageCommand({ QueueUrl: at.queueUrl, MessageBody: body })),
  'sqs.GetQueueAttributes': (at: Running) => at.sqs.send(new GetQueueAttributesCommand({ QueueUrl: at.queueUrl })),
  's3.PutObject': (at: Running) =>
    at.s3.send(new PutObjectCommand({ Bucket: 'manireports-certificates', Key: 'a/b.txt', Body: 'hello' })),
  's3.ListObjectsV2': (at: Running) => at.s3.send(new ListObjectsV2Command({ Bucket: 'manireports-certificates' })),
  'ses.SendEmail v1': (at: Running) =>
    at.ses.send(
      new SendEmailV1({
        Source: 'noreply@example.com',
        Destination: { ToAddresses: ['ada@example.com'] },
        Message: { Subject: { Data: 'Hi' }, Body: { Text: { Data: 'Hello' } } },
      }),
    ),
  'ses.SendEmail': (at: Running) => sendV2(at, 'ada@example.com'),
} as const

const sendV2 = (at: Running, to: string) =>
  at.sesv2.send(
    new SendEmailCommand({
      FromEmailAddress: 'noreply@example.com',
      Destination: { ToAddresses: [to] },
      Content: { Simple: { Subject: { Data: 'Hi' }, Body: { Text: { Data: 'Hello' } } } },
    }),
  )

const operationOf = (call: string) => call.split(' ')[0] ?? ''

describe('an error, as the SDK sees it', () => {
  it.each([
    ['sqs.SendMessage', 'InternalFailure', 500, 'InternalFailure'],
    ['sqs.SendMessage', 'ServiceUnavailable', 503, 'ServiceUnavailable'],
    ['sqs.SendMessage', 'AccessDenied', 403, /AccessDenied/],
    ['sqs.SendMessage', 'OverLimit', 403, 'OverLimit'],
    ['sqs.GetQueueAttributes', 'QueueDoesNotExist', 400, 'QueueDoesNotExist'],
    ['s3.PutObject', 'SlowDown', 503, 'SlowDown'],
    ['s3.PutObject', 'InternalError', 500, 'InternalError'],
    ['s3.PutObject', 'ServiceUnavailable', 503, 'ServiceUnavailable'],
    ['s3.ListObjectsV2', 'AccessDenied', 403, 'AccessDenied'],
    ['s3.ListObjectsV2', 'NoSuchBucket', 404, 'NoSuchBucket'],
    ['s3.PutObject', 'NoSuchKey', 404, 'NoSuchKey'],
    ['ses.SendEmail', 'Throttling', 429, 'TooManyRequestsException'],
    ['ses.SendEmail', 'AccountSendingPaused', 400, 'SendingPausedException'],
    ['ses.SendEmail', 'MessageRejected', 400, 'MessageRejected'],
    ['ses.SendEmail', 'ServiceUnavailable', 503, 'ServiceUnavailableException'],
    ['ses.SendEmail', 'InternalFailure', 500, 'InternalServiceErrorException'],
    ['ses.SendEmail v1', 'Throttling', 400, 'Throttling'],
    ['ses.SendEmail v1', 'AccountSendingPaused', 400, /AccountSendingPaused/],
    ['ses.SendEmail v1', 'ServiceUnavailable', 503, 'ServiceUnavailable'],
    ['ses.SendEmail v1', 'InternalFailure', 500, 'InternalFailure'],
  ] as const)('%s: %s', async (call, code, status, name) => {
    const emulator = await faulty(`- {at: ${operationOf(call)}, when: {times: 1}, then: {error: ${code}}}`)
    const refused = await calls[call](emulator).catch((error: unknown) => error)
    expect(refused).toMatchObject({
      name: typeof name === 'string' ? name : expect.stringMatching(name),
      $metadata: { httpStatusCode: status },
    })
    await calls[call](emulator)
    expect(emulator.injected()).toMatchObject([{ operation: operationOf(call), effect: `error ${code}` }])
    expect(await emulator.rules()).toMatchObject([{ hits: 1 }])
  })
})

describe('a throttle, in the form that SDKs know', () => {
  it.each([
    ['sqs.SendMessage', 'RequestThrottled'],
    ['s3.PutObject', 'SlowDown'],
    ['ses.SendEmail', 'TooManyRequestsException'],
    ['ses.SendEmail v1', 'Throttling'],
  ] as const)('%s', async (call, name) => {
    const emulator = await faulty(`- {at: ${operationOf(call)}, when: {times: 2}, then: throttle}`)
    await expect(calls[call](emulator)).rejects.toMatchObject({ name })
    await expect(calls[call](emulator)).rejects.toMatchObject({ name })
    await calls[call](emulator)
  })

  it('is tried again by an SDK that may, until it passes', async () => {
    const emulator = await faulty('- {at: sqs.SendMessage, when: {times: 2}, then: throttle}')
    const patient = new SQSClient({ ...emulator.options, maxAttempts: 3 })
    const sent = await patient.send(new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: body }))
    expect(sent.$metadata.attempts).toBe(3)
    patient.destroy()
  })
})

const abandoning = async (call: (signal: AbortSignal) => Promise<unknown>) => {
  const giveUp = new AbortController()
  const hung = call(giveUp.signal)
  return { hung, giveUp }
}

describe('a connection that fails', () => {
  const queued = async (emulator: Running) => {
    const { Attributes } = await emulator.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: emulator.queueUrl, AttributeNames: ['All'] }),
    )
    return Number(Attributes?.['ApproximateNumberOfMessages'])
  }

  it('is reset before anything has happened', async () => {
    const emulator = await faulty('- {at: sqs.SendMessage, when: {times: 1}, then: reset}')
    await expect(calls['sqs.SendMessage'](emulator)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(await queued(emulator)).toBe(0)
  })

  it('loses the answer after the effect has happened', async () => {
    const emulator = await faulty('- {at: sqs.SendMessage, when: {times: 1}, then: answer-lost}')
    await expect(calls['sqs.SendMessage'](emulator)).rejects.toThrow(lost)
    expect(await queued(emulator)).toBe(1)
  })

  it('hangs until the client gives up, and nothing has happened', async () => {
    const emulator = await faulty('- {at: sqs.SendMessage, when: {times: 1}, then: hang}')
    const { hung, giveUp } = await abandoning((abortSignal) =>
      emulator.sqs.send(new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: body }), { abortSignal }),
    )
    await emulator.event('fault.injected')
    giveUp.abort()
    await expect(hung).rejects.toMatchObject({ name: 'AbortError' })
    expect(await queued(emulator)).toBe(0)
  })
})

it.each([
  ['constant', '20ms', 20, 20],
  ['uniform', '{from: 10ms, to: 30ms}', 10, 30],
  ['lognormal', '{median: 10ms, sigma: 0.4}', 1, 60],
])('a delay may be %s', async (_kind, delay, least, most) => {
  const emulator = await faulty(`- {at: s3.PutObject, then: {delay: ${delay}}}`)
  const began = clock.monotonic()
  await calls['s3.PutObject'](emulator)
  const took = clock.monotonic() - began
  const said = Number(/(\d+) ms/.exec(emulator.injected()[0]?.effect ?? '')?.[1])
  expect(said).toBeGreaterThanOrEqual(least)
  expect(said).toBeLessThanOrEqual(most)
  expect(took).toBeGreaterThanOrEqual(said)
})

describe('a submit whose connection fails', () => {
  const submitted = async (at: Running) => (await fetch(`${at.url}/_offload/jobs/${specJob().job_id}`)).status === 200

  it.each([
    ['reset', false],
    ['answer-lost', true],
  ])('%s: the job is there: %s', async (effect, there) => {
    const emulator = await faulty(`- {at: ingest.submit, when: {times: 1}, then: ${effect}}`)
    await expect(emulator.submit(specJob())).rejects.toThrow('fetch failed')
    expect(await submitted(emulator)).toBe(there)
    expect((await emulator.submit(specJob())).status).toBe(there ? 200 : 202)
  })

  it('hangs until the client gives up', async () => {
    const emulator = await faulty('- {at: ingest.submit, when: {times: 1}, then: hang}')
    const giveUp = new AbortController()
    const headers = { authorization: 'Bearer offload-dev-token' }
    const hung = fetch(`${emulator.url}/jobs`, { method: 'POST', headers, body, signal: giveUp.signal })
    await emulator.event('fault.injected', ({ operation }) => operation === 'ingest.submit')
    giveUp.abort()
    await expect(hung).rejects.toMatchObject({ name: 'AbortError' })
    expect(await submitted(emulator)).toBe(false)
  })
})

describe('mail from outside', () => {
  const reported = async (emulator: Running, kind: string) =>
    (await emulator.event('mail.reported', (event) => event.kind === kind)).detail

  it.each([
    ['{bounce: hard}', 'ada@example.com', 'bounce', 'Permanent/General 5.1.1', 0],
    ['{bounce: soft}', 'ada@example.com', 'bounce', 'Transient/MailboxFull', 0],
    ['complaint', 'ada@example.com', 'complaint', 'abuse', 1],
    [undefined, 'ada+bounce@example.com', 'bounce', 'Permanent/General 5.1.1', 0],
    [undefined, 'ada+softbounce@example.com', 'bounce', 'Transient/MailboxFull', 0],
    [undefined, 'ada+complaint@example.com', 'complaint', 'abuse', 1],
  ])('%s to %s: reported as %s', async (effect, address, kind, detail, arrive) => {
    const rule = effect === undefined ? '' : `- {at: mail.accept, when: {recipient: ada@*}, then: ${effect}}`
    const emulator = await faulty(rule)
    await sendV2(emulator, address)
    expect(await reported(emulator, kind)).toContain(detail)
    expect((await emulator.mailpit.listMessages()).total).toBe(arrive)
    expect(emulator.injected()).toMatchObject([{ operation: 'mail.accept' }])
  })

  it('is refused while the account is paused', async () => {
    const emulator = await faulty('- {at: ses.SendEmail, when: {recipient: ada@*, times: 1}, then: account-paused}')
    await expect(sendV2(emulator, 'ada@example.com')).rejects.toMatchObject({ name: 'SendingPausedException' })
    await sendV2(emulator, 'ada@example.com')
  })
})

describe('a clock that is wrong', () => {
  it.each(['s3.PutObject', 'sqs.SendMessage', 'ses.SendEmail'] as const)(
    'makes %s refuse what is signed now, and the SDK corrects its own',
    async (call) => {
      const emulator = await faulty(`- {at: ${call}, then: {clock-skew: 20m}}`)
      await expect(calls[call](emulator)).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } })
      await calls[call](emulator)
    },
  )
})

describe('the ingest', () => {
  it.each([
    ['{error: 503}', 503, null],
    ['{error: 401}', 401, null],
    ['{error: 504}', 504, null],
    ['{throttle: {retry-after: 30s}}', 429, '30'],
  ])('answers %s as a problem', async (effect, status, retryAfter) => {
    const emulator = await faulty(`- {at: ingest.submit, when: {tenant: 123, times: 1}, then: ${effect}}`)
    const refused = await emulator.submit(specJob())
    expect(refused.status).toBe(status)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('retry-after')).toBe(retryAfter)
    expect((await emulator.submit(specJob())).status).toBe(202)
    expect((await emulator.submit(specJob({ tenant_id: 5 }))).status).toBe(202)
  })
})

describe('mail providers', () => {
  const mail = { personalizations: [{ to: [{ email: 'ada@example.com' }] }], from: { email: 'n@example.com' } }
  const content = { subject: 'Hi', content: [{ type: 'text/plain', value: 'Hello' }] }
  const json = (at: Running, path: string, message: object, headers: Record<string, string>) =>
    fetch(`${at.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(message),
    })
  const bearer = { authorization: 'Bearer key' }
  const sends = {
    'sendgrid.send': (at: Running) => json(at, '/v3/mail/send', { ...mail, ...content }, bearer),
    'mailchannels.send': (at: Running) => json(at, '/tx/v1/send', { ...mail, ...content }, { 'x-api-key': 'key' }),
    'mailgun.send': (at: Running) =>
      fetch(`${at.url}/v3/example.com/messages`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('api:key')}` },
        body: new URLSearchParams({ from: 'n@example.com', to: 'ada@example.com', subject: 'Hi', text: 'Hello' }),
      }),
    'cloudflare.send': (at: Running) =>
      json(
        at,
        '/client/v4/accounts/a/email/sending/send',
        { from: 'n@example.com', to: 'ada@example.com', subject: 'Hi', text: 'Hello' },
        bearer,
      ),
    'cloudflare.push': (at: Running) =>
      json(at, '/client/v4/accounts/a/queues/manireports-jobs/messages', { body: 'hello' }, bearer),
  }
  it.each(Object.keys(sends) as (keyof typeof sends)[])('%s throttles and fails in its own form', async (operation) => {
    const recipient = operation === 'cloudflare.push' ? '' : 'recipient: "ada@*", '
    const emulator = await faulty(
      `- {at: ${operation}, when: {${recipient}times: 1}, then: {throttle: {retry-after: 7s}}}
- {at: ${operation}, when: {times: 1}, then: {error: 503}}`,
    )
    const throttled = await sends[operation](emulator)
    expect(throttled.status).toBe(429)
    if (operation === 'sendgrid.send') expect(throttled.headers.get('x-ratelimit-remaining')).toBe('0')
    else expect(throttled.headers.get('retry-after')).toBe('7')
    expect((await sends[operation](emulator)).status).toBe(503)
    expect((await sends[operation](emulator)).status).toBeLessThan(300)
  })
})

it('the stand-in answers callbacks with what a rule says, the login page among it', async () => {
  const emulator = await faulty(
    `- {at: moodle.callback, when: {times: 1}, then: {error: 303}}
- {at: moodle.callback, when: {times: 1}, then: throttle}`,
  )
  const post = () =>
    fetch(`${emulator.url}/local/manireports/ui/ajax/cloud_callback.php`, {
      method: 'POST',
      body: '{}',
      redirect: 'manual',
    })
  const moved = await post()
  expect([moved.status, moved.headers.get('location')]).toEqual([303, '/login/index.php'])
  const throttled = await post()
  expect([throttled.status, throttled.headers.get('retry-after')]).toEqual([429, '1'])
  expect((await post()).status).toBe(401)
})

describe('messages', () => {
  const receive = async (at: Running, wait = 0) =>
    (
      await at.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: at.queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: wait }),
      )
    ).Messages ?? []

  it('are sent twice', async () => {
    const emulator = await faulty(
      '- {at: sqs.SendMessage, when: {job: "550e8400-e29b-41d4-a716-446655440000"}, then: duplicate}',
    )
    await calls['sqs.SendMessage'](emulator)
    await emulator.sqs.send(new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: 'another' }))
    const bodies = (await receive(emulator)).map(({ Body }) => Body)
    expect(bodies.filter((each) => each === body)).toHaveLength(2)
    expect(bodies).toHaveLength(3)
  })

  it('of a batch are sent twice, or late, each by itself', async () => {
    const emulator = await faulty(`- {at: sqs.SendMessageBatch, when: {tenant: 1}, then: duplicate}
- {at: sqs.SendMessageBatch, when: {tenant: 2}, then: {reorder: 1s}}`)
    const bodies = [1, 2, 3].map((tenant_id) => JSON.stringify(specJob({ tenant_id })))
    const [twice, late, plain] = bodies
    await emulator.sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: emulator.queueUrl,
        Entries: bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
      }),
    )
    const received = async (wait?: number) => (await receive(emulator, wait)).map(({ Body }) => Body).toSorted()
    expect(await received()).toEqual([twice, twice, plain])
    expect(await received(5)).toEqual([late])
  })

  it('are delivered to two consumers', async () => {
    const emulator = await faulty('- {at: sqs.ReceiveMessage, then: duplicate}')
    await calls['sqs.SendMessage'](emulator)
    const [first] = await receive(emulator)
    const [second] = await receive(emulator)
    expect(second?.MessageId).toBe(first?.MessageId)
    expect(await receive(emulator)).toEqual([])
  })

  it('overtake each other', async () => {
    const emulator = await faulty('- {at: sqs.SendMessage, when: {tenant: 123}, then: {reorder: 1s}}')
    await calls['sqs.SendMessage'](emulator)
    await emulator.sqs.send(new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: 'later' }))
    expect((await receive(emulator)).map(({ Body }) => Body)).toEqual(['later'])
    expect((await receive(emulator, 5)).map(({ Body }) => Body)).toEqual([body])
  })

  it('are put back when they are received', async () => {
    const emulator = await faulty('- {at: sqs.ReceiveMessage, when: {tenant: 123}, then: {reorder: 1s}}')
    await calls['sqs.SendMessage'](emulator)
    expect(await receive(emulator)).toEqual([])
    expect(await receive(emulator, 5)).toHaveLength(1)
  })
})

it('an object store that is slow or loses answers keeps what it stored', async () => {
  const emulator = await faulty('- {at: s3.PutObject, when: {times: 1}, then: answer-lost}')
  await expect(calls['s3.PutObject'](emulator)).rejects.toThrow(lost)
  const stored = await emulator.s3.send(new GetObjectCommand({ Bucket: 'manireports-certificates', Key: 'a/b.txt' }))
  expect(await stored.Body?.transformToString()).toBe('hello')
})

describe('addresses that bring their own fault', () => {
  it('+throttle is throttled once, +timeout loses its first answer, +slow takes its time', async () => {
    const emulator = await faulty()
    await expect(sendV2(emulator, 'a+throttle@example.com')).rejects.toMatchObject({ name: 'TooManyRequestsException' })
    await sendV2(emulator, 'a+throttle@example.com')
    await expect(sendV2(emulator, 'a+timeout@example.com')).rejects.toThrow(lost)
    await sendV2(emulator, 'a+slow@example.com')
    expect(emulator.injected().map(({ rule, effect }) => `${rule} ${effect}`)).toEqual([
      '+throttle throttled, retry after 1 s',
      '+timeout answer-lost',
      '+slow delayed by 3 s',
    ])
    expect((await emulator.mailpit.listMessages()).total).toBe(3)
  })
})
