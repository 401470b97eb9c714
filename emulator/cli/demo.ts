import type { Command } from 'commander'
import type { JournalEvent } from '../../contracts/events.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { accountOf, recipientsOf, type Account } from './account.ts'
import { submitted } from './answers.ts'
import { readMails, type Mail } from './inbox.ts'
import { listenForInterruption } from './interruption.ts'
import { call, inCheckout, startLine } from './invocation.ts'
import { watchJob, type JobRefInTarget } from './job-watch.ts'
import { examples, withJson } from './options.ts'
import { createProgress, doneOf, type Progress } from './progress.ts'
import { startEmulator } from './start.ts'
import { createTarget, type Target } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface DemoOptions {
  readonly json?: boolean
  readonly stay?: boolean
}

const people = 500
const bounces = 2
const tenant = 1
const timeoutMs = 120_000

export function define(command: Command): void {
  command
    .description(
      `Starts an emulator on free ports, with a state of its own that is gone at the end; sends a CSV import of ${people}\n` +
        `people (${bounces} of whom bounce) with certificates, once through POST /jobs and once through SQS; plays Moodle,\n` +
        'which takes the signed callbacks; and checks that everybody got one mail.',
    )
    .option('--stay', 'keep it open afterwards, with links to its mails and certificates')
  withJson(command)
  examples(command, [
    ['offload demo', 'what it is all about, in seconds'],
    ['offload demo --stay', 'and look at the mails, the certificates and the page'],
  ])
  command.action((options: DemoOptions) => demo(options))
}

/** One way in, from its submission to what came of it. */
interface Run {
  readonly name: string
  readonly ref: JobRefInTarget
  readonly account: Account
  readonly mails: readonly Mail[]
  readonly reasons: readonly string[]
}

interface Check {
  readonly id: string
  readonly verdict: 'pass' | 'fail'
  readonly words: string
}

async function demo({ json, stay = false }: DemoOptions): Promise<void> {
  const clock = systemClock()
  const began = clock.monotonic()
  const terminal = createTerminal({ json })
  const interruption = listenForInterruption(clock)
  void interruption.happened.then((name) => {
    if (!stay) process.exit(name === 'SIGINT' ? 130 : 143)
  })

  terminal.say(`A CSV import of ${people} people with certificates, ${bounces} of whom bounce; twice, by both ways in.`)
  const emulator = await startEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    callback_delay: 0,
    bounce_window: '100ms',
    // The simulator's bounces come some seconds later in the cloud; nobody wants to watch that.
    speed: 100,
  })
  const callbacks: Received[] = []
  emulator.journal.subscribe(({ event }) => {
    if (event.type === 'moodle.callback') callbacks.push(event)
  })
  const target = createTarget(emulator.url)
  const progress = await createProgress(terminal)
  const runs: Run[] = []
  try {
    const both = [['POST /jobs', 'api'] as const, ['SQS', 'sqs'] as const].map(([name, mode]) =>
      run({ target, inbox: emulator.inbox, clock, progress, name, mode }),
    )
    runs.push(...(await Promise.all(both)))
  } finally {
    progress.stop()
  }

  const checks = [
    ...runs.flatMap(numbers),
    nobodyTwice(runs),
    signatures(callbacks),
    await certificateOpens(target, runs),
  ]
  const failed = checks.filter(({ verdict }) => verdict === 'fail')
  for (const { name, account } of runs) terminal.record({ way_in: name, ...account })
  for (const check of checks) terminal.record(check)
  if (!json) terminal.say(told(runs, checks, terminal))
  const seconds = ((clock.monotonic() - began) / 1000).toFixed(1)
  terminal.say(
    failed.length === 0 ? `All of it in ${seconds} s.` : `${failed.length} of ${checks.length} checks failed.`,
  )
  process.exitCode = failed.length === 0 ? 0 : 1

  if (stay) {
    terminal.say(await links(emulator, target, runs))
    const name = await interruption.happened
    await emulator.stop()
    process.exit(name === 'SIGINT' ? 130 : process.exitCode)
  }
  await emulator.stop()
  if (!json) terminal.say(next())
  process.exit()
}

async function run(options: {
  target: Target
  inbox: string
  clock: Clock
  progress: Progress
  name: string
  mode: 'api' | 'sqs'
}): Promise<Run> {
  const { target, inbox, clock, progress, name, mode } = options
  const began = clock.monotonic()
  progress.update(name, 0, people)
  const answer = await target.post(
    '/_offload/send',
    { type: 'csv_import', recipients: people, bounces, certificate: true, mode, tenant, event: `demo by ${mode}` },
    submitted,
  )
  const [job = 'none'] = answer.jobIds
  const ref = { job, tenant }
  const watched = await watchJob({
    target,
    clock,
    ref,
    deadline: began + timeoutMs,
    progress: (state) => progress.update(name, doneOf(state), people),
  })
  if (watched.job === undefined) throw new Error(`${name}: ${answer.error ?? watched.reasons.join('; ')}`)
  const seconds = (clock.monotonic() - began) / 1000
  const account = await accountOf({ target, inbox, ref, job: watched.job, seconds })
  const { mails } = await readMails(inbox, { job })
  return {
    name,
    ref,
    account,
    mails,
    reasons: [...(answer.error === undefined ? [] : [answer.error]), ...watched.reasons],
  }
}

