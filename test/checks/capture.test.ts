import { SendMessageBatchCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, expect, it } from 'vitest'
import type { JobMessage } from '../../contracts/checks/job-message.ts'
import { startCapture, type Capture, type Meeting } from '../../emulator/check/capture.ts'

let capture: Capture
const seen: JobMessage[] = []
const open = async (meeting: Meeting = 'answer') => {
  seen.length = 0
  capture = await startCapture({
    port: 0,
    async meet(message) {
      seen.push(message)
      return meeting
    },
  })
}
afterEach(() => capture.close())

const client = () =>
  new SQSClient({
    endpoint: capture.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  })
const texts = () => seen.map(({ body }) => Buffer.from(body).toString())

it('sees what an AWS SDK sends, one or several, with its attributes', async () => {
  await open()
  const CompanyId = { DataType: 'Number', StringValue: '7' }
  const QueueUrl = capture.queueUrl
  await client().send(new SendMessageCommand({ QueueUrl, MessageBody: 'one', MessageAttributes: { CompanyId } }))
  await client().send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: [
        { Id: 'a', MessageBody: 'two' },
        { Id: 'b', MessageBody: 'three' },
      ],
    }),
  )
  expect(texts()).toEqual(['one', 'two', 'three'])
  expect(seen[0]).toMatchObject({ via: 'sqs', envelope: { tenant: 7 } })
})

it('sees what an older SDK sends as a form', async () => {
  await open()
  const body = new URLSearchParams({
    Action: 'SendMessage',
    Version: '2012-11-05',
    MessageBody: 'é',
    'MessageAttribute.1.Name': 'CompanyId',
    'MessageAttribute.1.Value.DataType': 'Number',
    'MessageAttribute.1.Value.StringValue': '9',
  })
  const answer = await fetch(capture.queueUrl, { method: 'POST', body })
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('<SendMessageResponse')])
  expect(texts()).toEqual(['é'])
  expect(seen[0]?.envelope).toEqual({ tenant: 9 })
})

it('lets everything else through, and takes it for no job', async () => {
  await open()
  expect(await (await fetch(`${capture.url}/health`)).json()).toMatchObject({ status: 'ok' })
  expect(seen).toEqual([])
})

it('refuses in the words of whom it refuses, or loses the answer', async () => {
  await open('refuse')
  await expect(client().send(new SendMessageCommand({ QueueUrl: capture.queueUrl, MessageBody: 'x' }))).rejects.toThrow(
    /refused on purpose/,
  )
  expect((await fetch(`${capture.url}/jobs`, { method: 'POST', body: '{}' })).status).toBe(400)
  await capture.close()
  await open('lose-answer')
  await expect(fetch(`${capture.url}/jobs`, { method: 'POST', body: '{}' })).rejects.toThrow('fetch failed')
})
