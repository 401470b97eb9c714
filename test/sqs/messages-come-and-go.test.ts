import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  type ReceiveMessageCommandInput,
} from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
beforeEach(async () => {
  sqs = await sqsServer()
})
afterEach(() => sqs.close())

const receive = async (QueueUrl: string, input: Partial<ReceiveMessageCommandInput> = {}) =>
  (await sqs.client.send(new ReceiveMessageCommand({ QueueUrl, ...input }))).Messages ?? []
const send = (QueueUrl: string, MessageBody: string) =>
  sqs.client.send(new SendMessageCommand({ QueueUrl, MessageBody }))
const counts = async (QueueUrl: string) =>
  (
    await sqs.client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ],
      }),
    )
  ).Attributes

describe('queues', () => {
  it('are created once, found, listed by prefix and page, and addressed by the host that was asked', async () => {
    const created = await sqs.client.send(
      new CreateQueueCommand({ QueueName: 'jobs', Attributes: { DelaySeconds: '3' } }),
    )
    expect(created.QueueUrl).toBe(`${sqs.url}/000000000000/jobs`)
    const again = await sqs.client.send(
      new CreateQueueCommand({ QueueName: 'jobs', Attributes: { DelaySeconds: '3' } }),
    )
    expect(again.QueueUrl).toBe(created.QueueUrl)
    const named = sqs.connect({ endpoint: sqs.url.replace('127.0.0.1', 'localhost') })
    const found = await named.send(new GetQueueUrlCommand({ QueueName: 'jobs' }))
    expect(found.QueueUrl).toBe(`${sqs.url.replace('127.0.0.1', 'localhost')}/000000000000/jobs`)

    for (const name of ['jobs-a', 'jobs-b', 'other']) sqs.queue(name)
    const first = await sqs.client.send(new ListQueuesCommand({ QueueNamePrefix: 'jobs', MaxResults: 2 }))
    expect(first.QueueUrls?.map((url) => url.split('/').at(-1))).toEqual(['jobs', 'jobs-a'])
    const second = await sqs.client.send(
      new ListQueuesCommand({ QueueNamePrefix: 'jobs', MaxResults: 2, NextToken: first.NextToken }),
    )
    expect(second.QueueUrls?.map((url) => url.split('/').at(-1))).toEqual(['jobs-b'])
    expect(second.NextToken).toBeUndefined()
  })

  it('tell all attributes with their defaults, those that were set, and none where none is named', async () => {
    const url = sqs.queue('jobs')
    sqs.queue('dead')
    const policy = JSON.stringify({
      deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead',
      maxReceiveCount: '3',
    })
    await sqs.clock.advance(5000)
    await sqs.client.send(
      new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { VisibilityTimeout: '7', RedrivePolicy: policy } }),
    )
    const all = await sqs.client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }))
    expect(all.Attributes).toEqual({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesDelayed: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
      CreatedTimestamp: '1767225600',
      LastModifiedTimestamp: '1767225605',
      DelaySeconds: '0',
      MaximumMessageSize: '1048576',
      MessageRetentionPeriod: '345600',
      QueueArn: 'arn:aws:sqs:us-east-1:000000000000:jobs',
      ReceiveMessageWaitTimeSeconds: '0',
      RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":3}',
      SqsManagedSseEnabled: 'true',
      VisibilityTimeout: '7',
    })
    const none = await sqs.client.send(new GetQueueAttributesCommand({ QueueUrl: url }))
    expect(none.Attributes).toBeUndefined()
    await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy: '' } }))
    const removed = await sqs.client.send(
      new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['RedrivePolicy'] }),
    )
    expect(removed.Attributes).toBeUndefined()
  })

  it('go with their messages, and their name is refused for 60 seconds', async () => {
    const url = sqs.queue('jobs')
    await send(url, 'x')
    await sqs.client.send(new DeleteQueueCommand({ QueueUrl: url }))
    await expect(send(url, 'y')).rejects.toMatchObject({ name: 'QueueDoesNotExist' })
    const create = () => sqs.client.send(new CreateQueueCommand({ QueueName: 'jobs' }))
    await expect(create()).rejects.toMatchObject({ name: 'QueueDeletedRecently' })
    await sqs.clock.advance(60_001)
    await create()
    expect(await receive(url)).toEqual([])
  })

  it('are purged of all messages, once in 60 seconds', async () => {
    const url = sqs.queue('jobs')
    for (const body of ['a', 'b', 'c']) await send(url, body)
    await receive(url)
    await sqs.client.send(new PurgeQueueCommand({ QueueUrl: url }))
    expect(await counts(url)).toMatchObject({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '0',
    })
    await expect(sqs.client.send(new PurgeQueueCommand({ QueueUrl: url }))).rejects.toMatchObject({
      name: 'PurgeQueueInProgress',
    })
    await sqs.clock.advance(60_000)
    await sqs.client.send(new PurgeQueueCommand({ QueueUrl: url }))
  })
})