/** What must be true of one way in; the difference, where it is not. */
function numbers({ name, account, mails, reasons }: Run): Check[] {
  const { sent, failed, certificates } = account
  const want = people - bounces
  const numbersRight = sent === want && failed === bounces && mails.length === want && certificates >= want
  const found = `${sent} sent, ${failed} failed, ${mails.length} mails, ${certificates} certificates`
  const id = name === 'SQS' ? 'sqs' : 'api'
  return [
    {
      id: `${id}-numbers`,
      verdict: numbersRight ? 'pass' : 'fail',
      words: numbersRight
        ? `${name}: every person has exactly one outcome`
        : `${name}: ${found}; expected ${want} sent, ${bounces} failed, ${want} mails, ${want} certificates or more`,
    },
    ...(reasons.length === 0
      ? []
      : [{ id: `${id}-callbacks`, verdict: 'fail' as const, words: `${name}: ${reasons.join('; ')}` }]),
  ]
}

function nobodyTwice(runs: readonly Run[]): Check {
  const twice = runs.flatMap(({ name, mails }) => {
    const counts = new Map<string, number>()
    for (const { To } of mails) for (const { Address } of To ?? []) counts.set(Address, (counts.get(Address) ?? 0) + 1)
    return [...counts].filter(([, count]) => count > 1).map(([address, count]) => `${address} ${count} times (${name})`)
  })
  const words =
    twice.length === 0
      ? 'nobody was mailed twice by the same job, counted in the inbox'
      : `mailed more than once: ${twice.slice(0, 5).join(', ')}`
  return { id: 'nobody-twice', verdict: twice.length === 0 ? 'pass' : 'fail', words }
}

type Received = Extract<JournalEvent, { type: 'moodle.callback' }>

function signatures(callbacks: readonly Received[]): Check {
  const refused = callbacks.filter(({ status }) => status >= 300)
  if (callbacks.length > 0 && refused.length === 0) {
    const words = `Moodle's stand-in verified the signature of all ${callbacks.length} callbacks and applied them`
    return { id: 'signatures', verdict: 'pass', words }
  }
  const words =
    callbacks.length === 0
      ? 'no callback came'
      : `${refused.length} of ${callbacks.length} callbacks were refused: ${refused[0]?.reason ?? refused[0]?.verdict ?? ''}`
  return { id: 'signatures', verdict: 'fail', words }
}

async function certificateOpens(target: Target, runs: readonly Run[]): Promise<Check> {
  const url = await firstCertificate(target, runs)
  const response = url === undefined ? undefined : await fetch(url)
  const bytes = Buffer.from((await response?.arrayBuffer()) ?? new ArrayBuffer(0))
  const opens = response?.status === 200 && bytes.subarray(0, 5).toString('latin1') === '%PDF-'
  const found = response === undefined ? 'there is none' : `its link answered ${response.status}`
  const words = opens
    ? `a certificate opens by its presigned link (PDF, ${Math.ceil(bytes.length / 1024)} KB)`
    : `no certificate opens: ${found}`
  return { id: 'certificate-opens', verdict: opens ? 'pass' : 'fail', words }
}

async function firstCertificate(target: Target, runs: readonly Run[]): Promise<string | undefined> {
  const [first] = runs
  if (first === undefined) return undefined
  for await (const { certificate_url: url } of recipientsOf(target, first.ref)) if (url !== null) return url
  return undefined
}

function told(runs: readonly Run[], checks: readonly Check[], { style }: Terminal): string {
  const width = Math.max(...runs.map(({ name }) => name.length))
  const lines = runs.map(({ name, account }) => {
    const { sent, failed, certificates, mails, callbacks, seconds } = account
    const refused = callbacks.refused > 0 ? `, ${callbacks.refused} refused` : ''
    return (
      `  ${style('bold', name.padEnd(width))}  ${style('green', `${sent} sent`)}, ${style('yellow', `${failed} bounced`)}  ` +
      `${certificates} certificates, ${mails} mails, ${callbacks.delivered} callbacks delivered${refused}  (${seconds.toFixed(1)} s)`
    )
  })
  const marks = checks.map(
    ({ verdict, words }) => `  ${verdict === 'pass' ? style('green', '✓') : style('red', '✗')} ${words}`,
  )
  return ['', ...lines, '', ...marks, ''].join('\n')
}

async function links(
  emulator: { dashboard: string; inbox: string },
  target: Target,
  runs: readonly Run[],
): Promise<string> {
  const mail = runs[0]?.mails[0]
  return [
    '',
    `  the page       ${emulator.dashboard}`,
    `  a mail         ${mail === undefined ? 'none' : `${emulator.inbox}/view/${mail.ID}.html`}`,
    `  a certificate  ${(await firstCertificate(target, runs)) ?? 'none'}`,
    `  all mails      ${emulator.inbox}`,
    '',
    'It stays open until Ctrl-C.',
  ].join('\n')
}

function next(): string {
  const width = 34
  return [
    '',
    'Next:',
    `  ${(inCheckout ? 'npm run demo -- --stay' : 'offload demo --stay').padEnd(width)}  look at the mails and the certificates`,
    `  ${startLine.padEnd(width)}  then point your Moodle at it: the settings are printed`,
    `  ${call('send --help').padEnd(width)}  be Moodle yourself`,
  ].join('\n')
}
