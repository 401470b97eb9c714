import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  type ReceiveMessageCommandInput,
  type SendMessageCommandInput,
} from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
let url: string
beforeEach(async () => {
  sqs = await sqsServer()
  url = sqs.queue('jobs.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true', VisibilityTimeout: '30' })
})
afterEach(() => sqs.close())

const send = (group: string, body: string, input: Partial<SendMessageCommandInput> = {}) =>
  sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body, MessageGroupId: group, ...input }))
const receive = async (most = 10, input: Partial<ReceiveMessageCommandInput> = {}) =>
  (await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: most, ...input }))).Messages ??
  []
const bodies = async (most = 10, input: Partial<ReceiveMessageCommandInput> = {}) =>
  (await receive(most, input)).map(({ Body }) => Body)
const remove = (ReceiptHandle = '') => sqs.client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
const change = (ReceiptHandle = '', VisibilityTimeout = 0) =>
  sqs.client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }))

describe('message groups', () => {
  it('come in order, one batch of a group in flight, other groups beside it', async () => {
    for (const body of ['a1', 'a2', 'a3']) await send('a', body)
    for (const body of ['b1', 'b2']) await send('b', body)
    const first = await receive(2)
    expect(first.map(({ Body }) => Body)).toEqual(['a1', 'a2'])
    expect(await bodies()).toEqual(['b1', 'b2'])
    expect(await bodies()).toEqual([])
    await remove(first[0]?.ReceiptHandle)
    // a2 is in flight still.
    expect(await bodies()).toEqual([])
    await remove(first[1]?.ReceiptHandle)
    expect(await bodies()).toEqual(['a3'])
  })

  it('fill a batch with the whole of one group, then with the next', async () => {
    for (const body of ['a1', 'b1', 'a2', 'b2', 'a3']) await send(body.charAt(0), body)
    expect(await bodies(4)).toEqual(['a1', 'a2', 'a3', 'b1'])
  })

  it('begin again with what was not deleted', async () => {
    for (const body of ['1', '2', '3']) await send('a', body)
    const [, second] = await receive(2)
    await remove(second?.ReceiptHandle)
    await sqs.clock.advance(30_000)
    expect(await bodies()).toEqual(['1', '3'])
  })

  it('wait while one of their messages is in flight, even where the first is visible again', async () => {
    for (const body of ['1', '2', '3']) await send('a', body)
    const [first, second] = await receive(2)
    await change(first?.ReceiptHandle, 0)
    expect(await bodies()).toEqual([])
    await change(second?.ReceiptHandle, 0)
    expect(await bodies(3)).toEqual(['1', '2', '3'])
  })

  it('wake a receiver that waits when their batch is deleted, shown, or its time is over', async () => {
    for (const body of ['1', '2', '3']) await send('a', body)
    const waiting = async () => {
      const before = sqs.open()
      const pending = bodies(1, { WaitTimeSeconds: 20, VisibilityTimeout: 5 })
      while (sqs.open() < before + 1) await sqs.clock.advance(0)
      return { pending }
    }
    const [first] = await receive(1, { VisibilityTimeout: 5 })
    const deleted = await waiting()
    await remove(first?.ReceiptHandle)
    expect(await deleted.pending).toEqual(['2'])
    const over = await waiting()
    await sqs.clock.advance(5000)
    expect(await over.pending).toEqual(['2'])
  })

  it('are delayed by their queue, never by a message', async () => {
    await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { DelaySeconds: '10' } }))
    await send('a', 'late')
    expect(await bodies()).toEqual([])
    await sqs.clock.advance(10_000)
    expect(await bodies()).toEqual(['late'])
    await expect(send('a', 'x', { DelaySeconds: 1 })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'Value 1 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.',
    })
  })

  it('keep their order through a purge and through 300 messages', async () => {
    await send('a', 'old')
    await sqs.client.send(new PurgeQueueCommand({ QueueUrl: url }))
    const sent = Array.from({ length: 300 }, (_, index) => `m${index}`)
    for (let at = 0; at < 300; at += 10) {
      await sqs.client.send(
        new SendMessageBatchCommand({
          QueueUrl: url,
          Entries: sent
            .slice(at, at + 10)
            .map((MessageBody, Id) => ({ Id: String(Id), MessageBody, MessageGroupId: 'a' })),
        }),
      )
    }
    const got: (string | undefined)[] = []
    for (let batch = await receive(); batch.length > 0; batch = await receive()) {
      got.push(...batch.map(({ Body }) => Body))
      for (const { ReceiptHandle } of batch) await remove(ReceiptHandle)
    }
    expect(got).toEqual(sent)
  })
})

