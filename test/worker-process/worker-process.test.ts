import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { openStore } from '../../emulator/kernel/store.ts'
import {
  startWorkerProcess,
  type WorkerProcess,
  type WorkerProcessOptions,
} from '../../emulator/worker-process/worker-process.ts'
import type { JournalEvent, JournalEventType } from '../../contracts/events.ts'
import { startReceiver } from '../callbacks/receiver.ts'
import { running, type Running } from '../end-to-end/running.ts'

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test')
  vi.stubEnv('AWS_REGION', 'us-east-1')
})
afterEach(() => void vi.unstubAllEnvs())

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'offload-worker-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function optionsFor(emulator: Running, changes: Partial<WorkerProcessOptions> = {}): WorkerProcessOptions {
  return {
    clock: systemClock(),
    queueUrl: emulator.queueUrl,
    bucket: 'manireports-certificates',
    ledger: join(folder(), 'ledger.db'),
    smtp: emulator.smtp,
    mailpit: emulator.inbox,
    mailFrom: 'ManiReports <noreply@manireports.test>',
    concurrency: 2,
    visibilityMs: 30_000,
    verifyBase: 'http://verify.test',
    templates: 'certificate-templates',
    settingsOf: () => ({
      presignedUrlTtlSeconds: 3600,
      certificateDelivery: 'link',
      locale: 'en',
      issuer: 'ManiReports Academy',
    }),
    callbacks: {
      targetOf: () => ({ secret: 'offload-dev-secret', token: 'offload-dev-plugin-token' }),
      delayMs: 0,
      timeoutMs: 10_000,
      retryScheduleMs: [5000],
      connectTo: [],
      allowHosts: [],
    },
    retrySchedule: [5000],
    bounceWindowMs: 0,
    onRecovered: () => undefined,
    onError: (error) => {
      throw error
    },
    ...changes,
  }
}

async function working(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const worker = await startWorkerProcess(options)
  onTestFinished(() => worker.stop())
  return worker
}

/** Resolves when the journal has an entry that fits. */
function event<Type extends JournalEventType>(
  { journal }: Pick<WorkerProcess, 'journal'>,
  type: Type,
  fits: (event: Extract<JournalEvent, { type: Type }>) => boolean = () => true,
): Promise<Extract<JournalEvent, { type: Type }>> {
  return new Promise((resolve) => {
    const look = (candidate: JournalEvent) => {
      if (candidate.type !== type || !fits(candidate as never)) return
      unsubscribe()
      resolve(candidate as never)
    }
    const unsubscribe = journal.subscribe((entry) => look(entry.event))
    for (const entry of journal.read()) look(entry.event)
  })
}

const jobOf = (id: string, recipients: readonly object[], more: object = {}) => ({
  job_id: id,
  tenant_id: 7,
  type: 'send_reminder',
  recipients,
  template_data: { course_name: 'A worker of its own' },
  timestamp: '2026-01-01T00:00:00Z',
  ...more,
})

const person = (userid: number, email = `somebody-${userid}@example.test`) => ({ userid, email, firstname: 'Ada' })

