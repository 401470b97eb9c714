import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { canMoveJob } from '../../contracts/status.ts'
import { running, specJob, type Running } from './running.ts'

const run = promisify(execFile)

function sqs(emulator: Running): SQSClient {
  const client = new SQSClient({
    endpoint: emulator.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  })
  onTestFinished(() => client.destroy())
  return client
}

const send = (client: SQSClient, emulator: Running, body: unknown, tenant?: number) =>
  client.send(
    new SendMessageCommand({
      QueueUrl: emulator.queueUrl,
      MessageBody: typeof body === 'string' ? body : JSON.stringify(body),
      ...(tenant === undefined
        ? {}
        : { MessageAttributes: { CompanyId: { DataType: 'Number', StringValue: String(tenant) } } }),
    }),
  )

const deadLetters = async (emulator: Running) =>
  (
    (await (await fetch(`${emulator.url}/_offload/queues/manireports-jobs-dlq/messages`)).json()) as {
      messages: { reason: string }[]
    }
  ).messages

it('a job by the AWS SDK is mailed', async () => {
  const emulator = await running()
  await send(sqs(emulator), emulator, specJob())
  await emulator.event('pass.ended')
  expect((await emulator.settled(specJob().job_id)).totals).toMatchObject({ recipients: 2, sent: 2 })
  expect((await emulator.mailpit.searchMessages({ query: `tag:job-${specJob().job_id}` })).messages).toHaveLength(2)
})

it('a job in Query form by curl, at the queue’s own path, is mailed', async () => {
  const emulator = await running()
  const { stdout } = await run('curl', [
    ...['-sS', emulator.queueUrl, '--data-urlencode', 'Action=SendMessage', '--data-urlencode', 'Version=2012-11-05'],
    ...['--data-urlencode', `MessageBody=${JSON.stringify(specJob())}`],
  ])
  expect(stdout).toMatch(/<SendMessageResponse.*<MD5OfMessageBody>[0-9a-f]{32}</s)
  await emulator.event('pass.ended')
  expect((await emulator.settled(specJob().job_id)).totals.sent).toBe(2)
})

it('a plugin message takes its tenant from CompanyId, and its callback carries the token', async () => {
  const emulator = await running()
  const row = (id: number) => ({
    id: String(id),
    job_id: '12345',
    email: `user${id}@example.com`,
    recipient_data: JSON.stringify({ firstname: 'Ann', lastname: 'O’Hara', username: `u${id}`, password: 'Temp1' }),
    status: 'pending',
    sent_at: null,
    error_message: null,
  })
  await send(sqs(emulator), emulator, { job_id: 12345, type: 'user_created', recipients: [row(1), row(2)] }, 42)
  const { job, tenant } = await emulator.event('job.accepted')
  expect([job, tenant]).toEqual(['12345', 42])
  expect(await emulator.event('callback.created')).toMatchObject({ updates: 2, state: 'parked' })
})

it('what cannot be read, or contradicts what is known, goes to the dead-letter queue with the reason', async () => {
  const emulator = await running()
  const client = sqs(emulator)
  await send(client, emulator, 'no JSON at all')
  await emulator.event('message.dead', ({ reason }) => reason.includes('JSON'))
  await send(client, emulator, specJob())
  await emulator.event('pass.ended')
  await send(client, emulator, specJob({ courseid: 9 }))
  await emulator.event('message.dead', ({ reason }) => reason.includes('other content'))
  expect((await deadLetters(emulator)).map(({ reason }) => reason)).toEqual([
    expect.stringContaining('JSON'),
    expect.stringContaining('other content'),
  ])
})

it('--worker none leaves the queue to an outside consumer', async () => {
  const emulator = await running({ worker: 'none' })
  const client = sqs(emulator)
  expect((await emulator.submit(specJob())).status).toBe(202)
  const { Messages: [message] = [] } = await client.send(
    new ReceiveMessageCommand({ QueueUrl: emulator.queueUrl, MessageAttributeNames: ['All'], WaitTimeSeconds: 1 }),
  )
  expect(JSON.parse(message?.Body ?? '')).toEqual(specJob())
  expect(message?.MessageAttributes?.['CompanyId']).toMatchObject({ DataType: 'Number', StringValue: '123' })
  await client.send(
    new DeleteMessageCommand({ QueueUrl: emulator.queueUrl, ReceiptHandle: message?.ReceiptHandle ?? '' }),
  )
  // Received was seen; what became of the recipients was not.
  expect(await emulator.job(specJob().job_id)).toMatchObject({ status: 'processing', totals: { pending: 2 } })
})

it('any order and any repetition of messages mails each recipient once', async () => {
  const emulator = await running({ worker_concurrency: 8 })
  const client = sqs(emulator)
  let run = 0
  const expected: string[] = []
  await fc.assert(
    fc.asyncProperty(
      // Batches that overlap, in any order, each any number of times.
      fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.array(fc.nat(), { maxLength: 4 }),
      async (batches, repeats) => {
        const jobId = `${String(++run).padStart(8, '0')}-0000-4000-8000-000000000000`
        const sent = [...batches, ...repeats.map((at) => batches[at % batches.length] ?? [])]
        const message = (ids: number[]) =>
          specJob({
            job_id: jobId,
            recipients: ids.map((id) => ({ userid: id, email: `u${id}-${jobId}@example.com` })),
          })
        await Promise.all(sent.map((ids) => send(client, emulator, message(ids))))

        const people = new Set(batches.flat())
        for (const id of people) expected.push(`u${id}-${jobId}@example.com`)
        let done = 0
        await emulator.event('recipient.outcome', (event) => event.job === jobId && ++done === people.size)
      },
    ),
    { numRuns: 20, endOnFailure: true },
  )
  // A message whose recipients another one carried looks again a little later; only then is all of it over.
  await expect
    .poll(
      async () => {
        const { queues } = (await (await fetch(`${emulator.url}/_offload/queues`)).json()) as {
          queues: { visible: number; inFlight: number }[]
        }
        return queues.reduce((sum, { visible, inFlight }) => sum + visible + inFlight, 0)
      },
      { timeout: 15_000 },
    )
    .toBe(0)
  const { messages } = await emulator.mailpit.listMessages(0, 10_000)
  expect(messages.map(({ To }) => To[0]?.Address).toSorted()).toEqual(expected.toSorted())
  for (const { event } of emulator.journal.read()) {
    if (event.type === 'job.status') expect(canMoveJob(event.from, event.to), `${event.from} → ${event.to}`).toBe(true)
  }
})

it('with verify_signatures the stand-in’s own signature is taken, and an unsigned message is not', async () => {
  const emulator = await running({ verify_signatures: true })
  const answer = await fetch(`${emulator.url}/_offload/send`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ recipients: 2, mode: 'sqs' }),
  })
  expect(await answer.json()).toMatchObject({ accepted: 2, refused: 0, local: 0 })
  const unsigned = await fetch(emulator.queueUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
    body: JSON.stringify({ QueueUrl: emulator.queueUrl, MessageBody: JSON.stringify(specJob()) }),
  })
  expect([unsigned.status, unsigned.headers.get('x-amzn-query-error')]).toEqual([403, 'AccessDenied;Sender'])
})
