import { DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { query, sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
beforeEach(async () => {
  sqs = await sqsServer()
})
afterEach(() => sqs.close())

const send = (QueueUrl: string, MessageBody: string, DelaySeconds = 0) =>
  sqs.client.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds }))

/** Resolves when so many receivers stand in the queue's line: each join looks for the next visible message. */
async function waiting(url: string, count: number, receive: (url: string) => Promise<unknown>) {
  const pending = Array.from({ length: count }, () => receive(url))
  const connections = () => sqs.open()
  while (connections() < count) await nextTurn()
  return pending
}

const byText = (a: string, b: string) => (a < b ? -1 : 1)
const all = async (pending: readonly Promise<unknown>[]) => (await Promise.all(pending)).flat().map(String).sort(byText)

const longReceive = (url: string, abortSignal?: AbortSignal) =>
  sqs.client
    .send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20 }), abortSignal ? { abortSignal } : {})
    .then(({ Messages = [] }) => Messages.map(({ Body }) => Body))

describe('a receiver that waits', () => {
  it('is answered by the next send, and only one receiver gets the message', async () => {
    const url = sqs.queue('jobs')
    const pending = await waiting(url, 3, longReceive)
    await send(url, 'x')
    expect(await Promise.race(pending)).toEqual(['x'])
    await send(url, 'y')
    await sqs.clock.advance(20_000)
    expect(await all(pending)).toEqual(['x', 'y'])
  })

  it('is answered with nothing when its time is over', async () => {
    const url = sqs.queue('jobs')
    const [pending] = await waiting(url, 1, longReceive)
    await sqs.clock.advance(19_999)
    expect(sqs.open()).toBe(1)
    await sqs.clock.advance(1)
    expect(await pending).toEqual([])
  })

  it('waits as long as the queue says where it does not say itself', async () => {
    const url = sqs.queue('jobs', { ReceiveMessageWaitTimeSeconds: '5' })
    const [pending] = await waiting(url, 1, (QueueUrl) => sqs.client.send(new ReceiveMessageCommand({ QueueUrl })))
    await sqs.clock.advance(5000)
    expect(await pending).toMatchObject({ $metadata: { httpStatusCode: 200 } })
  })

  it('is woken by a delayed message and by one whose holder was too slow, each at its time', async () => {
    const url = sqs.queue('jobs')
    await send(url, 'held')
    await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: url, VisibilityTimeout: 3 }))
    const pending = await waiting(url, 2, longReceive)
    await send(url, 'delayed', 10)
    await sqs.clock.advance(3000)
    expect(await Promise.race(pending)).toEqual(['held'])
    expect(sqs.open()).toBe(1)
    await sqs.clock.advance(6999)
    expect(sqs.open()).toBe(1)
    await sqs.clock.advance(1)
    expect(await all(pending)).toEqual(['delayed', 'held'])
  })

  it('that has disconnected takes no message with it', async () => {
    const url = sqs.queue('jobs')
    const gone = new AbortController()
    const [pending] = await waiting(url, 1, (QueueUrl) => longReceive(QueueUrl, gone.signal))
    const outcome = pending?.catch((error: unknown) => error)
    gone.abort()
    expect(await outcome).toMatchObject({ name: 'AbortError' })
    while (sqs.open() > 0) await nextTurn()
    await send(url, 'x')
    const { Messages } = await sqs.client.send(
      new ReceiveMessageCommand({ QueueUrl: url, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }),
    )
    expect(Messages).toMatchObject([{ Body: 'x', Attributes: { ApproximateReceiveCount: '1' } }])
  })

  it('is told when its queue is deleted', async () => {
    const url = sqs.queue('jobs')
    const [pending] = await waiting(url, 1, longReceive)
    const outcome = pending?.catch((error: unknown) => error)
    await sqs.client.send(new DeleteQueueCommand({ QueueUrl: url }))
    expect(await outcome).toMatchObject({ name: 'QueueDoesNotExist' })
  })

  it('is served in the Query protocol too', async () => {
    const url = sqs.queue('jobs')
    const [pending] = await waiting(url, 1, (at) => query(at, { Action: 'ReceiveMessage', WaitTimeSeconds: '20' }))
    await send(url, 'x')
    expect(await pending).toMatchObject({ status: 200, xml: expect.stringContaining('<Body>x</Body>') as string })
  })
})

it('a hundred waiting receivers share what comes, each message once', async () => {
  const url = sqs.queue('jobs')
  const client = sqs.connect({ requestHandler: { httpAgent: { maxSockets: 200 } } })
  const pending = await waiting(url, 100, (QueueUrl) =>
    client
      .send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }))
      .then(({ Messages = [] }) => Messages.map(({ Body }) => Body)),
  )
  const bodies = Array.from({ length: 60 }, (_, index) => `m${index}`)
  await Promise.all(bodies.map((body) => send(url, body)))
  while (sqs.open() > 40) await nextTurn()
  await sqs.clock.advance(20_000)
  expect(await all(pending)).toEqual(bodies.toSorted(byText))
})
