import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import Fastify from 'fastify'
import nodemailer from 'nodemailer'
import { createInbox, type Inbox } from '../../emulator/cloud/inbox/inbox.ts'
import { mailpitFace } from '../../emulator/http/mailpit/face.ts'
import { sleep, systemClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

/** An inbox behind its ports, whoever is behind them. */
export interface RunningInbox {
  readonly smtp: { readonly host: string; readonly port: number }
  /** Base URL of the API, without a final slash. */
  readonly url: string
  stop(): Promise<void>
}

export interface EmbeddedInbox extends RunningInbox {
  readonly inbox: Inbox
  readonly store: Store
}

export async function startEmbedded({ directory }: { directory?: string } = {}): Promise<EmbeddedInbox> {
  const store = openStore(directory === undefined ? {} : { directory })
  const clock = systemClock()
  const { ids } = boot({ store, seed: 'mail-tests' })
  const inbox = createInbox({ store, clock, ids })
  const smtp = await inbox.listen({ host: '127.0.0.1', port: 0 })
  const app = Fastify({ forceCloseConnections: true })
  await app.register(mailpitFace({ inbox, clock }))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  return {
    inbox,
    store,
    smtp,
    url,
    async stop() {
      await app.close()
      await inbox.close()
      store.close()
    },
  }
}

/** The Mailpit to test against: `OFFLOAD_MAILPIT_BIN`, else `mailpit` in the PATH. */
export function mailpitBinary(): string | undefined {
  const named = process.env['OFFLOAD_MAILPIT_BIN']
  if (named !== undefined && named !== '') return named
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'mailpit'))
    .find((path) => existsSync(path))
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

/** Mailpit takes no port 0, and a port that was free a moment ago may be taken: it is started again then. */
export async function startMailpit(binary: string): Promise<RunningInbox> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(binary)
    } catch (error) {
      if (attempt === 5) throw error
    }
  }
}

async function startOnce(binary: string): Promise<RunningInbox> {
  const folder = mkdtempSync(join(tmpdir(), 'offload-mailpit-'))
  const [smtpPort, httpPort] = [await freePort(), await freePort()]
  const child = spawn(binary, [], {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      MP_SMTP_BIND_ADDR: `127.0.0.1:${smtpPort}`,
      MP_UI_BIND_ADDR: `127.0.0.1:${httpPort}`,
      MP_DATABASE: join(folder, 'mailpit.db'),
      MP_MAX_MESSAGES: '0',
      MP_SMTP_DISABLE_RDNS: 'true',
      MP_DISABLE_VERSION_CHECK: 'true',
      MP_ENABLE_CHAOS: 'true',
      MP_SMTP_AUTH_ACCEPT_ANY: 'true',
      MP_SMTP_AUTH_ALLOW_INSECURE: 'true',
    },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${binary} ended with ${code} before it was ready`)))
  })
  const url = `http://127.0.0.1:${httpPort}`
  const clock = systemClock()
  const ready = async () => {
    while (child.exitCode === null) {
      const response = await fetch(`${url}/readyz`).catch(() => undefined)
      if (response?.ok === true) return
      await sleep(clock, 20)
    }
    await failed
  }
  failed.catch(() => undefined)
  await Promise.race([ready(), failed])
  return {
    smtp: { host: '127.0.0.1', port: smtpPort },
    url,
    async stop() {
      child.kill()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Kind {
  readonly name: string
  /** Why it cannot be tested here. */
  readonly missing?: string
  start(): Promise<RunningInbox>
}

/** The same tests run against both; real Mailpit must be there in CI, and may be missing elsewhere. */
export function inboxKinds(): Kind[] {
  const binary = mailpitBinary()
  const missing = 'Mailpit is not installed: set OFFLOAD_MAILPIT_BIN to its binary'
  return [
    { name: 'embedded', start: () => startEmbedded() },
    binary === undefined
      ? {
          name: 'Mailpit',
          ...(process.env['CI'] !== 'true' && { missing }),
          start: () => Promise.reject(new Error(missing)),
        }
      : { name: 'Mailpit', start: () => startMailpit(binary) },
  ]
}

/** nodemailer, as somebody's program would use it. */
export function mailer({ smtp }: Pick<RunningInbox, 'smtp'>) {
  return nodemailer.createTransport({
    host: smtp.host,
    port: smtp.port,
    secure: false,
    ignoreTLS: true,
    pool: true,
    maxConnections: 4,
  })
}
