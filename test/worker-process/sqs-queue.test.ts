import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import type { QueueMessage } from '../../emulator/worker/ports.ts'
import { createAwsClients } from '../../emulator/worker-process/aws.ts'
import { createSqsQueue } from '../../emulator/worker-process/sqs-queue.ts'

const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'
const policy = { deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:123456789012:jobs-dlq', maxReceiveCount: 10 }

afterEach(() => void vi.unstubAllEnvs())

function awsSays(name: string, message = 'said by AWS', attempts = 1): Error {
  return Object.assign(new Error(message), { name, $metadata: { requestId: 'request-1', attempts } })
}

async function set() {
  const client = new SQSClient({ region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
  const sqs = mockClient(client)
  const clock = virtualClock()
  const queue = await createSqsQueue({ client, queueUrl, clock, visibilityMs: 30_000 })
  return { sqs, clock, queue }
}

const message = (fields: Partial<QueueMessage> = {}): QueueMessage => ({
  messageId: 'message-1',
  receiptHandle: 'handle-1',
  body: '{"job_id":1}',
  attributes: { CompanyId: { dataType: 'Number', value: '7' } },
  receiveCount: 1,
  ...fields,
})

const going = new AbortController().signal

describe('receiving', () => {
  it('polls for 20 s until a message comes, one at a time, hidden for as long as it is renewed for', async () => {
    const { sqs, queue } = await set()
    sqs
      .on(ReceiveMessageCommand)
      .resolvesOnce({})
      .resolvesOnce({ Messages: [] })
      .resolves({
        Messages: [
          {
            MessageId: 'message-1',
            ReceiptHandle: 'handle-1',
            Body: '{}',
            Attributes: { ApproximateReceiveCount: '3' },
            MessageAttributes: {
              CompanyId: { DataType: 'Number', StringValue: '7' },
              Blob: { DataType: 'Binary', BinaryValue: new Uint8Array([1]) },
            },
          },
        ],
      })
    expect(await queue.receive(going)).toEqual({
      messageId: 'message-1',
      receiptHandle: 'handle-1',
      body: '{}',
      attributes: { CompanyId: { dataType: 'Number', value: '7' } },
      receiveCount: 3,
    })
    const polls = sqs.commandCalls(ReceiveMessageCommand)
    expect(polls).toHaveLength(3)
    expect(polls[0]?.args[0].input).toEqual({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 1,
      WaitTimeSeconds: 20,
      VisibilityTimeout: 30,
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    })
  })

  it('ends with nothing when the worker stops, and asks no more', async () => {
    const { sqs, queue } = await set()
    const stopping = new AbortController()
    sqs.on(ReceiveMessageCommand).callsFake(() => {
      stopping.abort()
      throw awsSays('AbortError', 'Request aborted')
    })
    expect(await queue.receive(stopping.signal)).toBeUndefined()
    expect(await queue.receive(stopping.signal)).toBeUndefined()
    expect(sqs.commandCalls(ReceiveMessageCommand)).toHaveLength(1)
  })

  it.for([
    [
      'ThrottlingException',
      /AWS throttles these calls \(ThrottlingException\): .* \(tried 5 times\) \(request request-1\)/,
    ],
    ['RequestThrottled', /AWS throttles/],
    ['ExpiredToken', /the AWS session has expired/],
    ['AccessDenied', /AWS refuses these credentials \(AccessDenied\)/],
    ['TimeoutError', /no answer from AWS in time/],
  ] as const)('%s is told with what was being done', async ([name, words]) => {
    const { sqs, queue } = await set()
    sqs.on(ReceiveMessageCommand).rejects(awsSays(name, 'said by AWS', 5))
    const received = queue.receive(going)
    await expect(received).rejects.toMatchObject({ code: 'aws-refused', message: expect.stringMatching(words) })
    await expect(received).rejects.toThrow(`no message can be received from ${queueUrl}: `)
  })
})

describe('visibility', () => {
  const given = async (run: (at: Awaited<ReturnType<typeof set>>) => Promise<void>) => {
    const at = await set()
    await run(at)
    const [call] = at.sqs.commandCalls(ChangeMessageVisibilityCommand)
    expect(call?.args[0].input).toMatchObject({ QueueUrl: queueUrl, ReceiptHandle: 'handle-1' })
    return call?.args[0].input.VisibilityTimeout
  }

  it('is given in whole seconds, never too early, and within what SQS allows', async () => {
    expect(await given(({ queue, clock }) => queue.renew(message(), clock.now() + 30_000))).toBe(30)
    expect(await given(({ queue, clock }) => queue.defer(message(), clock.now() + 4001))).toBe(5)
    expect(await given(({ queue, clock }) => queue.defer(message(), clock.now() - 5000))).toBe(0)
    expect(await given(({ queue }) => queue.release(message()))).toBe(0)
    expect(await given(({ queue, clock }) => queue.defer(message(), clock.now() + 86_400_000))).toBe(43_200)
  })

  it.for(['MessageNotInflight', 'ReceiptHandleIsInvalid'])(
    'a message that is ours no longer (%s) is let go',
    async (name) => {
      const { sqs, queue, clock } = await set()
      sqs.on(ChangeMessageVisibilityCommand).rejects(awsSays(name))
      await queue.renew(message(), clock.now() + 30_000)
    },
  )

  it('so is one that somebody else has deleted, in the words of SQS', async () => {
    const { sqs, queue, clock } = await set()
    const words =
      'Value handle-1 for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for ' +
      'visibility timeout change.'
    sqs.on(ChangeMessageVisibilityCommand).rejects(awsSays('InvalidParameterValue', words))
    await queue.renew(message(), clock.now() + 30_000)
    sqs.on(ChangeMessageVisibilityCommand).rejects(awsSays('InvalidParameterValue', 'VisibilityTimeout is invalid'))
    await expect(queue.renew(message(), clock.now())).rejects.toThrow('VisibilityTimeout is invalid')
  })

  it('anything else is told', async () => {
    const { sqs, queue, clock } = await set()
    sqs.on(ChangeMessageVisibilityCommand).rejects(awsSays('AccessDenied'))
    await expect(queue.defer(message(), clock.now())).rejects.toThrow(
      'the visibility of message message-1 cannot be changed: AWS refuses these credentials',
    )
  })
})

it('deletes by the receipt handle; where it cannot, the message comes again, and that is said', async () => {
  const { sqs, queue } = await set()
  await queue.delete(message())
  expect(sqs.commandCalls(DeleteMessageCommand)[0]?.args[0].input).toEqual({
    QueueUrl: queueUrl,
    ReceiptHandle: 'handle-1',
  })
  sqs.on(DeleteMessageCommand).rejects(awsSays('InternalError'))
  await expect(queue.delete(message())).rejects.toThrow('message message-1 cannot be deleted, and will come again: ')
})

describe('dead letters', () => {
  const withQueue = async () => {
    const at = await set()
    at.sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { RedrivePolicy: JSON.stringify(policy) } })
    at.sqs.on(GetQueueUrlCommand).resolves({ QueueUrl: `${queueUrl}-dlq` })
    at.sqs.on(SendMessageCommand).resolves({ MessageId: 'dead-1' })
    at.sqs.on(DeleteMessageCommand).resolves({})
    return at
  }
  const namesOf = ({ sqs }: Awaited<ReturnType<typeof set>>) => sqs.calls().map(({ args }) => args[0].constructor.name)

  it('go to the queue of the redrive policy with their attributes and the reason, and are deleted last', async () => {
    const at = await withQueue()
    await at.queue.deadLetter(message(), 'job_id: is missing')
    expect(at.sqs.commandCalls(GetQueueUrlCommand)[0]?.args[0].input).toEqual({
      QueueName: 'jobs-dlq',
      QueueOwnerAWSAccountId: '123456789012',
    })
    expect(at.sqs.commandCalls(SendMessageCommand)[0]?.args[0].input).toEqual({
      QueueUrl: `${queueUrl}-dlq`,
      MessageBody: '{"job_id":1}',
      MessageAttributes: {
        CompanyId: { DataType: 'Number', StringValue: '7' },
        ErrorMessage: { DataType: 'String', StringValue: 'job_id: is missing' },
      },
    })
    expect(namesOf(at).slice(-2)).toEqual(['SendMessageCommand', 'DeleteMessageCommand'])
  })

  it('what cannot be sent there stays where it is', async () => {
    const at = await withQueue()
    at.sqs.on(SendMessageCommand).rejects(awsSays('AccessDenied'))
    await expect(at.queue.deadLetter(message(), 'bad')).rejects.toThrow(
      'message message-1 cannot be moved to the dead-letter queue jobs-dlq: ',
    )
    expect(at.sqs.commandCalls(DeleteMessageCommand)).toHaveLength(0)
  })

  it('without a redrive policy the message stays, and the line says what to give the queue', async () => {
    const at = await withQueue()
    at.sqs.on(GetQueueAttributesCommand).resolves({})
    await expect(at.queue.deadLetter(message(), 'bad')).rejects.toThrow(
      /\(bad\) and .* has no dead-letter queue.*RedrivePolicy/,
    )
    expect(at.sqs.commandCalls(DeleteMessageCommand)).toHaveLength(0)
  })

  it('the reason is left out where there is no room for it: ten attributes, or a message as long as it may be', async () => {
    const ten = await withQueue()
    const attributes = Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`Name${at}`, { dataType: 'String', value: 'x' }]),
    )
    await ten.queue.deadLetter(message({ attributes }), 'bad')
    expect(Object.keys(ten.sqs.commandCalls(SendMessageCommand)[0]?.args[0].input.MessageAttributes ?? {})).toEqual(
      Object.keys(attributes),
    )
    const long = await withQueue()
    long.sqs.on(SendMessageCommand).rejectsOnce(awsSays('InvalidParameterValue')).resolves({})
    await long.queue.deadLetter(message(), 'bad')
    const sends = long.sqs
      .commandCalls(SendMessageCommand)
      .map(({ args }) => Object.keys(args[0].input.MessageAttributes ?? {}))
    expect(sends).toEqual([['CompanyId', 'ErrorMessage'], ['CompanyId']])
    expect(long.sqs.commandCalls(DeleteMessageCommand)).toHaveLength(1)
  })

  it('a long reason is cut to 1 KB, between two characters', async () => {
    const at = await withQueue()
    await at.queue.deadLetter(message(), 'é'.repeat(2000))
    const attributes = at.sqs.commandCalls(SendMessageCommand)[0]?.args[0].input.MessageAttributes
    const reason = attributes?.['ErrorMessage']?.StringValue ?? ''
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(1024)
    expect(reason).toMatch(/^é+…$/)
  })
})

