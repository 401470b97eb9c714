import { Option, type Command } from 'commander'
import {
  canaryId,
  canaryTitle,
  receiverCases,
  type ReceiverCase,
  type TargetJob,
} from '../../contracts/checks/receiver/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { nearest } from '../../contracts/nearest.ts'
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
import { conclude, markOf, readReporters, withReporters } from './check-output.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { examples, repeated, whole, withJson } from './options.ts'
import { columns } from './table.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface MoodleOptions {
  readonly json?: boolean
  readonly url?: string
  readonly standIn?: boolean
  readonly secret?: string
  readonly previousSecret?: string
  readonly token?: string
  readonly dialect?: Dialect
  readonly job?: string
  readonly recipient?: readonly string[]
  readonly submit?: string
  readonly port: number
  readonly php?: string
  readonly moodleRoot: string
  readonly list?: boolean
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  readonly rubbish: boolean
  readonly connectTo?: readonly string[]
  readonly allowHost?: readonly string[]
  readonly timeout: number
  readonly seed: string
  readonly reporter?: string
  readonly verbose?: boolean
}

const listed = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  ...value.split(',').map((part) => part.trim()),
]

export function defineMoodle(command: Command): void {
  command
    .description('A conformance suite for a callback receiver: signature, body, time, transport, meaning.')
    .optionsGroup('The receiver:')
    .option('--url <url>', "the callback's address, as a job names it")
    .option('--stand-in', 'instead of a Moodle the stand-in of this emulator: how a right receiver looks')
    .option('--secret <secret>', 'cloud_callback_secret (default: OFFLOAD_CALLBACK_SECRET)')
    .option('--previous-secret <secret>', 'the one before the last rotation: it must be refused')
    .option('--token <token>', "the plugin dialect's token, the company's AWS secret (default: OFFLOAD_PLUGIN_TOKEN)")
    .addOption(new Option('--dialect <name>', 'default: plugin where the URL is its path, else spec').choices(dialects))
    .option('--connect-to <h:p:h:p>', "connect elsewhere, as curl's --connect-to; may be repeated", repeated)
    .option(
      '--allow-host <host>',
      'a host that is not of this machine or its private networks; may be repeated',
      repeated,
    )
    .option('--timeout <seconds>', 'for one answer', whole(1, 120), 10)
    .optionsGroup('Its jobs (with none of these an invented one: cases that need a job are skipped):')
    .option('--submit <command>', 'submits a job; run for each case that needs one, and captured on --port')
    .option('--port <port>', 'where the plugin submits to (0 takes a free one)', whole(0, 65_535), 4566)
    .option('--job <id>', 'one job that Moodle has, for all cases')
    .option('--recipient <who>', 'of --job: USERID, EMAIL or USERID=EMAIL; may be repeated', repeated)
    .optionsGroup('What became of its tables:')
    .option(
      '--php <command>',
      "reads the plugin's tables through Moodle's $DB: php, docker compose exec -T webserver php",
    )
    .option('--moodle-root <folder>', 'where Moodle is, as --php sees it', '.')
    .optionsGroup('Which cases:')
    .option('--list', 'show the cases, run none')
    .option('--only <ids>', 'these cases or groups, e.g. time,meaning/replay; may be repeated', listed)
    .option('--skip <ids>', 'without these; may be repeated', listed)
    .option('--no-rubbish', 'without the cases that leave something in the database')
    .option('--seed <seed>', 'of the invented job', 'offload')
    .optionsGroup('Output:')
    .option('--verbose', 'each request and answer, with a curl that repeats it')
  withReporters(withJson(command))
  examples(command, [
    ['offload check moodle --list', 'what is checked'],
    ['offload check moodle --stand-in', 'how it looks when all is right'],
    [
      "offload check moodle --url http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php --submit 'php local/manireports/cli/test_cloud_job.php --recipients=3' --php php",
      'everything',
    ],
    ['offload check moodle --url … --only time,signature/empty-secret', 'some'],
    ['offload check moodle --url … --reporter junit,github', 'in CI'],
  ])
  command.action((options: MoodleOptions) => checkMoodle(options))
}

