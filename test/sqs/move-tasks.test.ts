import {
  CancelMessageMoveTaskCommand,
  DeleteQueueCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  StartMessageMoveTaskCommand,
  type StartMessageMoveTaskCommandInput,
} from '@aws-sdk/client-sqs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { query, sqsServer, type SqsServer } from './sqs-server.ts'

let directory: string
let sqs: SqsServer
let dead: string
let url: string
const arn = (name: string) => `arn:aws:sqs:us-east-1:000000000000:${name}`

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'offload-sqs-'))
  sqs = await sqsServer({ directory })
  dead = sqs.queue('jobs-dlq')
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arn('jobs-dlq'), maxReceiveCount: 1 })
  url = sqs.queue('jobs', { VisibilityTimeout: '0', RedrivePolicy })
})
afterEach(async () => {
  await sqs.close()
  rmSync(directory, { recursive: true })
})

const bodies = async (QueueUrl: string) => {
  const answer = await sqs.client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  return (answer.Messages ?? []).map(({ Body }) => Body)
}
/** Lets messages die. */
const fail = async (...all: string[]) => {
  for (const MessageBody of all) await sqs.client.send(new SendMessageCommand({ QueueUrl: url, MessageBody }))
  await bodies(url)
  await bodies(url)
}
const start = async (input: Partial<StartMessageMoveTaskCommandInput> = {}) =>
  (await sqs.client.send(new StartMessageMoveTaskCommand({ SourceArn: arn('jobs-dlq'), ...input }))).TaskHandle ?? ''
const list = async () =>
  (await sqs.client.send(new ListMessageMoveTasksCommand({ SourceArn: arn('jobs-dlq'), MaxResults: 10 }))).Results
const visible = (name: string) => sqs.queues.overview().find((queue) => queue.name === name)?.visible

describe('a message move task', () => {
  it('brings all back to where they came from', async () => {
    await fail('1', '2', '3')
    const at = sqs.clock.now()
    await start()
    await sqs.clock.advance(0)
    expect(await list()).toEqual([
      {
        Status: 'COMPLETED',
        SourceArn: arn('jobs-dlq'),
        ApproximateNumberOfMessagesMoved: 3,
        ApproximateNumberOfMessagesToMove: 3,
        StartedTimestamp: at,
      },
    ])
    expect(await bodies(url)).toEqual(['1', '2', '3'])
    expect(visible('jobs-dlq')).toBe(0)
  })

  it('moves to another queue, at the rate that was asked for, until it is cancelled', async () => {
    const other = sqs.queue('other')
    await fail('1', '2', '3', '4', '5')
    const handle = await start({ DestinationArn: arn('other'), MaxNumberOfMessagesPerSecond: 2 })
    await expect(start()).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message:
        'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
    })
    await sqs.clock.advance(1000)
    expect(await list()).toMatchObject([
      {
        TaskHandle: handle,
        Status: 'RUNNING',
        DestinationArn: arn('other'),
        MaxNumberOfMessagesPerSecond: 2,
        ApproximateNumberOfMessagesMoved: 2,
        ApproximateNumberOfMessagesToMove: 5,
      },
    ])
    const cancelled = await sqs.client.send(new CancelMessageMoveTaskCommand({ TaskHandle: handle }))
    expect(cancelled.ApproximateNumberOfMessagesMoved).toBe(2)
    await sqs.clock.advance(10_000)
    expect((await list())?.[0]).toMatchObject({ Status: 'CANCELLED', ApproximateNumberOfMessagesMoved: 2 })
    expect((await list())?.[0]).not.toHaveProperty('TaskHandle')
    expect(await bodies(other)).toEqual(['1', '2'])
    expect(visible('jobs-dlq')).toBe(3)
  })

  it('goes on after a restart', async () => {
    await fail('1', '2', '3')
    await start({ MaxNumberOfMessagesPerSecond: 1 })
    await sqs.clock.advance(1000)
    await sqs.close()
    sqs = await sqsServer({ directory, clock: virtualClock(sqs.clock.now()) })
    await sqs.clock.advance(10_000)
    expect(await list()).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 3 }])
  })

  it('leaves what does not say where it came from, and fails', async () => {
    await fail('1')
    for (let at = 0; at < 3; at++)
      await sqs.client.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: `direct ${at}` }))
    await fail('2')
    await start({ MaxNumberOfMessagesPerSecond: 2 })
    await sqs.clock.advance(10_000)
    expect(await list()).toMatchObject([
      {
        Status: 'FAILED',
        FailureReason: 'CouldNotDetermineMessageSource',
        ApproximateNumberOfMessagesMoved: 2,
        ApproximateNumberOfMessagesToMove: 5,
      },
    ])
    expect(visible('jobs-dlq')).toBe(3)
  })

  it('fails when its destination is deleted', async () => {
    const other = sqs.queue('other')
    await fail('1', '2', '3')
    await start({ DestinationArn: arn('other'), MaxNumberOfMessagesPerSecond: 1 })
    await sqs.clock.advance(1000)
    await sqs.client.send(new DeleteQueueCommand({ QueueUrl: other }))
    await sqs.clock.advance(1000)
    expect(await list()).toMatchObject([
      {
        Status: 'FAILED',
        FailureReason: 'AWS.SimpleQueueService.NonExistentQueue',
        ApproximateNumberOfMessagesMoved: 1,
      },
    ])
  })

  it('moves thousands in groups, and others may send meanwhile', async () => {
    sqs.store.tx(() => {
      for (let at = 0; at < 1200; at++) sqs.queues.enqueue('jobs-dlq', { body: `m${at}` })
    })
    await start({ DestinationArn: arn('jobs') })
    await sqs.clock.advance(0)
    expect(await list()).toMatchObject([{ Status: 'COMPLETED', ApproximateNumberOfMessagesMoved: 1200 }])
    expect(visible('jobs')).toBe(1200)
  })

  it('is told in the Query protocol as AWS writes it', async () => {
    await fail('1')
    const started = await query(sqs.url, { Action: 'StartMessageMoveTask', SourceArn: arn('jobs-dlq') })
    expect(started.xml).toMatch(
      /<StartMessageMoveTaskResult><TaskHandle>[^<]+<\/TaskHandle><\/StartMessageMoveTaskResult>/,
    )
    const listed = await query(sqs.url, { Action: 'ListMessageMoveTasks', SourceArn: arn('jobs-dlq'), MaxResults: '1' })
    expect(listed.xml).toMatch(
      /<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry>(<TaskHandle>[^<]+<\/TaskHandle>)?<Status>/,
    )
  })
})

