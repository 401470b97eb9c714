import { createHash } from 'node:crypto'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import type { JobRow } from '../../contracts/checks/receiver/index.ts'
import type { Tables } from '../../emulator/check/target.ts'

const folder = join(import.meta.dirname, 'php')
const secret = 'php-receiver-secret'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

export interface PhpReceiver {
  readonly url: string
  readonly secret: string
  /** For `--submit`: prints its job, or sends it to `OFFLOAD_URL`. */
  readonly submit: string
  readonly plugin: string
  readonly tables: Tables
}

/** A receiver of `php/` behind PHP's own server, with ten workers. */
export async function startPhp(script: string): Promise<PhpReceiver> {
  const store = join(mkdtempSync(join(tmpdir(), 'offload-php-')), 'jobs.json')
  writeFileSync(store, '{}')
  const port = await freePort()
  const env = { ...process.env, STORE: store, SECRET: secret, PHP_CLI_SERVER_WORKERS: '10' }
  const limits = ['-d', 'display_errors=0', '-d', 'log_errors=0', '-d', 'memory_limit=256M']
  // PHP's workers outlive it unless their whole group ends.
  const server = spawn('php', [...limits, '-S', `127.0.0.1:${port}`, join(folder, script)], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  onTestFinished(() => {
    if (server.pid !== undefined) process.kill(-server.pid)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.stderr.on('data', (text: Buffer) => text.includes('started') && resolve())
  })
  return {
    url: `http://127.0.0.1:${port}/cloud_callback.php`,
    secret,
    submit: `STORE='${store}' php '${join(folder, 'submit.php')}'`,
    plugin: `STORE='${store}' php '${join(folder, 'plugin.php')}'`,
    tables: {
      async snapshot(ids) {
        const text = readFileSync(store, 'utf8')
        const jobs = JSON.parse(text) as Record<
          string,
          Omit<JobRow, 'timeCompleted'> & { timecompleted: number | null }
        >
        const wanted = ids.map(String).flatMap((id) => {
          const row = jobs[id]
          if (row === undefined) return []
          const recipients = row.recipients.map((one) => ({ ...one, userid: String(one.userid) }))
          return [[id, { ...row, timeCompleted: row.timecompleted, recipients }] as const]
        })
        return { digest: createHash('sha256').update(text).digest('hex'), jobs: Object.fromEntries(wanted) }
      },
    },
  }
}

export const hasPhp = await promisify(execFile)('php', ['--version']).then(
  () => true,
  () => false,
)
/** Why tests are skipped, where they are. */
export const withoutPhp = hasPhp ? '' : ' (php is not installed)'