describe('a message', () => {
  it('comes as it was sent, with its digests and attributes', async () => {
    const url = sqs.queue('jobs')
    const body = 'Zoë "&<>\r\n\t 🎓'
    const sent = await sqs.client.send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: body,
        MessageGroupId: 'tenant-1',
        MessageAttributes: {
          color: { DataType: 'String', StringValue: 'blue' },
          count: { DataType: 'Number', StringValue: '3' },
          blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
        },
        MessageSystemAttributes: {
          AWSTraceHeader: {
            DataType: 'String',
            StringValue: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
          },
        },
      }),
    )
    expect(sent.MD5OfMessageAttributes).toBe('d838729972a4b70e2d2acd9d59ac847c')
    expect(sent.MD5OfMessageSystemAttributes).toBe('5ae4d5d7636402d80f4eb6d213245a88')
    await sqs.clock.advance(1000)
    const [message] = await receive(url, {
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['col.*', 'color', 'shape.*'],
    })
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: body,
      MD5OfBody: sent.MD5OfMessageBody,
      MessageAttributes: { color: { DataType: 'String', StringValue: 'blue' } },
      // Of what is returned, not of what was sent.
      MD5OfMessageAttributes: 'da1b33cc3cbfe8b1630921e78e6b9880',
      Attributes: {
        SentTimestamp: '1767225600000',
        ApproximateFirstReceiveTimestamp: '1767225601000',
        ApproximateReceiveCount: '1',
        MessageGroupId: 'tenant-1',
        AWSTraceHeader: 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
      },
    })
  })

  it.each([
    [{ timestamp: { DataType: 'Number', StringValue: '1493147359900' } }, '235c5c510d26fb653d073faed50ae77c'],
    [{ Foo: { DataType: 'String', StringValue: 'Bar' } }, 'ae7155c6026991b6d54b11589678bf9c'],
    [{ color: { DataType: 'String', StringValue: 'blue' } }, 'da1b33cc3cbfe8b1630921e78e6b9880'],
  ])('has the attribute digest that AWS gave %o', async (MessageAttributes, digest) => {
    const sent = await sqs.client.send(
      new SendMessageCommand({ QueueUrl: sqs.queue('jobs'), MessageBody: 'x', MessageAttributes }),
    )
    expect(sent.MD5OfMessageAttributes).toBe(digest)
  })

  it('without attributes has no digest of them', async () => {
    const url = sqs.queue('jobs')
    expect(await send(url, 'x')).not.toHaveProperty('MD5OfMessageAttributes')
    const [message] = await receive(url, { MessageAttributeNames: ['All'] })
    expect(message).not.toHaveProperty('MD5OfMessageAttributes')
  })

  it('is hidden while it is held, comes again when its time is over, and is gone when deleted', async () => {
    const url = sqs.queue('jobs')
    await send(url, 'x')
    const [first] = await receive(url)
    expect(await receive(url)).toEqual([])
    expect(await counts(url)).toEqual({
      ApproximateNumberOfMessages: '0',
      ApproximateNumberOfMessagesNotVisible: '1',
      ApproximateNumberOfMessagesDelayed: '0',
    })
    await sqs.clock.advance(30_000)
    const [second] = await receive(url, { MessageSystemAttributeNames: ['ApproximateReceiveCount'] })
    expect(second).toMatchObject({ MessageId: first?.MessageId, Attributes: { ApproximateReceiveCount: '2' } })
    const remove = (ReceiptHandle = '') => sqs.client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
    // The first holder's handle is stale: AWS says yes, and the second holder keeps the message.
    await remove(first?.ReceiptHandle)
    await sqs.clock.advance(30_000)
    const [third] = await receive(url)
    expect(third?.MessageId).toBe(first?.MessageId)
    // Expired, but nobody has received it since: deleted.
    await sqs.clock.advance(31_000)
    await remove(third?.ReceiptHandle)
    await remove(third?.ReceiptHandle)
    await sqs.clock.advance(31_000)
    expect(await receive(url)).toEqual([])
  })

  it('stays hidden for as long as its holder asks', async () => {
    const url = sqs.queue('jobs')
    await send(url, 'x')
    const [held] = await receive(url, { VisibilityTimeout: 5 })
    const change = (VisibilityTimeout: number, ReceiptHandle = held?.ReceiptHandle) =>
      sqs.client.send(new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle, VisibilityTimeout }))
    await change(100)
    await sqs.clock.advance(99_000)
    expect(await receive(url)).toEqual([])
    await change(0)
    // Visible already: allowed.
    await change(0)
    expect(await receive(url)).toHaveLength(1)
  })

  it('is delayed by its own wish, else by its queue’s', async () => {
    const url = sqs.queue('jobs', { DelaySeconds: '10' })
    await send(url, 'ten')
    await sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: 'now', DelaySeconds: 0 }))
    expect((await receive(url, { MaxNumberOfMessages: 10 })).map(({ Body }) => Body)).toEqual(['now'])
    expect(await counts(url)).toMatchObject({ ApproximateNumberOfMessagesDelayed: '1' })
    await sqs.clock.advance(10_000)
    expect((await receive(url, { MaxNumberOfMessages: 10 })).map(({ Body }) => Body)).toEqual(['ten'])
  })
})

