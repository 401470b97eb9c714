import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { expect, it, onTestFinished } from 'vitest'
import type { ConfigInput } from '../../emulator/config.ts'
import { systemClock, virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { running, specJob, type Running } from '../end-to-end/running.ts'

const workers = join(import.meta.dirname, '..', 'workers')
const python = '/usr/bin/python3'

type Own = Running & { readonly clock: VirtualClock }

/** An emulator whose time stands still until the test moves it, from now: the workers' own clock goes on the wire. */
const own = async (config: ConfigInput): Promise<Own> => {
  const clock = virtualClock(systemClock().now())
  return { ...(await running({ worker_concurrency: 1, ...config, clock })), clock }
}

/** A folder that goes with the test. */
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'offload-worker-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

/** One of the Python workers as a child process; `environment` stands before the command, as one would type it. */
const withExec = (worker: string, environment: Record<string, string> = {}, config: ConfigInput = {}) => {
  const variables = Object.entries({ WORKER_MAIL: 'smtp', SENT_DB: join(folder(), 'sent.db'), ...environment }).map(
    ([name, value]) => `${name}='${value}'`,
  )
  const command = `cd '${workers}' && ${variables.join(' ')} exec ${python} line.py ${worker}`
  return own({ worker: `exec:${command}`, ...config })
}

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The same worker behind the address of Lambda's Runtime Interface Emulator. */
const withLambda = async (worker: string, config: ConfigInput = {}) => {
  const port = await freePort()
  const emulator = await own({ worker: `lambda:http://127.0.0.1:${port}`, ...config })
  const child = spawn(python, ['endpoint.py', worker, String(port)], {
    cwd: workers,
    env: {
      ...process.env,
      WORKER_MAIL: 'smtp',
      SENT_DB: join(folder(), 'sent.db'),
      SMTP_HOST: '127.0.0.1',
      SMTP_PORT: emulator.smtp.split(':')[1],
      AWS_ENDPOINT_URL: emulator.url,
      CALLBACK_SECRET: emulator.config.cloud_callback_secret,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill())
  await once(child.stdout, 'data')
  return emulator
}

/** A job of the stand-in's, so that its callbacks can be seen; its id. */
const submit = async (emulator: Running, request: object = {}): Promise<string> => {
  const body = JSON.stringify({ type: 'reminder', recipients: 3, mode: 'sqs', ...request })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${emulator.url}/_offload/send`, { method: 'POST', headers, body })
  expect(answer.status, await answer.clone().text()).toBe(202)
  return ((await answer.json()) as { jobIds: string[] }).jobIds[0] ?? ''
}

const client = (emulator: Running) => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const sqs = new SQSClient({ endpoint: emulator.url, region: 'us-east-1', credentials })
  onTestFinished(() => sqs.destroy())
  return sqs
}

/** The findings, after time for what may be late; what was seen is written down in turn, and each request gives it time. */
const afterGrace = async (emulator: Own, job: string) => {
  for (let round = 0; round < 4; round++) {
    await emulator.clock.advance(2000)
    await emulator.job(job)
  }
  return (await emulator.job(job)).findings.map(({ text }) => text)
}

/** The same, once the worker has been invoked so many times. */
const judged = async (emulator: Own, job: string, invocations = 1) => {
  let seen = 0
  await emulator.event('worker.invoked', () => ++seen === invocations)
  return await afterGrace(emulator, job)
}

it.each([
  ['exec', withExec],
  ['lambda', withLambda],
])('a right worker under %s has no findings, and its job completes', async (_, start) => {
  const emulator = await start('right')
  const job = await submit(emulator, { recipients: 5 })
  expect(await judged(emulator, job)).toEqual([])

  const view = await emulator.job(job)
  expect(view).toMatchObject({ status: 'completed', totals: { recipients: 5, sent: 5, failed: 0, pending: 0 } })
  expect((await emulator.mailpit.listMessages()).total).toBe(5)
  const { Attributes } = await client(emulator).send(
    new GetQueueAttributesCommand({ QueueUrl: emulator.queueUrl, AttributeNames: ['All'] }),
  )
  expect(Attributes).toMatchObject({ ApproximateNumberOfMessages: '0', ApproximateNumberOfMessagesNotVisible: '0' })
})

// Debian's package: the boto3 that plugin developers on a server have.
const hasBoto3 = existsSync('/usr/lib/python3/dist-packages/boto3')
it.skipIf(!hasBoto3)('a right worker mails by SES, stores certificates, and tells their links', async () => {
  const emulator = await withExec('right', { WORKER_MAIL: 'ses' })
  const job = await submit(emulator, { certificate: true, recipients: 2 })
  expect(await judged(emulator, job)).toEqual([])
  const answer = await fetch(`${emulator.url}/_offload/jobs/${job}/recipients`)
  const { recipients } = (await answer.json()) as { recipients: { certificate_url: string; status: string }[] }
  expect(recipients.map(({ status }) => status)).toEqual(['sent', 'sent'])
  const certificate = await fetch(recipients[0]?.certificate_url ?? '')
  expect(certificate.status).toBe(200)
  expect(await certificate.text()).toMatch(/^Certificate of /)
})

it.each([
  ['exec', withExec],
  ['lambda', withLambda],
])("a naive worker under %s: one html for all, a callback to nobody's address", async (_, start) => {
  const emulator = await start('naive')
  const job = await submit(emulator)
  const findings = await judged(emulator, job)
  expect(findings).toHaveLength(2)
  expect(findings).toContainEqual(expect.stringMatching(/POST \/local\/manireports\/callback.php was answered 404/))
  expect(findings).toContainEqual(expect.stringMatching(/^3 people got the same html, .* of recipient \d+ alone/))
  // Sent is what was seen: the mails.
  expect(await emulator.job(job)).toMatchObject({ status: 'completed', totals: { sent: 3 } })
})

const path = '/local/manireports/ui/ajax/cloud_callback.php'

it('a callback with a wrong signature', async () => {
  const emulator = await withExec('naive', { NAIVE_PATH: path })
  const job = await submit(emulator, { recipients: 1 })
  expect(await judged(emulator, job)).toEqual([expect.stringMatching(/answered 401 .*HMAC-SHA256/)])
})

it('a message deleted without a callback', async () => {
  const emulator = await withExec('naive', { NAIVE_CALLS_BACK: 'no' })
  const job = await submit(emulator, { recipients: 1 })
  expect(await judged(emulator, job)).toEqual([expect.stringMatching(/was deleted, and no callback has told/)])
})

it('a failure that was swallowed, and told as a success', async () => {
  const emulator = await withExec('naive', {
    NAIVE_PATH: path,
    NAIVE_SECRET: 'offload-dev-secret',
    SMTP_PORT: '1',
  })
  const job = await submit(emulator, { recipients: 2 })
  expect(await judged(emulator, job)).toEqual([expect.stringMatching(/got no mail, and the callback calls them sent/)])
  // Nobody has seen them sent.
  expect(await emulator.job(job)).toMatchObject({ status: 'processing', totals: { sent: 0, failed: 0, pending: 2 } })
})

it('an exception after the mails: the batch comes again, and everybody is mailed twice', async () => {
  const emulator = await withExec('naive', { NAIVE_CRASHES: '1', NAIVE_CALLS_BACK: 'no' })
  const job = await submit(emulator, { recipients: 1 })
  expect(await judged(emulator, job)).toEqual([expect.stringMatching(/^1 invocation failed/)])
  await emulator.clock.advance(30_000)
  const again = await judged(emulator, job, 2)
  expect(again).toHaveLength(2)
  expect(again).toContainEqual(expect.stringMatching(/mailed more than once \(up to 2 mails\).* was received 2 times/))
  expect(again).toContainEqual(
    expect.stringMatching(/^2 invocations failed.*RuntimeError: lost the connection to \(address\)/),
  )
  expect(JSON.stringify(emulator.journal.read())).not.toContain('ann@example.com')
})

it('a visibility timeout that is too short: the message comes again while the first invocation still runs', async () => {
  const go = join(folder(), 'go')
  const environment = { NAIVE_WAITS_FOR: go, NAIVE_PATH: path, NAIVE_SECRET: 'offload-dev-secret' }
  const emulator = await withExec('naive', environment, { worker_concurrency: 2, worker_timeout: '15m' })
  const job = await submit(emulator, { recipients: 1 })
  await emulator.event('recipient.outcome')
  await emulator.clock.advance(31_000)
  expect(await afterGrace(emulator, job)).toContainEqual(
    expect.stringMatching(/received again after 3\d(\.\d)? s, while .*at work/),
  )
  writeFileSync(go, '')
  const findings = await judged(emulator, job, 2)
  expect(findings).toContainEqual(expect.stringContaining("at least 6 times the function's timeout"))
  expect(findings).toContainEqual(expect.stringContaining('mailed more than once'))
})

it('with --worker none, whoever polls the queue is judged the same', async () => {
  const emulator = await own({ worker: 'none' })
  const sqs = client(emulator)
  const QueueUrl = emulator.queueUrl
  const job = await submit(emulator, { recipients: 1, dialect: 'plugin', tenant: 7 })
  expect(await emulator.job(job)).toMatchObject({ status: 'queued', tenant_id: 7, dialect: 'plugin' })
  // Without its attributes the message does not say whose it is.
  const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }))
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }))
  const findings = [
    expect.stringMatching(/no callback has told/),
    expect.stringMatching(/got no mail, and no callback calls them failed/),
  ]
  expect(await afterGrace(emulator, job)).toEqual(findings)
  expect(await emulator.job(job)).toMatchObject({
    status: 'processing',
    tenant_id: 7,
    findings: findings.map((text) => ({ recipient: null, text })),
  })
})

it('claims nothing of what it cannot see: callbacks that go to a Moodle elsewhere', async () => {
  const emulator = await own({ worker: 'none' })
  const sqs = client(emulator)
  const QueueUrl = emulator.queueUrl
  const body = specJob({ callback_url: 'http://moodle.test/callback.php', recipients: [specJob().recipients[0]] })
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }))
  const { Messages: [message] = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ['All'] }),
  )
  await emulator.mailpit.sendMessage({
    From: { Email: 'noreply@manireports.test' },
    To: [{ Email: 'user1@example.com' }],
    Subject: 'Your course',
    Text: 'It begins.',
  })
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }))
  await emulator.event('job.status', ({ to }) => to === 'completed')
  expect(await afterGrace(emulator, body.job_id)).toEqual([])
})