async function checkMoodle(options: MoodleOptions): Promise<void> {
  const terminal = createTerminal(options)
  const reports = readReporters(options.reporter)
  const dialect = dialectOf(options)
  const asked = chosen(options)
  if (options.list === true) return list(terminal, asked, dialect)
  // What says nothing about a dialect is no part of its suite.
  const cases = asked.filter(({ except }) => except[dialect] === undefined)
  if (cases.length === 0) throw new Failure(2, 'no case is left', { fix: [call('check moodle --list')] })

  const closing: (() => void | Promise<void>)[] = []
  const findings: Described[] = []
  try {
    const { target, why } = await (options.standIn === true
      ? standIn(dialect, closing)
      : real(options, dialect, closing))
    const secrets = secretsOf({ OFFLOAD_CALLBACK_SECRET: target.secret, OFFLOAD_PLUGIN_TOKEN: target.token })
    const shownUrl = options.standIn === true ? 'the stand-in' : target.url
    terminal.say(
      `${terminal.style('bold', shownUrl)} as \`${dialect}\`${dialect === 'detailed' ? ', whose callback no document gives: its body is our invention' : ''}`,
    )
    for await (const result of checkReceiver(target, cases)) {
      const again = call(`check moodle --url ${target.url} --dialect ${dialect} --only ${result.id} …`)
      const described = describeCase(result, { url: target.url, secrets, again })
      findings.push(described)
      terminal.record(described)
      if (!options.json) say(terminal, described, options.verbose === true)
    }
    if (!options.json) saySkipped(terminal, findings)
    const some = findings.some(({ verdict }) => verdict === 'skip' || verdict === 'unobserved')
    conclude(terminal, { suite: `moodle ${dialect}`, findings, reports, why: some ? why : [] })
  } catch (error) {
    throw explained(error)
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

function dialectOf({ dialect, url }: MoodleOptions): Dialect {
  if (dialect !== undefined) return dialect
  const path = url !== undefined && URL.canParse(url) ? new URL(url).pathname : ''
  return path.endsWith('/local/manireports/cloud_callback.php') ? 'plugin' : 'spec'
}

function chosen({ only, skip = [], rubbish }: MoodleOptions): ReceiverCase[] {
  const groups = [...new Set(receiverCases.map(({ id }) => id.split('/')[0] ?? ''))]
  const known = [canaryId, ...groups, ...receiverCases.map(({ id }) => id)]
  for (const name of [...(only ?? []), ...skip]) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    throw new Failure(2, `${name} is no case${meant === undefined ? '' : `; ${meant} was meant?`}`, {
      fix: [call('check moodle --list')],
    })
  }
  const names = (list: readonly string[]) => (id: string) =>
    list.some((name) => name === id || name === id.split('/')[0])
  return receiverCases.filter(
    ({ id, leaves }) =>
      (only === undefined || names(only)(id)) && !names(skip)(id) && (rubbish || leaves === undefined),
  )
}

function list(terminal: Terminal, cases: readonly ReceiverCase[], dialect: Dialect): void {
  for (const { id, title, level, needs, leaves, except } of cases) {
    terminal.record({ id, title, level, needs, leaves, dialects: dialects.filter((one) => except[one] === undefined) })
  }
  if (terminal.json) return
  const rows = cases.map(({ id, title, needs, leaves, except }) => [
    id,
    except[dialect] === undefined ? needs : `not in ${dialect}`,
    leaves === undefined ? '' : 'rubbish',
    title,
  ])
  terminal.say(
    columns(['case', 'job', 'leaves', 'what must hold'], [[canaryId, 'own', 'rubbish', canaryTitle], ...rows]),
  )
}

interface Prepared {
  readonly target: ReceiverTarget
  /** What was not given, for the summary line. */
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
  const jobs = await jobsOf(options, dialect, tables, closing)
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
  const id = options.job ?? (await askForJob())
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

function say(terminal: Terminal, described: Described, verbose: boolean): void {
  const { id, title, verdict, reason, fix, level, leaves, exchanges } = described
  const { style } = terminal
  if (verdict === 'skip' && !verbose) return
  const marked = leaves === undefined ? '' : style('dim', ` [leaves ${leaves}]`)
  terminal.say(
    `${markOf(described, terminal)} ${style('bold', id)}  ${title}: ${reason}${level === 'advised' && verdict === 'fail' ? ' (advised)' : ''}${verbose ? marked : ''}`,
  )
  if (fix !== undefined) terminal.say(`    → ${fix}`)
  if (verdict !== 'fail' && !verbose) return
  for (const { request, answers, curl } of exchanges) {
    const statuses = answers.map(({ status, error }) => status ?? error ?? 'no answer').join(', ')
    const words = (answers[0]?.body ?? '').replace(/\s+/g, ' ').trim().slice(0, 120)
    terminal.say(
      style(
        'dim',
        `    sent ${request.method}, ${request.bytes} bytes; answered ${statuses}${words === '' ? '' : `: ${words}`}`,
      ),
    )
    terminal.say(style('dim', `    ${curl}`))
  }
}

/** What was skipped, by its reason. */
function saySkipped(terminal: Terminal, findings: readonly Described[]): void {
  const byReason = new Map<string, string[]>()
  for (const { verdict, reason, id } of findings) {
    if (verdict === 'skip') byReason.set(reason, [...(byReason.get(reason) ?? []), id])
  }
  for (const [reason, ids] of byReason) {
    const shown = ids.length > 4 ? `${ids.slice(0, 3).join(', ')} and ${ids.length - 3} more` : ids.join(', ')
    terminal.say(terminal.style('dim', `- ${ids.length} skipped: ${reason} (${shown})`))
  }
}
