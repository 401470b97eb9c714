import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../contracts/signature.ts'
import { sleep, systemClock } from '../../emulator/kernel/clock.ts'
import { offload } from '../cli/offload.ts'
import { startEmulator, type RunningEmulator } from '../emulator-process.ts'
import { mailpitBinary, startMailpit } from '../mail/inboxes.ts'
import { startWorker } from './worker-processes.ts'

/*
 * A deployment in four processes: the emulator's queue and bucket without its worker, two `offload worker` on one ledger,
 * and where the mails arrive. Whatever happens to one of the workers: nothing is lost, nobody is mailed twice.
 */

const clock = systemClock()

/** Asks again until `wanted` holds: other processes are waited for. */
async function until<T>(what: string, seconds: number, ask: () => T | Promise<T>, wanted: (value: T) => boolean) {
  const deadline = clock.monotonic() + seconds * 1000
  for (;;) {
    const value = await ask()
    if (wanted(value)) return value
    if (clock.monotonic() > deadline) throw new Error(`${what}: not after ${seconds} s; last: ${JSON.stringify(value)}`)
    await sleep(clock, 50)
  }
}

interface Told {
  readonly recipient_updates: { userid: number; status: string; certificate_url?: string }[]
}

/** Takes callbacks; their last word by recipient. */
async function startReceiver() {
  const told = new Map<number, string>()
  const links = new Map<number, string>()
  let forged = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const callback = JSON.parse(body) as Told & { timestamp: number }
      const signature = String(request.headers['x-signature'])
      const { timestamp } = callback
      if (!verify({ secret: 'shared-secret', body, signature, now: clock.now(), timestamp }).ok) forged++
      for (const { userid, status, certificate_url: link } of callback.recipient_updates) {
        told.set(userid, status)
        if (link !== undefined) links.set(userid, link)
      }
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/callback`, told, links, forged: () => forged }
}

const id = '550e8400-e29b-41d4-a716-446655440000'

function jobOf(recipients: number, callbackUrl: string) {
  return {
    job_id: id,
    tenant_id: 7,
    type: 'send_reminder',
    recipients: Array.from({ length: recipients }, (_, at) => ({
      userid: at + 1,
      email: `somebody-${at + 1}@example.test`,
      firstname: 'Ada',
      lastname: `Number ${at + 1}`,
    })),
    template_data: { course_name: 'Two workers' },
    generate_certificate: true,
    callback_url: callbackUrl,
    timestamp: '2026-01-01T00:00:00Z',
  }
}

/** Submits a job as batches of 20. */
async function submit({ url }: RunningEmulator, job: ReturnType<typeof jobOf>) {
  for (let at = 0; at < job.recipients.length; at += 20) {
    const answer = await fetch(`${url}/jobs`, {
      method: 'POST',
      headers: { authorization: 'Bearer offload-dev-token' },
      body: JSON.stringify({ ...job, recipients: job.recipients.slice(at, at + 20) }),
    })
    expect(answer.status).toBe(202)
  }
}

/** How often each address was mailed, by the inbox's own list. */
async function mailsOf(inbox: string): Promise<Map<string, number>> {
  const mails = new Map<string, number>()
  for (let start = 0; ; start += 500) {
    const answer = await fetch(`${inbox}/api/v1/messages?limit=500&start=${start}`)
    const { messages } = (await answer.json()) as { messages: { To: { Address: string }[] }[] }
    for (const { To } of messages) {
      for (const { Address } of To) mails.set(Address, (mails.get(Address) ?? 0) + 1)
    }
    if (messages.length < 500) return mails
  }
}

function openLedger(path: string) {
  const db = new DatabaseSync(path, { readOnly: true })
  onTestFinished(() => db.close())
  const value = (sql: string) => Object.values(db.prepare(sql).get() ?? {})[0]
  return {
    sent: () => Number(value("SELECT count(*) FROM recipients WHERE status = 'sent'")),
    openCallbacks: () => Number(value("SELECT count(*) FROM callbacks WHERE state <> 'delivered'")),
    ambiguous: () => Number(value('SELECT count(*) FROM journal WHERE body LIKE \'%"mail.ambiguous"%\'')),
  }
}

const temporary = () => {
  const folder = mkdtempSync(join(tmpdir(), 'offload-workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const recipients = 300

interface Deployment {
  /** Whether mails arrive in a real Mailpit, where there is one. */
  readonly mailpit: boolean
  readonly mailRate: number
  /** Whether the workers may ask it what went out. */
  readonly asked?: boolean
  readonly secret?: string
}

async function deployment({ mailpit, mailRate, asked = true, secret = 'shared-secret' }: Deployment) {
  const binary = mailpitBinary()
  const real = mailpit && binary !== undefined ? await startMailpit(binary) : undefined
  if (real !== undefined) onTestFinished(() => real.stop())
  const smtp = real === undefined ? undefined : `${real.smtp.host}:${real.smtp.port}`
  const emulator = await startEmulator([
    '--worker',
    'none',
    '--ephemeral',
    ...(real === undefined || smtp === undefined ? [] : ['--mailpit', real.url, '--smtp', smtp]),
  ])
  onTestFinished(() => emulator.kill())
  const ledger = join(temporary(), 'ledger.db')
  const flags = [
    ...['--queue-url', emulator.queueUrl, '--smtp', emulator.smtp, '--ledger', ledger],
    ...(asked ? ['--mailpit', emulator.inbox] : []),
    ...['--mail-rate', String(mailRate), '--visibility', '4s', '--callback-delay', '0s', '--concurrency', '2'],
  ]
  const start = async () => {
    const worker = await startWorker(flags, { OFFLOAD_CALLBACK_SECRET: secret })
    onTestFinished(() => void worker.end('SIGKILL'))
    return worker
  }
  const workers = await Promise.all([start(), start()])
  return { emulator, workers, start, ledger: openLedger(ledger), receiver: await startReceiver() }
}

describe('two workers on one ledger', () => {
  it('share a job, tell of everybody, and are found without fault', async () => {
    const { emulator, workers, ledger, receiver } = await deployment({ mailpit: false, mailRate: 1000 })
    expect(new Set(workers.map(({ name }) => name)).size).toBe(2)
    await submit(emulator, jobOf(recipients, receiver.url))
    await until(
      'all is told',
      60,
      () => receiver.told.size,
      (size) => size === recipients,
    )
    await until('all is delivered', 10, ledger.openCallbacks, (open) => open === 0)

    const passes = workers.map(({ entries }) => entries.filter(({ event }) => event.type === 'pass.ended').length)
    expect(Math.min(...passes)).toBeGreaterThan(0)
    expect(ledger.sent()).toBe(recipients)
    const mails = await mailsOf(emulator.inbox)
    expect([mails.size, Math.max(...mails.values())]).toEqual([recipients, 1])
    expect(new Set(receiver.told.values())).toEqual(new Set(['completed']))
    expect(receiver.forged()).toBe(0)
    const pdf = await fetch(receiver.links.get(1) ?? '')
    expect([pdf.status, pdf.headers.get('content-type')]).toEqual([200, 'application/pdf'])
    const job = await until(
      'the observer has seen the end',
      15,
      async () =>
        (await (await fetch(`${emulator.url}/_offload/jobs/${id}`)).json()) as {
          status: string
          settled: boolean
          findings: unknown[]
          totals: object
        },
      ({ settled }) => settled,
    )
    expect(job).toMatchObject({ status: 'completed', totals: { sent: recipients, failed: 0 } })
    // What may come after a deletion has come: the verdict is final.
    await sleep(clock, 6000)
    const judged = (await (await fetch(`${emulator.url}/_offload/jobs/${id}`)).json()) as { findings: unknown[] }
    expect(judged.findings).toEqual([])
    expect(await Promise.all(workers.map((worker) => worker.end('SIGTERM')))).toEqual([0, 0])
    expect(workers.map((worker) => worker.stderr().replace(/\s*offload: SIGTERM, stopping\n/, ''))).toEqual(['', ''])
  })

  it('pass the suite for deployments, with the emulator, without its own worker, and a Mailpit', async () => {
    const { emulator } = await deployment({ mailpit: true, mailRate: 1000, secret: 'offload-dev-secret' })
    const ran = await offload(['check', 'cloud', '--url', emulator.url, '--queue-url', emulator.queueUrl])
    expect(ran.stdout).not.toMatch(/^✗/m)
    expect(ran.stdout).toMatch(/\d\d passed, 0 failed\n/)
    expect(ran.code).toBe(0)
  })

  it.for([[0.1], [0.4], [0.7]])(
    'kill -9 of one after %f of the mails loses nothing and mails nobody twice',
    async ([share = 0]) => {
      const { emulator, workers, ledger, receiver } = await deployment({ mailpit: true, mailRate: 100 })
      await submit(emulator, jobOf(recipients, receiver.url))
      await until('mails go out', 60, ledger.sent, (sent) => sent >= share * recipients)
      await workers[0]?.end('SIGKILL')
      expect(ledger.sent()).toBeLessThan(recipients)
      await until('the other one ends it', 60, ledger.sent, (sent) => sent === recipients)
      await until(
        'all is told',
        20,
        () => receiver.told.size,
        (size) => size === recipients,
      )
      await until('all is delivered', 20, ledger.openCallbacks, (open) => open === 0)
      const mails = await mailsOf(emulator.inbox)
      expect([mails.size, Math.max(...mails.values()), ledger.ambiguous()]).toEqual([recipients, 1, 0])
      expect([ledger.sent(), receiver.forged()]).toEqual([recipients, 0])
    },
  )

  it('where nobody can be asked what went out, a second mail is one that was told as ambiguous', async () => {
    const { emulator, workers, ledger, receiver } = await deployment({ mailpit: false, mailRate: 100, asked: false })
    await submit(emulator, jobOf(recipients, receiver.url))
    await until('mails go out', 60, ledger.sent, (sent) => sent >= 0.3 * recipients)
    await workers[0]?.end('SIGKILL')
    await until('the other one ends it', 60, ledger.sent, (sent) => sent === recipients)
    const mails = [...(await mailsOf(emulator.inbox)).values()]
    const twice = mails.filter((count) => count > 1).length
    expect([mails.length, Math.max(...mails) <= 2]).toEqual([recipients, true])
    expect(ledger.ambiguous()).toBeGreaterThanOrEqual(twice)
    // Two messages of 20 were in its hands.
    expect(ledger.ambiguous()).toBeLessThanOrEqual(40)
  })

  it('both killed: a third one goes on with what they left', async () => {
    const { emulator, workers, ledger, receiver, start } = await deployment({ mailpit: true, mailRate: 100 })
    await submit(emulator, jobOf(recipients, receiver.url))
    await until('mails go out', 60, ledger.sent, (sent) => sent >= 0.3 * recipients)
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
    const third = await start()
    expect(third.name).toBe('worker-3')
    await until('the third one ends it', 60, ledger.sent, (sent) => sent === recipients)
    await until(
      'all is told',
      20,
      () => receiver.told.size,
      (size) => size === recipients,
    )
    const mails = await mailsOf(emulator.inbox)
    expect([mails.size, Math.max(...mails.values()), ledger.ambiguous()]).toEqual([recipients, 1, 0])
  })
})
