import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { SendEmailCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { expect, it, onTestFinished } from 'vitest'
import type { RuleInput } from '../../contracts/faults/rule.ts'
import type { ConfigInput } from '../../emulator/config.ts'
import { systemClock, virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { running, specJob, type Running } from '../end-to-end/running.ts'

type Own = Running & { readonly clock: VirtualClock }

const start = async (config: ConfigInput = {}, clock = virtualClock(systemClock().now())): Promise<Own> => ({
  ...(await running({ worker: 'none', ...config, clock })),
  clock,
})

interface Person {
  readonly userid: number
  readonly email: string
}

/** A worker's steps, by the SDK. */
const worker = (emulator: Own) => {
  const given = { endpoint: emulator.url, region: 'us-east-1', maxAttempts: 1 }
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const [sqs, ses] = [new SQSClient({ ...given, credentials }), new SESv2Client({ ...given, credentials })]
  onTestFinished(() => [sqs, ses].forEach((client) => client.destroy()))
  const QueueUrl = emulator.queueUrl
  return {
    async receive() {
      const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }))
      const { ReceiptHandle, Body = '' } = message ?? expect.fail('the queue is empty')
      const job = JSON.parse(Body) as { job_id: string; callback_url: string; recipients: Person[] }
      return { ...job, ReceiptHandle }
    },
    delete: ({ ReceiptHandle }: { ReceiptHandle: string | undefined }) =>
      sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle })),
    mail: ({ email }: Person) =>
      ses.send(
        new SendEmailCommand({
          FromEmailAddress: 'noreply@manireports.test',
          Destination: { ToAddresses: [email] },
          Content: { Simple: { Subject: { Data: 'Course' }, Body: { Html: { Data: `<p>${email}</p>` } } } },
        }),
      ),
    callBack({ job_id, callback_url, recipients }: { job_id: string; callback_url: string; recipients: Person[] }) {
      const recipient_updates = recipients.map(({ userid }) => ({ userid, status: 'completed' }))
      const timestamp = Math.floor(emulator.clock.now() / 1000)
      const body = JSON.stringify({ job_id, recipient_updates, timestamp })
      const signature = createHmac('sha256', emulator.config.cloud_callback_secret).update(body).digest('hex')
      return fetch(callback_url, { method: 'POST', headers: { 'x-signature': signature }, body })
    },
  }
}

/** A job of the stand-in's for two people. */
const submit = async (emulator: Own) => {
  const body = JSON.stringify({ type: 'reminder', recipients: 2, mode: 'sqs' })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${emulator.url}/_offload/send`, { method: 'POST', headers, body })
  expect(answer.status).toBe(202)
  return ((await answer.json()) as { jobIds: string[] }).jobIds[0] ?? ''
}

/** The job, after time for what may be late. */
const later = async (emulator: Own, id: string, milliseconds = 2000) => {
  for (let round = 0; round < 4; round++) {
    await emulator.clock.advance(milliseconds)
    await emulator.job(id)
  }
  return await emulator.job(id)
}
const texts = (view: Awaited<ReturnType<typeof later>>) => view.findings.map(({ text }) => text)

const rule = (at: RuleInput['at'], effect: RuleInput['then'], when: RuleInput['when'] = {}): RuleInput => ({
  at,
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- the rule's own name for it
  then: effect,
})
const soft = rule('mail.accept', { bounce: 'soft' })
const hard = rule('mail.accept', { bounce: 'hard' })

it.each<[string, RuleInput[]]>([
  ['arrives', []],
  ['bounces, since the mailbox is full', [soft]],
  ['bounces for ever', [hard]],
  ['is put off by its server and arrives later', [rule('inbox.accept', { error: 451 }, { times: 1 })]],
  ['comes twice', [rule('inbox.accept', 'duplicate', { times: 1 })]],
])('a worker whose mails a provider took did its part: the mail %s', async (_, faults) => {
  const emulator = await start({ faults })
  const id = await submit(emulator)
  const does = worker(emulator)
  const job = await does.receive()
  for (const recipient of job.recipients) await does.mail(recipient)
  await does.callBack(job)
  await does.delete(job)
  const view = await later(emulator, id)
  expect(texts(view)).toEqual([])
  expect(view).toMatchObject({ status: 'completed', totals: { sent: 2, failed: 0, pending: 0 } })
  expect(texts(await later(emulator, id, 900_000))).toEqual([])
})

it('a mail that was put off before a restart and arrives after it is one mail', async () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'offload-worker-'))
  onTestFinished(() => rmSync(data_dir, { recursive: true, force: true }))
  const first = await start({ data_dir, faults: [rule('inbox.accept', { error: 451 })] })
  const id = await submit(first)
  for (const recipient of (await worker(first).receive()).recipients) await worker(first).mail(recipient)
  await later(first, id)
  await first.stop()

  const second = await start({ data_dir, faults: [] }, first.clock)
  await second.clock.advance(31_000)
  const does = worker(second)
  const job = await does.receive()
  // They come while the message is in flight once more.
  while ((await second.mailpit.listMessages()).total < 2) await second.clock.advance(60_000)
  await does.callBack({ ...job, callback_url: job.callback_url.replace(first.url, second.url) })
  await does.delete(job)
  expect(texts(await later(second, id))).toEqual([])
})

it('a mail that bounces, sent again and again, is found', async () => {
  const emulator = await start({ faults: [hard] })
  const id = await submit(emulator)
  const does = worker(emulator)
  const job = await does.receive()
  for (const recipient of [...job.recipients, ...job.recipients.slice(1), ...job.recipients.slice(1)]) {
    await does.mail(recipient)
  }
  await does.callBack(job)
  await does.delete(job)
  expect(texts(await later(emulator, id))).toEqual([
    expect.stringMatching(
      /^recipient \d+: mailed more than once \(up to 3 mails\); no message was received more than once\. .*bounced/,
    ),
  ])
})

it('mailed is whom the envelope names, whoever the header names', async () => {
  const emulator = await start()
  const id = await submit(emulator)
  const does = worker(emulator)
  const job = await does.receive()
  const to = job.recipients.map(({ email }) => email).join(', ')
  for (const { email } of job.recipients) {
    const body = new URLSearchParams({
      Action: 'SendRawEmail',
      Version: '2010-12-01',
      'Destinations.member.1': email,
      'RawMessage.Data': btoa(`From: noreply@manireports.test\r\nTo: ${to}\r\nSubject: s\r\n\r\nhello`),
    })
    expect((await fetch(emulator.url, { method: 'POST', body })).status).toBe(200)
  }
  await does.callBack(job)
  await does.delete(job)
  expect(texts(await later(emulator, id))).toEqual([])
})

it.each<[string, RuleInput[]]>([
  ['arrives', []],
  ['bounces', [soft]],
])('knows an internationalised address in the form in which it was mailed: the mail %s', async (_, faults) => {
  const emulator = await start({ faults })
  const { job_id: id, recipients } = specJob()
  await emulator.submit(specJob({ recipients: [{ ...recipients[0], email: 'Jo@Bücher.example' }] }))
  const does = worker(emulator)
  const job = await does.receive()
  for (const recipient of job.recipients) await does.mail(recipient)
  await does.delete(job)
  expect(texts(await later(emulator, id))).toEqual([])
})
