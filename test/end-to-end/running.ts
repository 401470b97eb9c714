import { createServer, type IncomingHttpHeaders } from 'node:http'
import { once } from 'node:events'
import { MailpitClient } from 'mailpit-api'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../emulator/kernel/clock.ts'
import type { ConfigInput } from '../../emulator/config.ts'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import type { JobView } from '../../emulator/worker/ledger/views.ts'
import type { JournalEvent, JournalEventType } from '../../contracts/events.ts'

export interface Running extends Emulator {
  readonly mailpit: MailpitClient
  submit(body: unknown, headers?: Record<string, string>): Promise<Response>
  /** The job as the control API shows it. */
  job(id: string | number): Promise<JobView & { callbacks: Record<string, number> }>
  /** Resolves when a journal entry fits; also one of the past. */
  event<Type extends JournalEventType>(
    type: Type,
    fits?: (event: Extract<JournalEvent, { type: Type }>) => boolean,
  ): Promise<Extract<JournalEvent, { type: Type }>>
  /** Resolves when a job is settled and its callbacks have had their answers. */
  settled(id: string | number): Promise<JobView & { callbacks: Record<string, number> }>
}

export const token = { authorization: 'Bearer offload-dev-token' }

/** An emulator on free ports that is stopped when the test ends. */
export async function running(config: ConfigInput & { clock?: Clock } = {}): Promise<Running> {
  const emulator = await starting(config)
  onTestFinished(() => emulator.stop())
  return emulator
}

/** An emulator on free ports; who starts it stops it. */
export async function starting(config: ConfigInput & { clock?: Clock } = {}): Promise<Running> {
  const emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: config.data_dir === undefined,
    callback_delay: 0,
    bounce_window: 0,
    seed: 'test',
    ...config,
  })

  const event: Running['event'] = (type, fits = () => true) =>
    new Promise((resolve) => {
      const look = (candidate: JournalEvent) => {
        if (candidate.type !== type || !fits(candidate as never)) return false
        unsubscribe()
        resolve(candidate as never)
        return true
      }
      const unsubscribe = emulator.journal.subscribe((entry) => void look(entry.event))
      for (const entry of emulator.journal.read()) if (look(entry.event)) return
    })
  const job: Running['job'] = async (id) => {
    const answer = await fetch(`${emulator.url}/_offload/jobs/${encodeURIComponent(String(id))}`)
    if (!answer.ok) throw new Error(`GET job ${id}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as never
  }
  return {
    ...emulator,
    mailpit: new MailpitClient(emulator.inbox),
    event,
    job,
    submit: (body, headers = token) =>
      fetch(`${emulator.url}/jobs`, {
        method: 'POST',
        headers,
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      }),
    settled: (id) =>
      new Promise((resolve, reject) => {
        let asking = Promise.resolve()
        const look = async () => {
          const view = await job(id).catch(() => undefined)
          if (view === undefined || !view.settled || view.callbacks['waiting'] !== 0) return
          unsubscribe()
          resolve(view)
        }
        const ask = () => void (asking = asking.then(look).catch(reject))
        const unsubscribe = emulator.journal.subscribe(({ event: { type } }) => {
          if (type === 'pass.ended' || type.startsWith('callback.') || type === 'mail.feedback') ask()
        })
        ask()
      }),
  }
}

export interface ReceivedCallback {
  readonly headers: IncomingHttpHeaders
  readonly raw: Buffer
  readonly path: string
}

/** A receiver of callbacks that keeps what comes; `answer` says with what each is answered. */
export async function receiver(answer: (n: number) => number = () => 200) {
  const received: ReceivedCallback[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push({ headers: request.headers, raw: Buffer.concat(chunks), path: request.url ?? '' })
      response.writeHead(answer(received.length)).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, received }
}

export const specJob = (changes: Record<string, unknown> = {}) => ({
  job_id: '550e8400-e29b-41d4-a716-446655440000',
  tenant_id: 123,
  type: 'send_reminder',
  recipients: [
    { userid: 1001, email: 'user1@example.com', firstname: 'John', lastname: 'Doe' },
    { userid: 1002, email: 'user2@example.com', firstname: 'Jane', lastname: 'Smith' },
  ],
  template_data: { course_name: 'Introduction to PHP' },
  timestamp: '2025-11-18T12:00:00Z',
  ...changes,
})
