import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ConfigInput } from '../../emulator/config.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'
import { overAt } from '../../emulator/worker/observer/ending.ts'
import type { ObservedMessage, Observations } from '../../emulator/worker/observer/observations.ts'
import { running, specJob, type Running } from '../end-to-end/running.ts'

describe('when nothing more is to be seen of a job', () => {
  const message = (...judgedFrom: number[]): ObservedMessage => ({
    messageId: 'm',
    recipients: ['1'],
    receives: [],
    deletions: judgedFrom.map((at) => ({ at: at - 5000, receiptHandle: 'h', judgedFrom: at })),
  })
  const recipient = { key: '1', userid: 1, email: 'ann@example.com', data: {}, contentHash: '1' }
  const at = (changes: Partial<Observations>, endedAt?: number) =>
    overAt(
      {
        messages: [message()],
        callbacks: [],
        recipients: new Map([['1', recipient]]),
        sees: { mails: true, callbacks: true },
        ...changes,
      } as Observations,
      { endedAt, graceMs: 5000 },
    )
  const callback = (changes: object = {}) => ({
    at: 3000,
    path: '/',
    status: 200,
    reason: '',
    updates: [{ userid: '1', status: 'completed' as const }],
    ...changes,
  })

  it('all have their outcome: as soon as callbacks have spoken of all, else when they have had their time', () => {
    expect(at({}, 2000)).toBe(7000)
    expect(at({ callbacks: [callback()] }, 2000)).toBe(2000)
    expect(at({ callbacks: [callback({ status: 403 })] }, 2000)).toBe(2000)
    expect(at({ callbacks: [callback({ updates: [] })] }, 2000)).toBe(2000)
    expect(at({ callbacks: [callback({ updates: [{ userid: '2', status: 'completed' }] })] }, 2000)).toBe(7000)
    expect(at({ sees: { mails: true, callbacks: false } }, 2000)).toBe(2000)
  })

  it('some have none: when what may come after the last deletion has had its time, and not before each was deleted', () => {
    expect(at({})).toBeUndefined()
    expect(at({ messages: [message(6000), message()] })).toBeUndefined()
    expect(at({ messages: [message(6000), message(4000, 9000)] })).toBe(9000)
  })
})

describe('a job of a worker outside', () => {
  const start = async (config: ConfigInput = {}) => {
    const clock = virtualClock(systemClock().now())
    const emulator = await running({ worker: 'none', ...config, clock })
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
    const sqs = new SQSClient({ endpoint: emulator.url, region: 'us-east-1', credentials })
    onTestFinished(() => sqs.destroy())
    /** What a worker does with a message, but for the callback. */
    const take = async (work: (emulator: Running) => Promise<unknown> = () => Promise.resolve()) => {
      const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: emulator.queueUrl }))
      await work(emulator)
      await sqs.send(new DeleteMessageCommand({ QueueUrl: emulator.queueUrl, ReceiptHandle: message?.ReceiptHandle }))
    }
    return { emulator, clock, sqs, take }
  }
  const job = specJob({ recipients: [{ userid: 1, email: 'ann@example.com', firstname: 'Ann', lastname: 'Archer' }] })
  const calledBack = ({ url }: Running) => ({
    ...job,
    callback_url: `${url}/local/manireports/ui/ajax/cloud_callback.php`,
  })
  const mail = (emulator: Running) =>
    emulator.mailpit.sendMessage({
      From: { Email: 'noreply@manireports.test' },
      To: [{ Email: 'ann@example.com' }],
      Subject: 'Your course',
      HTML: '<p>It begins.</p>',
    })
  const look = async (emulator: Running) => {
    const { settled, status, totals } = await emulator.job(job.job_id)
    return [settled, status, totals.pending]
  }
  const after = async ({ emulator, clock }: Awaited<ReturnType<typeof start>>, milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 500) {
      await clock.advance(500)
      await look(emulator)
    }
    return await look(emulator)
  }

  it('that mailed and called nobody back is settled when a callback would have come', async () => {
    const at = await start()
    await at.emulator.submit(calledBack(at.emulator))
    await at.take(mail)
    expect(await after(at, 3000)).toEqual([false, 'completed', 0])
    expect(await after(at, 4000)).toEqual([true, 'completed', 0])
  })

  it('that nobody saw do anything but delete its message is settled too, with whom it left open', async () => {
    const at = await start()
    await at.emulator.submit(calledBack(at.emulator))
    await at.take()
    expect(await after(at, 3000)).toEqual([false, 'processing', 1])
    expect(await after(at, 4000)).toEqual([true, 'processing', 1])
  })

  it('is settled when what was found of it has been said, not before', async () => {
    const data_dir = mkdtempSync(join(tmpdir(), 'offload-ending-'))
    onTestFinished(() => rmSync(data_dir, { recursive: true, force: true }))
    const at = await start({ data_dir })
    await at.emulator.submit(calledBack(at.emulator))
    const state = new DatabaseSync(join(data_dir, 'state.db'), { readOnly: true })
    onTestFinished(() => state.close())
    const found: unknown[] = []
    at.emulator.journal.subscribe(({ event }) => {
      if (event.type === 'job.finding') found.push(state.prepare('SELECT observed FROM jobs').get()?.['observed'])
    })
    await at.take()
    expect(await after(at, 7000)).toEqual([true, 'processing', 1])
    expect(new Set(found)).toEqual(new Set(['open']))
  })

  it('is settled although so many others have come since that it is watched no more', async () => {
    const at = await start()
    await at.emulator.submit(calledBack(at.emulator))
    await at.take(mail)
    expect(await after(at, 1000)).toEqual([false, 'completed', 0])
    for (let batch = 0; batch < 100; batch++) {
      const Entries = Array.from({ length: 10 }, (_, nth) => ({
        Id: String(nth),
        MessageBody: JSON.stringify({ ...job, job_id: `other-${batch}-${nth}` }),
      }))
      await at.sqs.send(new SendMessageBatchCommand({ QueueUrl: at.emulator.queueUrl, Entries }))
    }
    expect(await after(at, 7000)).toEqual([true, 'completed', 0])
  })

  it('is settled after a restart as well, also with the own worker', async () => {
    for (const worker of ['none', 'builtin']) {
      const data_dir = mkdtempSync(join(tmpdir(), 'offload-ending-'))
      onTestFinished(() => rmSync(data_dir, { recursive: true, force: true }))
      const first = await start({ data_dir })
      await first.emulator.submit(calledBack(first.emulator))
      await first.take(mail)
      expect(await after(first, 1000)).toEqual([false, 'completed', 0])
      await first.emulator.stop()
      const second = await start({ data_dir, worker })
      expect(await after(second, 7000)).toEqual([true, 'completed', 0])
    }
  })
})