describe('deduplication', () => {
  it('takes the same body once in five minutes, also when it was deleted, and answers as the first time', async () => {
    const first = await send('a', 'same')
    const again = await send('b', 'same')
    expect(again).toMatchObject({ MessageId: first.MessageId, SequenceNumber: first.SequenceNumber })
    const [held] = await receive()
    await remove(held?.ReceiptHandle)
    await send('a', 'same')
    expect(await bodies()).toEqual([])
    await sqs.clock.advance(5 * 60_000)
    expect((await send('a', 'same')).MessageId).not.toBe(first.MessageId)
    expect(await bodies()).toEqual(['same'])
  })

  it('goes by the id where there is one', async () => {
    await send('a', 'one', { MessageDeduplicationId: 'x' })
    await send('a', 'two', { MessageDeduplicationId: 'x' })
    await send('a', 'one', { MessageDeduplicationId: 'y' })
    const got = await receive(10, { MessageSystemAttributeNames: ['All'] })
    expect(got).toMatchObject([
      { Body: 'one', Attributes: { MessageDeduplicationId: 'x', MessageGroupId: 'a' } },
      { Body: 'one', Attributes: { MessageDeduplicationId: 'y' } },
    ])
    const numbers = got.map(({ Attributes }) => Attributes?.SequenceNumber ?? '')
    expect(numbers.every((number) => /^\d{20}$/.test(number))).toBe(true)
    expect(numbers.toSorted()).toEqual(numbers)
  })

  it('looks at one group where the queue says so', async () => {
    await sqs.client.send(
      new SetQueueAttributesCommand({
        QueueUrl: url,
        Attributes: { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' },
      }),
    )
    for (const group of ['a', 'b', 'a']) await send(group, 'same')
    expect(await bodies()).toEqual(['same', 'same'])
  })

  it('is refused where there is nothing to go by', async () => {
    url = sqs.queue('strict.fifo', { FifoQueue: 'true' })
    await expect(send('a', 'x')).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
    })
  })

  it('holds within one batch too', async () => {
    const answer = await sqs.client.send(
      new SendMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: '1', MessageBody: 'same', MessageGroupId: 'a' },
          { Id: '2', MessageBody: 'same', MessageGroupId: 'a' },
          { Id: '3', MessageBody: 'other' },
        ],
      }),
    )
    expect(answer.Successful?.[0]?.MessageId).toBe(answer.Successful?.[1]?.MessageId)
    expect(answer.Failed).toMatchObject([{ Id: '3', Code: 'MissingParameter' }])
    expect(await bodies()).toEqual(['same'])
  })
})

describe('a receipt handle', () => {
  it('whose time is over neither deletes nor changes; a message that is gone can be deleted again', async () => {
    await send('a', 'x')
    const [held] = await receive()
    await sqs.clock.advance(30_000)
    const handle = held?.ReceiptHandle ?? ''
    await expect(remove(handle)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: `Value ${handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.`,
    })
    await expect(change(handle, 10)).rejects.toMatchObject({
      message: `Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.`,
    })
    const [again] = await receive()
    await expect(remove(handle)).rejects.toMatchObject({ name: 'InvalidParameterValue' })
    await remove(again?.ReceiptHandle)
    await remove(again?.ReceiptHandle)
    expect(sqs.queues.overview()).toMatchObject([{ visible: 0, inFlight: 0 }])
  })
})

