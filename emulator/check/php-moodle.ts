import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import type { JobRow, RecipientRow, Snapshot } from '../../contracts/checks/receiver/index.ts'
import type { MoodleSettingsFound } from '../../contracts/checks/moodle-settings.ts'
import type { Clock } from '../kernel/clock.ts'
import { moodleScript } from './moodle-script.ts'
import { TablesError, type Tables } from './target.ts'

// Databases give numbers as texts.
const cell = z.union([z.string(), z.number(), z.null()])
const row = z.record(z.string(), cell)
const settings = z.object({
  wwwroot: z.string(),
  release: z.string().nullable(),
  blockedHosts: z.string(),
  allowedPorts: z.string(),
  mode: z.string().nullable(),
  queueUrl: z.string().nullable(),
  sdk: z.string().nullable(),
  endpoint: z.string().nullable(),
  reached: z.object({ status: z.number(), words: z.string() }).exactOptional(),
})
const answer = z.union([
  z.object({ error: z.string() }),
  z.object({ settings }),
  z.object({ ready: z.literal(true) }),
  z.object({ digest: z.string(), jobs: z.record(z.string(), z.object({ job: row, recipients: z.array(row) })) }),
])
type Answer = z.output<typeof answer>
type Row = z.output<typeof row>

const mark = 'offload:'
const timeoutMs = 30_000

export interface PhpMoodle extends Tables {
  /** Moodle's settings; with an emulator's URL also whether Moodle's curl reaches it. */
  settings(url?: string): Promise<MoodleSettingsFound>
  close(): Promise<void>
}

const outOfTurn = () => new TablesError('--php answered out of turn')

/**
 * The plugin's tables, read by a PHP of the user's through Moodle's own `$DB`; it is started once and asked again and
 * again. `command` is a shell's, such as `docker compose exec -T webserver php`.
 */
export async function openPhpMoodle({
  command,
  root,
  clock,
}: {
  command: string
  /** Moodle's folder, as that PHP sees it. */
  root: string
  clock: Clock
}): Promise<PhpMoodle> {
  const child = spawn('sh', ['-c', `${command} "$@"`, 'offload', '-r', moodleScript, '--', root], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const heard: string[] = []
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  const remember = (line: string) => {
    if (line.trim() === '') return
    heard.push(line.trim())
    if (heard.length > 20) heard.shift()
  }
  createInterface({ input: child.stderr }).on('line', remember)
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith(mark)) return remember(line)
    const settle = waiting
    waiting = undefined
    const parsed = answer.safeParse(jsonOf(line.slice(mark.length)))
    if (parsed.success) settle?.resolve(parsed.data)
    else settle?.reject(new TablesError(`--php gave what cannot be read: ${line.slice(0, 200)}`))
  })
  const ended = new Promise<void>((resolve) => {
    child.on('close', (code) => {
      const why = heard.at(-1) ?? `it ended with code ${code ?? 'none'}`
      waiting?.reject(new TablesError(`--php "${command}": ${why}`))
      resolve()
    })
  })
  child.on('error', (error) => waiting?.reject(new TablesError(`--php "${command}": ${error.message}`)))
  child.stdin.on('error', () => {})

  const next = (): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const timer = clock.at(clock.now() + timeoutMs, () => {
        child.kill()
        reject(new TablesError(`--php "${command}" gave no answer within ${timeoutMs / 1000} s`))
      })
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          timer.cancel()
          settle(value)
        }
      waiting = { resolve: settled(resolve), reject: settled(reject) }
    })

  const ask = async (question: object): Promise<Answer> => {
    const told = next()
    child.stdin.write(`${JSON.stringify(question)}\n`)
    const answered = await told
    if ('error' in answered) throw new TablesError(answered.error)
    return answered
  }

  await next()
  return {
    async snapshot(jobs) {
      const answered = await ask({ jobs: jobs.map(String) })
      if (!('digest' in answered)) throw outOfTurn()
      return snapshotOf(answered)
    },
    async settings(url) {
      const answered = await ask({ settings: url ?? null })
      if (!('settings' in answered)) throw outOfTurn()
      return answered.settings
    },
    async close() {
      child.stdin.end()
      const timer = clock.at(clock.now() + 2000, () => child.kill())
      await ended
      timer.cancel()
    },
  }
}

function snapshotOf({ digest, jobs }: Extract<Answer, { digest: string }>): Snapshot {
  const rows = Object.entries(jobs).map(([id, { job, recipients }]): [string, JobRow] => [
    id,
    {
      status: jobStatus(text(job, 'status') ?? ''),
      completed: count(job, 'completed_recipients', 'processed_records', 'emails_sent', 'sent_count'),
      failed: count(job, 'failed_recipients', 'failed_records', 'emails_failed', 'failed_count'),
      timeCompleted: count(job, 'timecompleted', 'completed_at'),
      error: text(job, 'error_message'),
      recipients: recipients.map((one): RecipientRow => ({
        userid: text(one, 'userid'),
        email: text(one, 'email') ?? '',
        status: recipientStatus(text(one, 'status') ?? ''),
        error: text(one, 'error_message', 'error'),
      })),
    },
  ])
  return { digest, jobs: Object.fromEntries(rows) }
}

function value(given: Row, names: readonly string[]) {
  const name = names.find((known) => given[known] !== undefined)
  return name === undefined ? null : (given[name] ?? null)
}

function text(given: Row, ...names: string[]): string | null {
  const found = value(given, names)
  return found === null ? null : String(found)
}

function count(given: Row, ...names: string[]): number | null {
  const found = value(given, names)
  if (found === null || found === '') return null
  const number = Number(found)
  // A DATETIME is no number; that there is one is what counts.
  return Number.isNaN(number) ? 1 : number
}

const jobStatus = (word: string): string => (word.toLowerCase() === 'partial' ? 'partial_failure' : word.toLowerCase())

/** In the words of `spec`. */
function recipientStatus(word: string): string {
  const lower = word.toLowerCase()
  return { sent: 'completed', permanently_failed: 'failed' }[lower] ?? lower
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