describe('beside an emulator without its worker', () => {
  it('takes a job all the way: certificate, mail, signed callback; bounces as SES has them', async () => {
    const emulator = await running({ worker: 'none' })
    const receiver = await startReceiver()
    const worker = await working(optionsFor(emulator))
    expect(worker).toMatchObject({ name: 'worker-1', deadLetters: 'manireports-jobs-dlq' })
    const people = [person(1), person(2, 'bounce+x@simulator.amazonses.com')]
    await emulator.submit(jobOf('job-1', people, { generate_certificate: true, callback_url: receiver.url }))
    await event(worker, 'callback.settled')
    await event(worker, 'callback.settled', () => receiver.requests.length === 2)

    const updates = receiver.requests.flatMap(
      ({ body }) => (JSON.parse(String(body)) as { recipient_updates: Record<string, unknown>[] }).recipient_updates,
    )
    expect(updates.filter(({ userid }) => userid === 1)).toMatchObject([{ status: 'completed' }])
    expect(updates.findLast(({ userid }) => userid === 2)).toMatchObject({
      status: 'failed',
      error_message: expect.stringMatching(/^Bounce: Permanent\/General 5\.1\.1/),
    })
    const pdf = await fetch(String(updates[0]?.['certificate_url']))
    expect(
      Buffer.from(await pdf.arrayBuffer())
        .subarray(0, 5)
        .toString(),
    ).toBe('%PDF-')
    const { messages } = await emulator.mailpit.listMessages()
    expect(messages.map(({ To, Tags }) => [To[0]?.Address, Tags])).toEqual([['somebody-1@example.test', ['job-job-1']]])
    expect((await emulator.job('job-1')).totals).toMatchObject({ sent: 1, failed: 0 })
  })

  it('what cannot be read goes to the dead-letter queue with its reason', async () => {
    const emulator = await running({ worker: 'none' })
    const worker = await working(optionsFor(emulator))
    const sqs = new SQSClient({ endpoint: emulator.url })
    onTestFinished(() => sqs.destroy())
    const MessageAttributes = { CompanyId: { DataType: 'Number', StringValue: '7' } }
    await sqs.send(
      new SendMessageCommand({ QueueUrl: emulator.queueUrl, MessageBody: '{"no":"job"}', MessageAttributes }),
    )
    const stuck = async () => {
      const answer = await fetch(`${emulator.url}/_offload/queues/manireports-jobs-dlq/messages`)
      return ((await answer.json()) as { messages: { reason?: string }[] }).messages
    }
    await vi.waitFor(async () => expect(await stuck()).toHaveLength(1), { timeout: 5000, interval: 20 })
    expect((await stuck())[0]?.reason).toMatch(/^the message fits no dialect/)
    expect(await event(worker, 'message.dead')).toMatchObject({ queue: 'manireports-jobs' })
  })

  it('stopped in the middle it gives back what it has not begun, and the next one ends it', async () => {
    const emulator = await running({ worker: 'none' })
    const options = optionsFor(emulator, { mailRate: 40, concurrency: 1 })
    const first = await startWorkerProcess(options)
    await emulator.submit(
      jobOf(
        'job-1',
        Array.from({ length: 60 }, (_, at) => person(at + 1)),
      ),
    )
    await event(first, 'job.status', ({ to }) => to === 'processing')
    await first.stop()
    expect(readdirSync(`${options.ledger}-holders`)).toEqual([])
    const second = await working({ ...options, mailRate: undefined })
    expect(second.name).toBe('worker-2')
    await event(second, 'job.status', ({ to }) => to === 'completed')
    const { messages_count: mails } = await emulator.mailpit.listMessages()
    expect(mails).toBe(60)
  })
})

describe('what keeps it from starting', () => {
  const refusal = async (changes: (emulator: Running) => Partial<WorkerProcessOptions>) => {
    const emulator = await running({ worker: 'none' })
    const options = optionsFor(emulator, changes(emulator))
    const error: unknown = await startWorkerProcess(options).then(
      (worker) => worker.stop(),
      (thrown: unknown) => thrown,
    )
    return { error, options }
  }

  it('a queue or a bucket that is not there; no ledger is made', async () => {
    const queue = await refusal(({ queueUrl }) => ({ queueUrl: `${queueUrl}-typo` }))
    expect(queue.error).toMatchObject({ code: 'queue-not-found', message: expect.stringContaining('-typo') })
    expect(existsSync(queue.options.ledger)).toBe(false)
    const bucket = await refusal(() => ({ bucket: 'elsewhere' }))
    expect(bucket.error).toMatchObject({ code: 'bucket-not-found', message: expect.stringContaining('elsewhere') })
  })

  it('a mail server that is away, does not greet as one, or is out in the internet', async () => {
    const away = await refusal(() => ({ smtp: '127.0.0.1:1' }))
    expect(away.error).toMatchObject({ code: 'smtp-unreachable', message: expect.stringContaining('127.0.0.1:1') })
    const other = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'))
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    expect((await refusal(() => ({ smtp: `127.0.0.1:${port}` }))).error).toMatchObject({ code: 'smtp-unreachable' })
    const outside = await refusal(() => ({ smtp: '192.0.2.1:25' }))
    expect(outside.error).toMatchObject({ code: 'smtp-host-public', message: expect.stringContaining('never relays') })
  })

  it('a Mailpit that does not answer', async () => {
    const { error } = await refusal(() => ({ mailpit: 'http://127.0.0.1:1' }))
    expect(error).toMatchObject({ code: 'mailpit-unreachable' })
  })

  it("a ledger that is no ledger: some file, a folder, an emulator's own state", async () => {
    const place = folder()
    writeFileSync(join(place, 'text.db'), 'no database at all, but long enough to be taken for one'.repeat(100))
    const state = openStore({ directory: place })
    boot({ store: state })
    state.close()
    for (const [ledger, code, words] of [
      [join(place, 'text.db'), 'ledger-unusable', 'file is not a database'],
      [place, 'ledger-unusable', 'unable to open database file'],
      [join(place, 'state.db'), 'state-of-another', 'the state of an emulator'],
    ] as const) {
      const { error } = await refusal(() => ({ ledger }))
      expect(error).toMatchObject({ code, message: expect.stringContaining(words) })
    }
  })
})
