import { receiverCases, type ReceiverCase, type TargetJob } from '../../contracts/checks/receiver/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { secretsOf } from '../check/curl.ts'
import { describeCase, type Described } from '../check/describe.ts'
import { checkReceiver } from '../check/receiver.ts'
import {
  NoJobError,
  TablesError,
  UnreachableError,
  type JobSource,
  type ReceiverTarget,
  type Tables,
} from '../check/target.ts'
import { systemClock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'

/** A callback receiver as a person names it: the flags of `check moodle`, and the configuration's `check.moodle`. */
export interface MoodleOptions {
  readonly url?: string | undefined
  readonly standIn?: boolean | undefined
  readonly secret?: string | undefined
  readonly previousSecret?: string | undefined
  readonly token?: string | undefined
  readonly dialect?: Dialect | undefined
  readonly job?: string | undefined
  readonly recipient?: readonly string[] | undefined
  readonly submit?: string | undefined
  readonly port: number
  readonly php?: string | undefined
  readonly moodleRoot: string
  readonly connectTo?: readonly string[] | undefined
  readonly allowHost?: readonly string[] | undefined
  readonly timeout: number
  readonly seed: string
}

export interface OpenMoodle {
  readonly dialect: Dialect
  /** For people. */
  readonly name: string
  /** What was not given, for the summary line. */
  readonly why: readonly string[]
  /** Runs cases, the valid callback first. Throws a Failure where nobody answers, or there is no job to begin with. */
  results(cases: readonly ReceiverCase[]): AsyncGenerator<Described>
  close(): Promise<void>
}

export function dialectOf({ dialect, url }: Pick<MoodleOptions, 'dialect' | 'url'>): Dialect {
  if (dialect !== undefined) return dialect
  const path = url !== undefined && URL.canParse(url) ? new URL(url).pathname : ''
  return path.endsWith('/local/manireports/cloud_callback.php') ? 'plugin' : 'spec'
}

/** The cases that say something about a dialect. */
export const casesOf = (dialect: Dialect, cases: readonly ReceiverCase[] = receiverCases): ReceiverCase[] =>
  cases.filter(({ except }) => except[dialect] === undefined)

/** Where somebody is there to answer, `ask` may ask for a job. Throws a Failure that says what is missing. */
export async function openMoodle(options: MoodleOptions, ask: boolean): Promise<OpenMoodle> {
  const dialect = dialectOf(options)
  const closing: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (const each of closing.splice(0).toReversed()) await each()
  }
  try {
    const { target, why } = await (options.standIn === true
      ? standIn(dialect, closing)
      : real(options, dialect, closing, ask))
    const { url } = target
    const secrets = secretsOf({ OFFLOAD_CALLBACK_SECRET: target.secret, OFFLOAD_PLUGIN_TOKEN: target.token })
    return {
      dialect,
      name: options.standIn === true ? 'the stand-in' : url,
      why,
      async *results(cases) {
        try {
          for await (const result of checkReceiver(target, cases)) {
            const again = call(`check moodle --url ${url} --dialect ${dialect} --only ${result.id} …`)
            yield describeCase(result, { url, secrets, again })
          }
        } catch (error) {
          throw explained(error)
        }
      },
      close,
    }
  } catch (error) {
    await close()
    throw explained(error)
  }
}

interface Prepared {
  readonly target: ReceiverTarget
  readonly why: readonly string[]
}

async function standIn(dialect: Dialect, closing: (() => void | Promise<void>)[]): Promise<Prepared> {
  const { standInTarget } = await import('../check/stand-in-target.ts')
  const target = await standInTarget(dialect, systemClock())
  closing.push(target.close)
  return { target, why: [] }
}

