import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { json, sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
afterEach(() => sqs.close())

const send = (QueueUrl: string, MessageBody: string) =>
  sqs.client.send(new SendMessageCommand({ QueueUrl, MessageBody }))
const receive = async (QueueUrl: string, WaitTimeSeconds = 0) =>
  (await sqs.client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds }))).Messages ??
  []
const remove = (QueueUrl: string, ReceiptHandle = '') =>
  sqs.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))

describe('no more than so many messages are in flight', () => {
  it('a short poll is told so; a long poll waits for room', async () => {
    sqs = await sqsServer({ inFlightLimit: 3 })
    const url = sqs.queue('jobs')
    for (let at = 0; at < 5; at++) await send(url, `m${at}`)
    const held = await receive(url)
    expect(held).toHaveLength(3)
    await expect(receive(url)).rejects.toMatchObject({ name: 'OverLimit', $metadata: { httpStatusCode: 403 } })
    const pending = receive(url, 20)
    while (sqs.open() < 1) await sqs.clock.advance(0)
    await remove(url, held[0]?.ReceiptHandle)
    expect((await pending).map(({ Body }) => Body)).toEqual(['m3'])
    // What is visible again is not in flight.
    await sqs.clock.advance(15_000)
    const later = receive(url, 20)
    while (sqs.open() < 1) await sqs.clock.advance(0)
    await sqs.clock.advance(15_000)
    expect((await later).length).toBeGreaterThan(0)
  })

  it('a FIFO queue answers nothing', async () => {
    sqs = await sqsServer({ inFlightLimit: 1 })
    const url = sqs.queue('jobs.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    for (const group of ['a', 'b'])
      await sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: group, MessageGroupId: group }))
    const [held] = await receive(url)
    expect(await receive(url)).toEqual([])
    await remove(url, held?.ReceiptHandle)
    expect(await receive(url)).toHaveLength(1)
  })
})

describe('messages vanish', () => {
  it('when they are older than their queue keeps them, waiting or in flight', async () => {
    sqs = await sqsServer()
    const url = sqs.queue('jobs', { MessageRetentionPeriod: '60', VisibilityTimeout: '300' })
    await send(url, 'held')
    await receive(url)
    await send(url, 'old')
    await sqs.clock.advance(30_000)
    await send(url, 'young')
    await sqs.clock.advance(29_999)
    expect(sqs.queues.overview()).toMatchObject([{ visible: 2, inFlight: 1 }])
    await sqs.clock.advance(1)
    expect(sqs.queues.overview()).toMatchObject([{ visible: 1 }])
    expect((await receive(url)).map(({ Body }) => Body)).toEqual(['young'])
    await sqs.clock.advance(300_000)
    expect(await receive(url)).toEqual([])
    expect(sqs.queues.overview()).toMatchObject([{ visible: 0, inFlight: 0 }])
  })

  it('as soon as the period is made shorter, and a FIFO group goes on behind them', async () => {
    sqs = await sqsServer()
    const url = sqs.queue('jobs.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' })
    const sendTo = (MessageBody: string) =>
      sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody, MessageGroupId: 'a' }))
    await sendTo('old')
    await receive(url)
    await sqs.clock.advance(100_000)
    await sendTo('young')
    await receive(url)
    await sqs.client.send(
      new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { MessageRetentionPeriod: '60' } }),
    )
    await sqs.clock.advance(30_000)
    expect((await receive(url)).map(({ Body }) => Body)).toEqual(['young'])
  })
})

it('a purge and a deleted name are remembered over a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-sqs-'))
  try {
    sqs = await sqsServer({ directory })
    await sqs.client.send(new PurgeQueueCommand({ QueueUrl: sqs.queue('purged') }))
    await sqs.client.send(new DeleteQueueCommand({ QueueUrl: sqs.queue('gone') }))
    await sqs.close()
    sqs = await sqsServer({ directory, clock: virtualClock(sqs.clock.now() + 59_999) })
    const purge = () => sqs.client.send(new PurgeQueueCommand({ QueueUrl: '/000000000000/purged' }))
    const create = () => sqs.client.send(new CreateQueueCommand({ QueueName: 'gone' }))
    await expect(purge()).rejects.toMatchObject({ name: 'PurgeQueueInProgress' })
    await expect(create()).rejects.toMatchObject({ name: 'QueueDeletedRecently' })
    await sqs.clock.advance(1)
    await purge()
    await create()
  } finally {
    rmSync(directory, { recursive: true })
  }
})

describe.each([262_144, 1_048_576])('messages of %i bytes', (maximumMessageSize) => {
  it('are taken and not one byte more, alone and in a batch', async () => {
    sqs = await sqsServer({ maximumMessageSize })
    const url = sqs.queue('jobs')
    const body = (length: number) => 'x'.repeat(length)
    const attribute = { DataType: 'String', StringValue: 'v' }
    await send(url, body(maximumMessageSize))
    await expect(send(url, body(maximumMessageSize + 1))).rejects.toMatchObject({
      message: `One or more parameters are invalid. Reason: Message must be shorter than ${maximumMessageSize} bytes.`,
    })
    // A name, a type and a value count: a + String + v.
    const withAttribute = (length: number) =>
      json(url, 'SendMessage', { QueueUrl: url, MessageBody: body(length), MessageAttributes: { a: attribute } })
    expect((await withAttribute(maximumMessageSize - 8)).status).toBe(200)
    expect((await withAttribute(maximumMessageSize - 7)).status).toBe(400)
    const batch = (length: number) =>
      json(url, 'SendMessageBatch', {
        QueueUrl: url,
        Entries: [
          { Id: 'a', MessageBody: body(length) },
          { Id: 'b', MessageBody: 'x' },
        ],
      })
    expect((await batch(maximumMessageSize - 1)).body).toHaveProperty('Successful')
    expect((await batch(maximumMessageSize)).body).toMatchObject({
      message: `Batch requests cannot be longer than ${maximumMessageSize} bytes. You have sent ${maximumMessageSize + 1} bytes.`,
    })
  })
})

describe('visibility', () => {
  it('ends twelve hours after the receive, however often it is changed', async () => {
    sqs = await sqsServer()
    const url = sqs.queue('long')
    await sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'x' }))
    const receive = async () => {
      const { Messages } = await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 60 }))
      return Messages?.[0]?.ReceiptHandle
    }
    const ReceiptHandle = await receive()
    const change = (VisibilityTimeout: number) =>
      sqs.client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }))
    await change(43_200)
    await sqs.clock.advance(1000)
    await expect(change(43_200)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
    })
    await change(43_199)
    const Entries = [
      { Id: 'a', ReceiptHandle, VisibilityTimeout: 43_200 },
      { Id: 'b', ReceiptHandle, VisibilityTimeout: 60 },
    ]
    const batch = await sqs.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }))
    expect([batch.Failed?.map(({ Id }) => Id), batch.Successful?.map(({ Id }) => Id)]).toEqual([['a'], ['b']])
    // A later receive begins anew.
    await sqs.clock.advance(60_000)
    const again = await receive()
    const longest = { QueueUrl: url, ReceiptHandle: again, VisibilityTimeout: 43_200 }
    await sqs.client.send(new ChangeMessageVisibilityCommand(longest))
  })
})
