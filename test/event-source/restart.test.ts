import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { expect, it, onTestFinished } from 'vitest'
import type { ConfigInput } from '../../emulator/config.ts'
import { systemClock, virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { running, specJob, type Running } from '../end-to-end/running.ts'

type Own = Running & { readonly clock: VirtualClock }

/** Starts an emulator for a worker outside, on one state and one clock however often. */
const startable = () => {
  const data_dir = mkdtempSync(join(tmpdir(), 'offload-worker-'))
  onTestFinished(() => rmSync(data_dir, { recursive: true, force: true }))
  const clock = virtualClock(systemClock().now())
  return async (config: ConfigInput = {}): Promise<Own> => ({
    ...(await running({ data_dir, worker: 'none', ...config, clock })),
    clock,
  })
}

const client = (emulator: Running) => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const sqs = new SQSClient({ endpoint: emulator.url, region: 'us-east-1', credentials })
  onTestFinished(() => sqs.destroy())
  return {
    async receive() {
      const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: emulator.queueUrl }))
      return message?.ReceiptHandle
    },
    delete: (ReceiptHandle: string | undefined) =>
      sqs.send(new DeleteMessageCommand({ QueueUrl: emulator.queueUrl, ReceiptHandle })),
  }
}

const mail = (emulator: Running, ...to: string[]) =>
  Promise.all(
    to.map((Email) =>
      emulator.mailpit.sendMessage({
        From: { Email: 'noreply@manireports.test' },
        To: [{ Email }],
        Subject: 'Your course',
        HTML: '<p>Dear Ann Archer, it begins.</p>',
      }),
    ),
  )

/** The findings, after time for what may be late. */
const judged = async (emulator: Own) => {
  for (let round = 0; round < 6; round++) {
    await emulator.clock.advance(2000)
    await emulator.job(specJob().job_id)
  }
  return (await emulator.job(specJob().job_id)).findings.map(({ text }) => text)
}

const people = ['Ann', 'Bob'].map((first, index) => ({
  ...specJob().recipients[0],
  userid: index + 1,
  email: `${first.toLowerCase()}@example.com`,
  firstname: first,
  lastname: 'Archer',
}))
const job = () => specJob({ recipients: people })

it('a mail before a restart and the same after it are two mails to one recipient', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  expect(await client(first).receive()).toBeDefined()
  await mail(first, 'ann@example.com', 'bob@example.com')
  await judged(first)
  await first.stop()

  const second = await start()
  await second.clock.advance(31_000)
  const handle = await client(second).receive()
  await mail(second, 'ann@example.com')
  await client(second).delete(handle)
  const findings = await judged(second)
  expect(findings).toContainEqual(expect.stringMatching(/^recipient 1: mailed more than once .* received 2 times/))
  expect(findings.join()).not.toContain('got no mail')
})

it('what a right worker did before a restart is not missed after it', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  const handle = await client(first).receive()
  await mail(first, 'ann@example.com', 'bob@example.com')
  await first.job(job().job_id)
  await first.stop()
  const second = await start({ callback_url: 'http://127.0.0.1:1/elsewhere' })
  await client(second).delete(handle)
  expect((await judged(second)).filter((text) => text.includes('got no mail'))).toEqual([])
})

it('a message that was deleted just before a restart is judged after it', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  await client(first).delete(await client(first).receive())
  await first.job(job().job_id)
  await first.stop()
  const second = await start()
  expect(await judged(second)).toContainEqual(expect.stringMatching(/was deleted although recipients 1, 2 got no mail/))
})

it('one finding stays one over a restart, and is taken back when it turns out otherwise', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  await client(first).delete(await client(first).receive())
  const [before, ...more] = await judged(first)
  expect(more).toEqual([])
  expect(before).toMatch(/recipients 1, 2 got no mail/)
  await first.stop()

  const second = await start()
  expect(await judged(second)).toEqual([before])
  await second.stop()

  const third = await start()
  const { job_id: id } = job()
  const tags = { Tags: [`job-${id}`] }
  const letter = { From: { Email: 'noreply@manireports.test' }, Subject: 's', Text: 't', ...tags }
  await third.mailpit.sendMessage({ ...letter, To: [{ Email: 'ann@example.com' }] })
  await third.mailpit.sendMessage({ ...letter, To: [{ Email: 'bob@example.com' }] })
  expect(await judged(third)).toEqual([])
})

it('html that all got is found where one of them got it before the restart', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  await client(first).receive()
  await mail(first, 'ann@example.com')
  await judged(first)
  await first.stop()
  const second = await start()
  await mail(second, 'bob@example.com')
  expect(await judged(second)).toContainEqual(expect.stringMatching(/^2 people got the same html/))
})

it('a reset forgets what was seen', async () => {
  const start = startable()
  const first = await start()
  await first.submit(job())
  await client(first).delete(await client(first).receive())
  expect(await judged(first)).toHaveLength(1)
  await fetch(`${first.url}/_offload/reset`, { method: 'POST' })
  await first.stop()
  const second = await start()
  await second.submit(job())
  await second.clock.advance(10_000)
  expect((await second.job(job().job_id)).findings).toEqual([])
})