describe('a batch', () => {
  it('sends, hides and deletes; an entry that is refused does not fail the others', async () => {
    const url = sqs.queue('jobs')
    const sent = await sqs.client.send(
      new SendMessageBatchCommand({
        QueueUrl: url,
        Entries: [
          { Id: 'a', MessageBody: 'first', MessageAttributes: { Foo: { DataType: 'String', StringValue: 'Bar' } } },
          { Id: 'b', MessageBody: 'bad \u0000' },
          { Id: 'c', MessageBody: 'third', DelaySeconds: 901 },
          { Id: 'd', MessageBody: 'fourth' },
        ],
      }),
    )
    expect(sent.Successful?.map(({ Id }) => Id)).toEqual(['a', 'd'])
    expect(sent.Successful?.[0]?.MD5OfMessageAttributes).toBe('ae7155c6026991b6d54b11589678bf9c')
    expect(sent.Failed).toMatchObject([
      { Id: 'c', Code: 'InvalidParameterValue', SenderFault: true },
      { Id: 'b', Code: 'InvalidMessageContents', SenderFault: true },
    ])
    const held = await receive(url, { MaxNumberOfMessages: 10 })
    expect(held.map(({ Body }) => Body)).toEqual(['first', 'fourth'])
    const entries = held.map(({ ReceiptHandle }, index) => ({ Id: `m${index}`, ReceiptHandle }))
    const bad = { Id: 'bad', ReceiptHandle: 'garbage' }
    const changed = await sqs.client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: url,
        Entries: [...entries, bad].map((entry) => ({ ...entry, VisibilityTimeout: 500 })),
      }),
    )
    expect(changed).toMatchObject({
      Successful: [{ Id: 'm0' }, { Id: 'm1' }],
      Failed: [{ Id: 'bad', Code: 'ReceiptHandleIsInvalid' }],
    })
    const deleted = await sqs.client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: [...entries, bad] }))
    expect(deleted).toMatchObject({
      Successful: [{ Id: 'm0' }, { Id: 'm1' }],
      Failed: [{ Id: 'bad', Code: 'ReceiptHandleIsInvalid', SenderFault: true }],
    })
    await sqs.clock.advance(600_000)
    expect(await receive(url)).toEqual([])
  })
})
