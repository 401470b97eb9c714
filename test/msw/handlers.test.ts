import http from 'node:http'
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { GetObjectCommand, HeadObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { getResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { createEmulator } from '../../emulator/emulator.ts'
import { offloadHandlers } from '../../emulator/msw/handlers.ts'

// vitest's own.
const before = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap')
const emulator = await createEmulator({ listen: false, ephemeral: true, worker: 'none', seed: 'msw' })
const server = setupServer(...offloadHandlers(emulator))
// No endpoint is named anywhere: the clients call AWS's own hosts.
const client = { region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
const sqs = new SQSClient(client)
const s3 = new S3Client(client)
const Bucket = 'manireports-certificates'

beforeAll(() => server.listen({ onUnhandledFrame: 'error' }))
afterAll(async () => {
  sqs.destroy()
  s3.destroy()
  server.close()
  await emulator.stop()
})

const job = { job_id: 7, recipients: [{ email: 'ada@example.test' }] }

/** A worker as its authors wrote it: it knows nothing of the emulator. */
async function worker(): Promise<void> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'manireports-jobs' }))
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }))
  for (const { Body = '', ReceiptHandle } of Messages) {
    const { job_id, recipients } = JSON.parse(Body) as typeof job
    for (const { email } of recipients) {
      const Key = `certificates/${job_id}/${email}.pdf`
      await s3.send(
        new PutObjectCommand({ Bucket, Key, Body: Buffer.from('%PDF-1.7'), ContentType: 'application/pdf' }),
      )
      const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 3600 })
      const answer = await fetch('https://api.sendgrid.com/v3/mail/send', {
        method: 'POST',
        headers: { authorization: 'Bearer SG.key', 'content-type': 'application/json' },
        body: JSON.stringify({
          personalizations: [{ to: [{ email }] }],
          from: { email: 'noreply@manireports.test' },
          subject: 'Your certificate',
          content: [{ type: 'text/plain', value: link }],
        }),
      })
      expect(answer.status).toBe(202)
    }
    const answer = await fetch(`${emulator.url}/local/manireports/ui/ajax/cloud_callback.php`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ job_id, status: 'completed' }),
    })
    // The stand-in for Moodle wants a signature, as Moodle does.
    expect(answer.status).toBe(401)
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
  }
}

it('a worker that knows nothing of the emulator does its whole job against it, and no port is open', async () => {
  await sqs.send(
    new SendMessageCommand({
      QueueUrl: 'https://sqs.eu-west-1.amazonaws.com/000000000000/manireports-jobs',
      MessageBody: JSON.stringify(job),
    }),
  )
  await worker()

  const about = async (path: string): Promise<unknown> =>
    (await emulator.inject(new Request(`${emulator.url}${path}`))).json()
  expect(await about('/_offload/queues')).toMatchObject({
    queues: expect.arrayContaining([expect.objectContaining({ name: 'manireports-jobs', visible: 0 })]),
  })
  const events = emulator.journal.read().map(({ event }) => event)
  expect(events).toContainEqual(expect.objectContaining({ type: 'mail.submitted', provider: 'sendgrid', queued: 0 }))
  expect(events).toContainEqual(expect.objectContaining({ type: 'moodle.callback', status: 401 }))
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap')).toEqual(before)
})

it('objects come back as they were stored, by the client and by a presigned link', async () => {
  const Key = 'a/ü b.bin'
  const Body = Buffer.from([0, 255, 1, 254, 13, 10])
  await s3.send(new PutObjectCommand({ Bucket, Key, Body }))
  const { Body: stored } = await s3.send(new GetObjectCommand({ Bucket, Key }))
  expect(Buffer.from((await stored?.transformToByteArray()) ?? []).equals(Body)).toBe(true)
  expect(await s3.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({ ContentLength: 6 })
  const link = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 60 })
  expect(new URL(link).host).toBe(`${Bucket}.s3.eu-west-1.amazonaws.com`)
  const answer = await fetch(link)
  expect(answer.status).toBe(200)
  expect(Buffer.from(await answer.arrayBuffer()).equals(Body)).toBe(true)
  expect((await fetch(link.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).status).toBe(403)
})

it('errors are those of the service', async () => {
  await expect(s3.send(new GetObjectCommand({ Bucket, Key: 'absent' }))).rejects.toThrow(NoSuchKey)
  await expect(sqs.send(new GetQueueUrlCommand({ QueueName: 'absent' }))).rejects.toMatchObject({
    name: 'QueueDoesNotExist',
  })
  const refused = await fetch('https://api.mailgun.net/v3/mg.test/messages', { method: 'POST' })
  expect(refused.status).toBe(401)
  expect((await fetch('https://api.mailchannels.net/tx/v1/send', { method: 'POST' })).status).toBe(401)
  expect(
    await (
      await fetch('https://api.cloudflare.com/client/v4/accounts/a/email/sending/send', { method: 'POST' })
    ).json(),
  ).toMatchObject({
    errors: [{ code: 10101 }],
  })
})

it("calls made with Node's own http client are answered too; those to other hosts are not", async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = http.request('http://api.sendgrid.com/v3/mail/send', { method: 'POST' }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
    call.on('error', reject)
    call.end('{}')
  })
  expect(status).toBe(401)
  expect(await getResponse(offloadHandlers(emulator), new Request('https://example.test/'))).toBeUndefined()
})

it('dual-stack hosts and those of an R2 jurisdiction are answered as the others are', async () => {
  const dual = { ...client, useDualstackEndpoint: true }
  const storage = new S3Client(dual)
  const queues = new SQSClient(dual)
  onTestFinished(() => [storage, queues].forEach((one) => one.destroy()))
  await storage.send(new PutObjectCommand({ Bucket, Key: 'dual.pdf', Body: '%PDF' }))
  const link = await getSignedUrl(storage, new GetObjectCommand({ Bucket, Key: 'dual.pdf' }), { expiresIn: 60 })
  expect(new URL(link).host).toBe(`${Bucket}.s3.dualstack.eu-west-1.amazonaws.com`)
  expect(await (await fetch(link)).text()).toBe('%PDF')
  expect(await queues.send(new GetQueueUrlCommand({ QueueName: 'manireports-jobs' }))).toHaveProperty('QueueUrl')

  const account = '0123456789abcdef0123456789abcdef'
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const r2 = new S3Client({ region: 'auto', endpoint: `https://${account}.eu.r2.cloudflarestorage.com`, credentials })
  onTestFinished(() => r2.destroy())
  const { Body } = await r2.send(new GetObjectCommand({ Bucket, Key: 'dual.pdf' }))
  expect(await Body?.transformToString()).toBe('%PDF')
})