async function real(
  options: MoodleOptions,
  dialect: Dialect,
  closing: (() => void | Promise<void>)[],
  ask: boolean,
): Promise<Prepared> {
  const { url } = options
  if (url === undefined || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Failure(
      2,
      url === undefined
        ? '--url is missing: the address of the callback'
        : `--url ${url} is no http:// or https:// URL`,
      {
        fix: ['--url http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php', 'or --stand-in, for a look'],
      },
    )
  }
  const secret = options.secret ?? (process.env['OFFLOAD_CALLBACK_SECRET'] || undefined)
  const token = options.token ?? (process.env['OFFLOAD_PLUGIN_TOKEN'] || undefined)
  if (dialect === 'plugin' ? token === undefined : secret === undefined) {
    const [flag, variable] =
      dialect === 'plugin' ? ['--token', 'OFFLOAD_PLUGIN_TOKEN'] : ['--secret', 'OFFLOAD_CALLBACK_SECRET']
    throw new Failure(2, `${flag} is missing: without the receiver's secret no callback can be valid`, {
      fix: [`export ${variable}=…, so that it stays out of the shell's history`],
    })
  }
  const clock = systemClock()
  const { createHttpReceiver } = await import('../check/http.ts')
  const receiver = createHttpReceiver({
    url,
    clock,
    timeoutMs: options.timeout * 1000,
    connectTo: options.connectTo ?? [],
    allowHosts: options.allowHost ?? [],
  })
  closing.push(receiver.close)
  const tables = await tablesOf(options, closing)
  const jobs = await jobsOf(options, dialect, tables, closing, ask)
  const why = [
    ...(jobs.kind === 'invented' ? ['no --job, no --submit'] : jobs.kind === 'one' ? ['no --submit'] : []),
    ...(tables === undefined ? ['no --php'] : []),
  ]
  const target: ReceiverTarget = {
    url,
    dialect,
    secret: secret ?? '',
    previousSecret: options.previousSecret,
    token: token ?? '',
    send: receiver.send,
    jobs,
    tables,
    clock,
  }
  return { target, why }
}

async function tablesOf(
  { php, moodleRoot }: MoodleOptions,
  closing: (() => void | Promise<void>)[],
): Promise<Tables | undefined> {
  if (php === undefined) return undefined
  const { openPhpMoodle } = await import('../check/php-moodle.ts')
  const tables = await openPhpMoodle({ command: php, root: moodleRoot, clock: systemClock() })
  closing.push(tables.close)
  return tables
}

async function jobsOf(
  options: MoodleOptions,
  dialect: Dialect,
  tables: Tables | undefined,
  closing: (() => void | Promise<void>)[],
  ask: boolean,
): Promise<JobSource> {
  const { givenJob, inventedJobs, submittedJobs } = await import('../check/jobs.ts')
  const { submit, port, seed } = options
  if (submit !== undefined) {
    const token = process.env['OFFLOAD_INGEST_TOKEN'] || undefined
    const jobs = await submittedJobs({
      command: submit,
      dialect,
      port,
      token,
      clock: systemClock(),
      environment: process.env,
    })
    closing.push(jobs.close)
    return jobs
  }
  const id = options.job ?? (ask ? await askForJob() : undefined)
  if (id === undefined || id === '') return inventedJobs(dialect, seed)
  const rows = (await tables?.snapshot([id]))?.jobs[id]?.recipients ?? []
  const known = rows.map(({ userid, email }) => (userid === null ? email : `${userid}=${email}`))
  return givenJob(namedJob(id, dialect, options.recipient ?? known))
}

/** A question only where somebody can answer it. */
async function askForJob(): Promise<string | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined
  const { createInterface } = await import('node:readline/promises')
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await reader.question('Id of a job that Moodle has (Enter: an invented one): ')).trim()
  } finally {
    reader.close()
  }
}

function namedJob(id: string, dialect: Dialect, recipients: readonly string[]): TargetJob {
  const byUserid = dialect === 'spec' || dialect === 'detailed'
  const people = recipients.map((text) => {
    const [, userid, email] = /^(?:(\d+)(?:=|$))?(.*)$/.exec(text) ?? []
    if (byUserid ? userid === undefined : email === '') {
      throw new Failure(2, `--recipient ${text}: \`${dialect}\` names recipients by ${byUserid ? 'userid' : 'e-mail'}`)
    }
    const address = email === undefined || email === '' ? `user${userid}@check.offload.test` : email
    return {
      key: userid ?? address,
      email: address,
      ...(byUserid && userid !== undefined ? { userid: Number(userid) } : {}),
    }
  })
  if (people.length === 0) {
    throw new Failure(2, '--job needs its recipients, whom a callback names', {
      fix: [byUserid ? '--recipient 1001 --recipient 1002 (userids)' : '--recipient ana@example.com'],
    })
  }
  const integer = !byUserid && /^\d+$/.test(id)
  return { id: integer ? Number(id) : id, tenant: 0, people, known: true }
}

function explained(error: unknown): unknown {
  if (error instanceof UnreachableError) return new Failure(3, error.message)
  if (error instanceof NoJobError || error instanceof TablesError) return new Failure(2, error.message)
  if (error instanceof EmulatorError && error.code === 'host-refused') {
    return new Failure(
      2,
      error.message
        .replace('offload up --allow-callback-host', '--allow-host')
        .replace('offload up --callback-connect-to', '--connect-to'),
    )
  }
  if (error instanceof EmulatorError && error.code === 'port-taken') {
    return new Failure(2, error.message, { fix: ['stop the emulator that listens there, or take another: --port 0'] })
  }
  return error
}