describe('the check at the start', () => {
  it('gives the dead-letter queue by name, where there is one', async () => {
    const { sqs, queue } = await set()
    sqs
      .on(GetQueueAttributesCommand)
      .resolvesOnce({ Attributes: { RedrivePolicy: JSON.stringify(policy) } })
      .resolves({})
    expect(await queue.check()).toEqual({ deadLetters: 'jobs-dlq' })
    expect(await queue.check()).toEqual({ deadLetters: undefined })
  })

  it.for(['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'])(
    '%s: the queue does not exist',
    async (name) => {
      const { sqs, queue } = await set()
      sqs.on(GetQueueAttributesCommand).rejects(awsSays(name))
      await expect(queue.check()).rejects.toMatchObject({
        code: 'queue-not-found',
        message: expect.stringContaining('the queue does not exist in this account and region'),
      })
    },
  )
})

describe("the SDK's own clients", () => {
  const real = async (url: string) => {
    const { sqs, close } = await createAwsClients({ queueUrl: url })
    onTestFinished(close)
    return await createSqsQueue({ client: sqs, queueUrl: url, clock: virtualClock(), visibilityMs: 30_000 })
  }
  const nobody = () => {
    for (const name of [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_PROFILE',
      'AWS_REGION',
      'AWS_DEFAULT_REGION',
    ]) {
      vi.stubEnv(name, undefined)
    }
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/nonexistent')
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  }
  const known = () => {
    nobody()
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
    vi.stubEnv('AWS_REGION', 'eu-west-1')
  }

  it('without credentials: the variables that give them', async () => {
    nobody()
    await expect((await real(queueUrl)).check()).rejects.toThrow(/no AWS credentials: export AWS_PROFILE/)
  })

  it('without a region: the flag and the variable; the one in an AWS URL is taken', async () => {
    nobody()
    await expect((await real('http://127.0.0.1:1/000000000000/jobs')).check()).rejects.toThrow(
      /no AWS region: --region/,
    )
    const { sqs, s3, close } = await createAwsClients({ queueUrl })
    onTestFinished(close)
    expect([await sqs.config.region(), await s3.config.region()]).toEqual(['eu-west-1', 'eu-west-1'])
  })

  it('throttled twice, then answered: tried again by itself, as a signed request to the place of the queue', async () => {
    known()
    const seen: string[] = []
    const server = createServer((request, response) => {
      seen.push(String(request.headers.authorization))
      request.resume()
      const throttled = seen.length < 3
      response.writeHead(throttled ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(throttled ? '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}' : '{}')
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    expect(await (await real(`http://127.0.0.1:${port}/000000000000/jobs`)).check()).toEqual({ deadLetters: undefined })
    expect(seen).toHaveLength(3)
    expect(seen[0]).toContain('/eu-west-1/sqs/aws4_request')
  })

  it('64 polls leave room for what is done beside them', async () => {
    known()
    let polls = 0
    const server = createServer((request, response) => {
      request.resume()
      if (String(request.headers['x-amz-target']).endsWith('ReceiveMessage')) polls++
      else response.end('{}')
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const queue = await real(`http://127.0.0.1:${port}/000000000000/jobs`)
    const stopping = new AbortController()
    const polling = Array.from({ length: 64 }, () => queue.receive(stopping.signal))
    await queue.check()
    await vi.waitFor(() => expect(polls).toBe(64), { interval: 5 })
    await queue.check()
    stopping.abort()
    expect(new Set(await Promise.all(polling))).toEqual(new Set([undefined]))
  })

  it('where nobody listens it is unreachable', async () => {
    known()
    await expect((await real('http://127.0.0.1:1/000000000000/jobs')).check()).rejects.toMatchObject({
      code: 'aws-unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })
})
