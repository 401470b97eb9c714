import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
let url: string
let dead: string
beforeEach(async () => {
  sqs = await sqsServer()
  dead = sqs.queue('jobs-dlq')
  url = sqs.queue('jobs', {
    VisibilityTimeout: '10',
    RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","maxReceiveCount":2}',
  })
})
afterEach(() => sqs.close())

const receive = async (QueueUrl: string, WaitTimeSeconds = 0) =>
  (
    await sqs.client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        WaitTimeSeconds,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ['All'],
      }),
    )
  ).Messages ?? []
const send = (MessageBody: string) => sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody }))

it('a message moves on the receive after maxReceiveCount, keeps its id and counts on', async () => {
  const { MessageId } = await send('poison')
  for (let round = 0; round < 2; round++) {
    expect(await receive(url)).toHaveLength(1)
    await sqs.clock.advance(10_000)
  }
  expect(sqs.queues.peek('jobs-dlq', 10)).toEqual([])
  await send('good')
  // The receive that finds the dead one hands out what is good.
  expect(await receive(url)).toMatchObject([{ Body: 'good' }])
  expect(sqs.queues.peek('jobs-dlq', 10)).toEqual([
    {
      messageId: MessageId,
      reason: 'received 2 times (maxReceiveCount 2) and never deleted',
      receiveCount: 2,
      bodyBytes: 6,
      sentAt: Date.UTC(2026, 0, 1),
    },
  ])
  expect(sqs.journal.read().map(({ event }) => event)).toMatchObject([
    { type: 'message.dead', queue: 'jobs', messageId: MessageId },
  ])
  expect(await receive(dead)).toMatchObject([
    {
      MessageId,
      Body: 'poison',
      Attributes: {
        ApproximateReceiveCount: '3',
        DeadLetterQueueSourceArn: 'arn:aws:sqs:us-east-1:000000000000:jobs',
      },
    },
  ])
})

it('a receiver that waits on the dead-letter queue is woken by the move', async () => {
  await send('poison')
  for (let round = 0; round < 2; round++) {
    await receive(url)
    await sqs.clock.advance(10_000)
  }
  const pending = receive(dead, 20)
  while (sqs.open() < 1) await sqs.clock.advance(0)
  await receive(url)
  expect(await pending).toMatchObject([{ Body: 'poison' }])
})

it('redrive brings dead letters back as new messages', async () => {
  const { MessageId } = await send('poison')
  for (let round = 0; round < 3; round++) {
    await receive(url)
    await sqs.clock.advance(10_000)
  }
  expect(sqs.queues.overview()).toMatchObject([
    { name: 'jobs', visible: 0, inFlight: 0, delayed: 0, oldestAgeMs: undefined, dlq: 'jobs-dlq' },
    { name: 'jobs-dlq', visible: 1, inFlight: 0, delayed: 0, oldestAgeMs: 30_000, dlq: undefined },
  ])
  expect(sqs.queues.redrive('jobs-dlq')).toEqual({ moved: 1 })
  const [again] = await receive(url)
  expect(again).toMatchObject({ Body: 'poison', Attributes: { ApproximateReceiveCount: '1' } })
  expect(again?.Attributes).not.toHaveProperty('DeadLetterQueueSourceArn')
  expect(again?.MessageId).not.toBe(MessageId)
})

it('without a dead-letter queue that exists a message stays where it is', async () => {
  const lonely = sqs.queue('lonely-dlq')
  const from = sqs.queue('lonely', {
    VisibilityTimeout: '0',
    RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:lonely-dlq","maxReceiveCount":1}',
  })
  await sqs.client.send(new SendMessageCommand({ QueueUrl: from, MessageBody: 'x' }))
  await sqs.queues.operations.DeleteQueue.perform(
    { QueueUrl: lonely },
    { queueUrl: (name) => name, signal: () => new AbortController().signal },
  )
  for (let round = 0; round < 5; round++) expect(await receive(from)).toHaveLength(1)
})
