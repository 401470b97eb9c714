import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { sqsServer, type SqsServer } from './sqs-server.ts'

let directory: string
let sqs: SqsServer
const start = async () => {
  sqs = await sqsServer({ directory, clock: virtualClock(sqs?.clock.now()) })
}
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'offload-sqs-'))
  await start()
})
afterEach(async () => {
  await sqs.close()
  rmSync(directory, { recursive: true })
})

const restart = async () => {
  await sqs.close()
  await start()
}
const path = '/000000000000/jobs'
const send = (MessageBody: string, DelaySeconds = 0) =>
  sqs.client.send(new SendMessageCommand({ QueueUrl: path, MessageBody, DelaySeconds }))
const receive = async () =>
  (await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: path, MaxNumberOfMessages: 10 }))).Messages ?? []
const never = new AbortController().signal

describe('after a restart', () => {
  it('queues, messages, delays and receipt handles are as they were', async () => {
    sqs.queue('jobs', { VisibilityTimeout: '77' })
    for (const body of ['held', 'waiting']) await send(body)
    await send('delayed', 900)
    const { Messages } = await sqs.client.send(new ReceiveMessageCommand({ QueueUrl: path }))
    expect(Messages).toMatchObject([{ Body: 'held' }])
    await restart()
    expect(sqs.queues.overview()).toMatchObject([{ name: 'jobs', visible: 1, inFlight: 1, delayed: 1 }])
    expect(await receive()).toMatchObject([{ Body: 'waiting' }])
    await sqs.client.send(new DeleteMessageCommand({ QueueUrl: path, ReceiptHandle: Messages?.[0]?.ReceiptHandle }))
    await sqs.clock.advance(77_000)
    expect(await receive()).toMatchObject([{ Body: 'waiting' }])
    await sqs.clock.advance(823_000)
    expect((await receive()).map(({ Body }) => Body)).toEqual(['waiting', 'delayed'])
  })

  it('a message that the embedded worker has renewed is visible at once too', async () => {
    sqs.queue('jobs')
    await send('renewed')
    const consumer = sqs.queues.consumer('jobs', { visibilityTimeoutMs: 30_000 })
    const message = await consumer.receive(never)
    if (message === undefined) throw new Error('nothing received')
    await consumer.renew(message, sqs.clock.now() + 60_000)
    await sqs.clock.advance(45_000)
    expect(await receive()).toEqual([])
    await restart()
    expect(await receive()).toMatchObject([{ Body: 'renewed' }])
  })

  it('a message that was given back is visible at once and was not received', async () => {
    sqs.queue('jobs')
    await send('unworked')
    const consumer = sqs.queues.consumer('jobs', { visibilityTimeoutMs: 30_000 })
    const message = await consumer.receive(never)
    if (message === undefined) throw new Error('nothing received')
    await consumer.release(message)
    expect(await consumer.receive(never)).toMatchObject({ body: 'unworked', receiveCount: 1 })
  })

  it('what the embedded worker held is visible at once; what others hold, and what it deferred, is not', async () => {
    sqs.queue('jobs')
    for (const body of ['embedded', 'deferred', 'outside']) await send(body)
    const consumer = sqs.queues.consumer('jobs', { visibilityTimeoutMs: 30_000 })
    expect(await consumer.receive(never)).toMatchObject({ body: 'embedded', receiveCount: 1, attributes: {} })
    const deferred = await consumer.receive(never)
    if (deferred === undefined) throw new Error('nothing received')
    await consumer.defer(deferred, sqs.clock.now() + 5000)
    expect(await receive()).toMatchObject([{ Body: 'outside' }])
    await restart()
    expect(sqs.queues.recovered).toBe(1)
    expect(await receive()).toMatchObject([{ Body: 'embedded' }])
    await sqs.clock.advance(5000)
    expect(await receive()).toMatchObject([{ Body: 'deferred' }])
  })
})

describe('the embedded worker', () => {
  const consumer = () => sqs.queues.consumer('jobs', { visibilityTimeoutMs: 30_000 })

  it('waits for a message that ingest adds in a transaction of its own', async () => {
    sqs.queue('jobs')
    const pending = consumer().receive(never)
    const { messageId } = sqs.store.tx(() =>
      sqs.queues.enqueue('jobs', { body: '{}', attributes: { CompanyId: { dataType: 'Number', value: '7' } } }),
    )
    const message = await pending
    expect(message).toMatchObject({
      messageId,
      body: '{}',
      attributes: { CompanyId: { dataType: 'Number', value: '7' } },
    })
    if (message) await consumer().delete(message)
    expect(sqs.queues.overview()).toMatchObject([{ visible: 0, inFlight: 0 }])
  })

  it('leaves the line when it is stopped, and takes nothing along', async () => {
    sqs.queue('jobs')
    const stop = new AbortController()
    const pending = consumer().receive(stop.signal)
    stop.abort()
    expect(await pending).toBeUndefined()
    // Stopped between the take and its commit: what was taken is given back.
    const late = new AbortController()
    const second = consumer().receive(late.signal)
    sqs.store.tx(() => sqs.queues.enqueue('jobs', { body: 'x' }))
    const stopInCommit = sqs.store.write(() => sqs.store.afterCommit(() => late.abort()))
    expect(await second).toBeUndefined()
    await stopInCommit
    await sqs.clock.advance(0)
    // Stands behind the giving back.
    await sqs.store.write(() => undefined)
    expect(sqs.queues.peek('jobs', 1)).toMatchObject([{ receiveCount: 0 }])
    expect(await receive()).toMatchObject([{ Body: 'x' }])
  })

  it('moves what it cannot read to the dead-letter queue, with the reason, even where none was configured', async () => {
    sqs.queue('jobs')
    const { MessageId } = await send('{')
    const message = await consumer().receive(never)
    if (message) await consumer().deadLetter(message, 'no valid JSON')
    expect(sqs.queues.peek('jobs-dlq', 1)).toMatchObject([
      { messageId: MessageId, reason: 'no valid JSON', receiveCount: 1 },
    ])
    expect(sqs.journal.read().at(-1)?.event).toEqual({
      type: 'message.dead',
      queue: 'jobs',
      messageId: MessageId,
      reason: 'no valid JSON',
    })
  })

  it('a send that is undone leaves nothing and wakes nobody', async () => {
    sqs.queue('jobs')
    const undone = () =>
      sqs.store.tx(() => {
        sqs.queues.enqueue('jobs', { body: 'x' })
        throw new Error('the ledger refused')
      })
    expect(undone).toThrow('the ledger refused')
    expect(sqs.queues.overview()).toMatchObject([{ visible: 0 }])
    expect(await receive()).toEqual([])
  })

  it('reset removes the messages of one tenant, or all', async () => {
    sqs.queue('jobs')
    for (const tenant of ['1', '1', '2']) {
      sqs.queues.enqueue('jobs', { body: tenant, attributes: { CompanyId: { dataType: 'Number', value: tenant } } })
    }
    sqs.queues.reset(1)
    expect(sqs.queues.overview()).toMatchObject([{ visible: 1 }])
    sqs.queues.reset()
    expect(sqs.queues.overview()).toMatchObject([{ name: 'jobs', visible: 0 }])
  })
})