describe('ReceiveRequestAttemptId', () => {
  const attempt = { ReceiveRequestAttemptId: 'try-1' }

  it('gives the same messages again, by the same handles, hidden for as long again', async () => {
    for (const body of ['1', '2', '3']) await send('a', body)
    const first = await receive(2, attempt)
    await sqs.clock.advance(20_000)
    const again = await receive(2, attempt)
    expect(again.map(({ Body, ReceiptHandle }) => [Body, ReceiptHandle])).toEqual(
      first.map(({ Body, ReceiptHandle }) => [Body, ReceiptHandle]),
    )
    await sqs.clock.advance(29_999)
    expect(await bodies()).toEqual([])
    await sqs.clock.advance(1)
    expect(await bodies()).toEqual(['1', '2', '3'])
  })

  it('is an ordinary receive once a message was changed, after five minutes, and with another id', async () => {
    for (const body of ['a1', 'b1', 'c1']) await send(body.charAt(0), body)
    const [first] = await receive(1, attempt)
    expect(await bodies(1, { ReceiveRequestAttemptId: 'try-2' })).toEqual(['b1'])
    await remove(first?.ReceiptHandle)
    expect(await bodies(1, attempt)).toEqual(['c1'])
    await sqs.clock.advance(300_001)
    expect(await bodies(1, attempt)).toEqual(['b1'])
  })
})

it('a dead-letter queue of a FIFO queue keeps group and order', async () => {
  const dead = sqs.queue('jobs-dlq.fifo', { FifoQueue: 'true' })
  const policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq.fifo","maxReceiveCount":1}'
  await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy: policy } }))
  for (const body of ['1', '2']) await send('a', body)
  expect(await bodies()).toEqual(['1', '2'])
  await send('a', '3')
  await sqs.clock.advance(30_000)
  expect(await bodies()).toEqual(['3'])
  const source = url
  url = dead
  expect(await receive(10, { MessageSystemAttributeNames: ['MessageGroupId'], VisibilityTimeout: 0 })).toMatchObject([
    { Body: '1', Attributes: { MessageGroupId: 'a' } },
    { Body: '2', Attributes: { MessageGroupId: 'a' } },
  ])
  expect(sqs.queues.redrive('jobs-dlq.fifo')).toEqual({ moved: 2 })
  url = source
  // Behind what is in flight.
  expect(await bodies()).toEqual([])
  await sqs.clock.advance(30_000)
  expect(await bodies()).toEqual(['1', '2'])
})

describe('a FIFO queue', () => {
  const create = (QueueName: string, Attributes: Record<string, string>) =>
    sqs.client.send(new CreateQueueCommand({ QueueName, Attributes }))

  it.each([
    ['plain', { FifoQueue: 'true' }, 'InvalidParameterValue', /must end with \.fifo suffix/],
    ['x.fifo', {}, 'InvalidParameterValue', /^Can only include alphanumeric/],
    ['plain', { FifoQueue: 'false' }, 'InvalidAttributeName', /^Unknown Attribute FifoQueue\.$/],
    ['plain', { ContentBasedDeduplication: 'true' }, 'InvalidAttributeName', /^Unknown Attribute ContentBased/],
    ['x.fifo', { FifoQueue: 'true', DeduplicationScope: 'world' }, 'InvalidAttributeValue', /DeduplicationScope/],
    ['x.fifo', { FifoQueue: 'true', FifoThroughputLimit: 'perMessageGroupId' }, 'InvalidAttributeValue', /Throughput/],
    [
      'x.fifo',
      {
        FifoQueue: 'true',
        RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dlq","maxReceiveCount":1}',
      },
      'InvalidParameterValue',
      /Dead-letter queue must be same type of queue as the source\.\.$/,
    ],
  ])('%s with %j is refused', async (name, attributes, code, message) => {
    await expect(create(name, attributes)).rejects.toMatchObject({
      name: code,
      message: expect.stringMatching(message) as string,
    })
  })
})
