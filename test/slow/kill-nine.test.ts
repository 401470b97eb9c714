import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmulator, type RunningEmulator } from '../emulator-process.ts'
import { sleep, systemClock } from '../../emulator/kernel/clock.ts'
import { mailpitBinary, startMailpit } from '../mail/inboxes.ts'

/*
 * `kill -9` in the middle of a job, a restart on the same data directory, and then: the job goes on at once, every
 * recipient has exactly one outcome, the callbacks tell of all of them, and nobody was mailed twice.
 */

const clock = systemClock()
const recipients = 5000
const seed = Number(process.env['OFFLOAD_KILL_SEED'] ?? 20_261_122)

/** A small generator of its own, so that a failing run is repeated by its seed. */
function chance(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const jobBody = (jobId: string, certificates: boolean, count: number) =>
  JSON.stringify({
    job_id: jobId,
    tenant_id: 7,
    type: 'send_reminder',
    recipients: Array.from({ length: count }, (_, at) => ({
      userid: at + 1,
      email: `${jobId.slice(0, 8)}-${at + 1}@example.com`,
    })),
    template_data: { course_name: 'Kill -9' },
    generate_certificate: certificates,
    timestamp: '2026-01-01T00:00:00Z',
  })

interface JobAnswer {
  readonly status: string
  readonly settled: boolean
  readonly totals: { recipients: number; sent: number; failed: number; pending: number }
  readonly callbacks: { waiting: number; delivered: number }
}

const submit = (emulator: RunningEmulator, body: string) =>
  fetch(`${emulator.url}/jobs`, { method: 'POST', headers: { authorization: 'Bearer offload-dev-token' }, body })

const jobOf = async (emulator: RunningEmulator, id: string) => {
  const answer = await fetch(`${emulator.url}/_offload/jobs/${id}`)
  return answer.status === 404 ? undefined : ((await answer.json()) as JobAnswer)
}

/** Asks again until `wanted` holds; the emulator is another process, so there is no event to wait for. */
async function until<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
): Promise<T> {
  const deadline = clock.monotonic() + seconds * 1000
  for (;;) {
    const value = await ask()
    if (wanted(value)) return value
    if (clock.monotonic() > deadline) throw new Error(`${what}: not after ${seconds} s; last: ${JSON.stringify(value)}`)
    await sleep(clock, 20)
  }
}

/** Every callback's updates by job and recipient; the last word counts. */
function receiver(): { server: Server; told: Map<string, Map<number, string>> } {
  const told = new Map<string, Map<number, string>>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        job_id: string
        recipient_updates: { userid: number; status: string }[]
      }
      const job = told.get(body.job_id) ?? new Map<number, string>()
      for (const { userid, status } of body.recipient_updates) job.set(userid, status)
      told.set(body.job_id, job)
      response.end('{}')
    })
  })
  return { server, told }
}

const { server, told } = receiver()
beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => void server.close())

const callbackUrl = () => `http://127.0.0.1:${(server.address() as { port: number }).port}/callback`

async function killOnce(
  jobId: string,
  share: number,
  options: { certificates: boolean; count: number; mailpit: string[] },
) {
  const { certificates, count, mailpit } = options
  const directory = mkdtempSync(join(tmpdir(), 'offload-kill-'))
  const flags = ['--data-dir', directory, '--callback-delay', '0s', '--callback-url', callbackUrl(), ...mailpit]
  const body = jobBody(jobId, certificates, count)
  let emulator = await startEmulator(flags)
  try {
    // A share below 0 is a kill while the submission is under way.
    const answer = submit(emulator, body).then(
      (response) => response.status,
      () => 0,
    )
    if (share < 0) await sleep(clock, -share * 100)
    else {
      expect(await answer).toBe(202)
      await until(
        'the moment to kill',
        300,
        () => jobOf(emulator, jobId),
        (job) => (job?.totals.sent ?? 0) >= share * count,
      )
    }
    await emulator.kill()
    const acknowledged = (await answer) === 202
    const before = acknowledged ? share * count : 0

    emulator = await startEmulator(flags)
    const found = await jobOf(emulator, jobId)
    if (acknowledged) expect(found, 'an acknowledged job is lost').toBeDefined()
    if (found !== undefined) expect(found.totals.recipients, 'a job was taken in part').toBe(count)
    // What Moodle does when it got no answer: the same submission again.
    if (!acknowledged) expect([200, 202]).toContain((await submit(emulator, body)).status)

    // At once: a visibility timeout would be 30 s.
    await until(
      'the job to go on',
      15,
      () => jobOf(emulator, jobId),
      (job) => job !== undefined && (job.totals.sent > before || job.totals.pending === 0),
    )
    const ended = await until(
      'the end',
      300,
      () => jobOf(emulator, jobId),
      (job) => job?.settled === true && job.callbacks.waiting === 0,
    )
    expect(ended?.totals).toMatchObject({ recipients: count, sent: count, failed: 0, pending: 0 })
    expect(ended?.status).toBe('completed')

    const outcomes = told.get(jobId)
    expect(outcomes?.size, 'recipients that no callback told of').toBe(count)
    expect(new Set(outcomes?.values())).toEqual(new Set(['completed']))

    const answered = await fetch(`${emulator.inbox}/api/v1/messages?limit=20000`)
    const { messages } = (await answered.json()) as { messages: { To: { Address: string }[] }[] }
    const mails = new Map<string, number>()
    for (const message of messages) {
      for (const { Address } of message.To) mails.set(Address, (mails.get(Address) ?? 0) + 1)
    }
    expect(
      [...mails].filter(([, times]) => times > 1),
      'mailed twice',
    ).toEqual([])
    expect(mails.size).toBe(count)
  } finally {
    await emulator.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

const uuid = (n: number) => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`

describe(`kill -9 (seed ${seed})`, () => {
  const next = chance(seed)
  const moments = [-next(), ...Array.from({ length: 9 }, () => next() * 0.95)]

  for (const [at, share] of moments.entries()) {
    const certificates = at === 4 || at === 8
    const name = share < 0 ? 'while it is submitted' : `after ${Math.round(share * 100)} %`
    it(`job ${at + 1}, killed ${name}${certificates ? ', with certificates' : ''}`, async () => {
      await killOnce(uuid(at + 1), share, { certificates, count: recipients, mailpit: [] })
    })
  }

  const binary = mailpitBinary()
  for (const [at, share] of [0.1, 0.5, 0.8].entries()) {
    it.runIf(binary !== undefined)(`with real Mailpit, killed after ${share * 100} %`, async () => {
      const mailpit = await startMailpit(binary ?? '')
      try {
        await killOnce(uuid(100 + at), share, {
          certificates: false,
          count: 1000,
          mailpit: ['--mailpit', mailpit.url, '--smtp', `${mailpit.smtp.host}:${mailpit.smtp.port}`],
        })
      } finally {
        await mailpit.stop()
      }
    })
  }
})