describe('a dead-letter queue', () => {
  it('tells whose dead letters it takes, page by page', async () => {
    const policy = JSON.stringify({ deadLetterTargetArn: arn('jobs-dlq'), maxReceiveCount: 1 })
    for (const name of ['a', 'b']) sqs.queue(name, { RedrivePolicy: policy })
    const page = (NextToken?: string) =>
      sqs.client.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: dead, MaxResults: 2, NextToken }))
    const first = await page()
    expect(first.queueUrls).toEqual([`${sqs.url}/000000000000/a`, `${sqs.url}/000000000000/b`])
    expect((await page(first.NextToken)).queueUrls).toEqual([url])
    expect((await sqs.client.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: url }))).queueUrls).toEqual([])
    const { xml } = await query(sqs.url, { Action: 'ListDeadLetterSourceQueues', QueueUrl: dead })
    expect(xml).toContain(`<ListDeadLetterSourceQueuesResult><QueueUrl>${sqs.url}/000000000000/a</QueueUrl>`)
  })

  it.each([
    [{ redrivePermission: 'denyAll' }, false],
    [{ redrivePermission: 'allowAll' }, true],
    [{ redrivePermission: 'byQueue', sourceQueueArns: [arn('other')] }, false],
    [{ redrivePermission: 'byQueue', sourceQueueArns: [arn('wants')] }, true],
  ])('with %j lets a queue use it: %s', async (policy, allowed) => {
    const wants = sqs.queue('wants')
    const set = (QueueUrl: string, Attributes: Record<string, string>) =>
      sqs.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }))
    await set(dead, { RedriveAllowPolicy: JSON.stringify(policy) })
    const asked = set(wants, {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn('jobs-dlq'), maxReceiveCount: 1 }),
    })
    if (allowed) await asked
    else await expect(asked).rejects.toMatchObject({ name: 'InvalidParameterValue' })
  })
})
