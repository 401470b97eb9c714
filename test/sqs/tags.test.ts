import { CreateQueueCommand, ListQueueTagsCommand, TagQueueCommand, UntagQueueCommand } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { query, sqsServer, type SqsServer } from './sqs-server.ts'

let sqs: SqsServer
beforeEach(async () => {
  sqs = await sqsServer()
})
afterEach(() => sqs.close())

const tagsOf = async (QueueUrl: string) => (await sqs.client.send(new ListQueueTagsCommand({ QueueUrl }))).Tags

it('a queue is tagged when it is created and later, and untagged', async () => {
  const { QueueUrl = '' } = await sqs.client.send(new CreateQueueCommand({ QueueName: 'jobs', tags: { team: 'lms' } }))
  expect(await tagsOf(QueueUrl)).toEqual({ team: 'lms' })
  await sqs.client.send(new TagQueueCommand({ QueueUrl, Tags: { stage: 'test', team: 'core' } }))
  expect(await tagsOf(QueueUrl)).toEqual({ team: 'core', stage: 'test' })
  await sqs.client.send(new UntagQueueCommand({ QueueUrl, TagKeys: ['stage', 'absent', 'team'] }))
  expect(await tagsOf(QueueUrl)).toBeUndefined()
})

it('the Query protocol has its own names for it', async () => {
  await query(sqs.url, { Action: 'CreateQueue', QueueName: 'jobs', 'Tag.1.Key': 'team', 'Tag.1.Value': 'lms' })
  const QueueUrl = `${sqs.url}/000000000000/jobs`
  await query(QueueUrl, { Action: 'TagQueue', 'Tag.1.Key': 'stage', 'Tag.1.Value': 'test & "more"' })
  expect((await query(QueueUrl, { Action: 'ListQueueTags' })).xml).toContain(
    '<ListQueueTagsResult><Tag><Key>team</Key><Value>lms</Value></Tag><Tag><Key>stage</Key><Value>test &amp; &quot;more&quot;</Value></Tag></ListQueueTagsResult>',
  )
  await query(QueueUrl, { Action: 'UntagQueue', 'TagKey.1': 'team', 'TagKey.2': 'stage' })
  expect(await tagsOf(QueueUrl)).toBeUndefined()
})

it.each([
  ['more than fifty', Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, 'v']))],
  ['a key that is too long', { ['k'.repeat(129)]: 'v' }],
  ['a value that is too long', { k: 'v'.repeat(257) }],
  ['a key of AWS’s own', { 'aws:k': 'v' }],
])('%s is refused', async (_name, Tags) => {
  const QueueUrl = sqs.queue('jobs')
  await expect(sqs.client.send(new TagQueueCommand({ QueueUrl, Tags }))).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  })
  expect(await tagsOf(QueueUrl)).toBeUndefined()
})
