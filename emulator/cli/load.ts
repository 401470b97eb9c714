import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import { dialects } from '../../contracts/job.ts'
import { duration } from '../../contracts/duration.ts'
import { sendCanary } from '../../load/run/canary.ts'
import { dryRun } from '../../load/run/dry-run.ts'
import { findK6, scenarios, type ScenarioName } from '../../load/run/k6.ts'
import { makePlan, type LoadRequest } from '../../load/run/make-plan.ts'
import type { LoadPlan } from '../../load/run/plan.ts'
import { htmlReport, resumedWords } from '../../load/run/report/html.ts'
import { readPrices } from '../../load/run/prices.ts'
import type { LoadResult } from '../../load/run/result.ts'
import { createRunFolder, findRunFolder, type RunFolder } from '../../load/run/run-folder.ts'
import { runLoad } from '../../load/run/run-load.ts'
import type { Progress, Reached } from '../../load/run/run-outcome.ts'
import { number, time } from '../../load/run/words.ts'
import { junitReport } from '../check/reports.ts'
import { describeDeployment, type DeploymentDescription } from '../deployment/description.ts'
import { isLoopback } from '../deployment/safety.ts'
import { callbackPaths } from '../moodle/submission.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { markOf } from './check-output.ts'
import { Failure } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { call } from './invocation.ts'
import { examples, repeated, whole, withJson } from './options.ts'
import { columns } from './table.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface LoadOptions {
  readonly target?: string
  readonly queueUrl?: string
  readonly region?: string
  readonly way?: LoadPlan['way']
  readonly recipients?: number
  readonly budget: number
  readonly duration: number
  readonly dialect: LoadPlan['dialect']
  readonly shape: LoadPlan['shape']
  readonly batch: number
  readonly rate?: number
  readonly job?: string
  readonly userids?: { readonly first: number; readonly count: number }
  readonly certificates: boolean
  readonly tenant: number
  readonly mailRate?: number
  readonly faults?: string
  readonly listen: string
  readonly publicUrl?: string
  readonly mailpit?: string
  readonly mailEvents?: string
  readonly iOwnThisTarget?: boolean
  readonly allowDomain?: readonly string[]
  readonly quietFor: number
  readonly k6?: string
  readonly dryRun?: boolean
  readonly resume?: string
  readonly reportDir: string
  readonly json?: boolean
}

const timeFlag = (text: string): number => {
  const read = duration.safeParse(text)
  if (read.success) return read.data
  throw new InvalidArgumentError('It must be a time such as 30s or 30m.')
}

const useridsFlag = (text: string) => {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? []
  const count = Number(last) - Number(first) + 1
  if (count >= 1) return { first: Number(first), count }
  throw new InvalidArgumentError('It must be the first and the last, such as 1001-1200.')
}

export function define(command: Command): void {
  command
    .description(
      'Will this deployment do it? Runs k6 against an emulator of its own, or a target that is named; takes the callbacks,\n' +
        'counts the mails, and judges what arrived: lost, twice, late, refused, and what was the bottleneck.',
    )
    .addArgument(new Argument('[scenario]', 'what is tried').choices([...scenarios]).default('budget'))
    .optionsGroup('What is sent:')
    .option('--recipients <n>', 'how many (default 50000)', whole(1, 10_000_000))
    .option('--budget <time>', 'in which all must have come to an end', timeFlag, 1_800_000)
    .option('--duration <time>', 'of ingest, callbacks, spike and tenants', timeFlag, 30_000)
    .addOption(new Option('--way <way>', 'the way in').choices(['api', 'sqs', 'worker-url']))
    .addOption(new Option('--dialect <name>', 'in which form').choices([...dialects]).default('spec'))
    .addOption(
      new Option('--shape <shape>', 'how recipients are put into messages')
        .choices(['batches', 'one-message', 'one-recipient-jobs'])
        .default('batches'),
    )
    .option('--batch <n>', 'recipients in a batch', whole(1, 10_000), 200)
    .option(
      '--rate <n>',
      'recipients submitted a second, at most (default 5000; beyond this machine 200)',
      whole(1, 100_000),
    )
    .option('--job <id>', 'of callbacks: the job that the Moodle knows')
    .option('--userids <first-last>', 'of callbacks: its recipients', useridsFlag)
    .option('--no-certificates', 'mails alone')
    .option('--tenant <n>', 'whose jobs they are', whole(0, 2_000_000_000), 1)
    .optionsGroup('To whom (default: an emulator that is started for the run, on free ports):')
    .option('--target <url>', 'the API Gateway, the Worker, or a running emulator')
    .option('--queue-url <url>', 'the SQS queue; credentials come from the usual chain')
    .option('--region <region>', 'of the queue')
    .option('--i-own-this-target', 'it is yours, and nobody is using it')
    .option('--allow-domain <domain>', 'mails may go there, instead of to SES’s simulator; may be repeated', repeated)
    .option('--public-url <url>', 'where the deployment reaches the receiver of callbacks')
    .option('--listen <host:port>', 'where it listens', '127.0.0.1:0')
    .option('--mailpit <url>', 'who sees the mails: a Mailpit')
    .option('--mail-events <queue-url>', 'who sees the mails: a queue that SES publishes its events to')
    .option('--quiet-for <time>', 'what has not come after so long without anything is lost', timeFlag, 300_000)
    .optionsGroup('The emulator of its own:')
    .option('--mail-rate <n>', 'mails a second that its worker sends', whole(1, 1_000_000))
    .option('--faults <file>', 'what goes wrong on purpose')
    .optionsGroup('How:')
    .option('--dry-run', 'send nothing: say what would be sent, what it would cost, and whether it can pass')
    .option('--resume <run>', 'go on with a run that was interrupted: its folder, or its id')
    .option('--k6 <path>', 'k6 (default: on the PATH, else grafana/k6 by Docker)')
    .option('--report-dir <folder>', 'where reports go', '.offload/load')
  withJson(command)
  examples(command, [
    ['offload load', '50,000 recipients in 30 minutes, on an emulator of its own'],
    ['offload load --recipients 2000 --mail-rate 14 --budget 1m', 'what a slow mail rate does'],
    ['offload load ingest', 'how many submissions a second, until answers become slow'],
    [
      'offload load --target https://api.example.com/prod --i-own-this-target --public-url https://tunnel.example --dry-run',
      'what a real run would send and cost',
    ],
  ])
  command.addHelpText(
    'after',
    '\nExits 0 where all holds, 99 where something does not or could not be seen, 2 and 3 where it could not begin.',
  )
  command.action((scenario: ScenarioName, options: LoadOptions) => load(scenario, options))
}

async function load(scenario: ScenarioName, options: LoadOptions): Promise<void> {
  const { json, reportDir } = options
  const terminal = createTerminal({ json })
  const clock = systemClock()
  try {
    if (options.dryRun === true)
      return await tryDry(terminal, makePlan(requestOf(scenario, options, clock.now())), options)
    const { folder, plan, resume } = begin(scenario, options, clock)
    const description = await descriptionOf(plan)
    const k6 = findK6({ given: options.k6 })
    const interruption = listenForInterruption(clock)
    const stop = new AbortController()
    void interruption.happened.then(() => stop.abort())
    const keys = stopKey(terminal, () => stop.abort())
    terminal.say(`${terminal.style('bold', plan.scenario)}  ${headline(plan)}`)
    const progress = await createLoadProgress(terminal, clock)
    let result: LoadResult
    try {
      result = await runLoad(plan, {
        clock,
        k6,
        folder,
        resume,
        secrets: secretsFrom(process.env),
        stop: stop.signal,
        say: (text) => terminal.note(`offload: ${text}`),
        onProgress: progress.update,
        before: (reached) => canary(plan, reached, { options, clock, terminal, resume }),
        ...(description?.ses.seen === true && description.ses.rate > 0
          ? { mailRate: { perSecond: description.ses.rate, setting: "SES's send rate" } }
          : {}),
      })
    } finally {
      progress.stop()
      keys.stop()
    }
    writeReports(result, folder)
    tell(terminal, result, folder)
    process.exitCode = result.interrupted ? 130 : result.verdict === 'pass' ? 0 : 99
  } catch (error) {
    throw error instanceof EmulatorError ? explained(error, reportDir) : error
  }
}

/** Only what was named as AWS's is asked: a target of this machine has its own. */
async function descriptionOf({ target, way }: LoadPlan): Promise<DeploymentDescription | undefined> {
  if (target.kind === 'own') return undefined
  const { url, queueUrl, region } = target
  const elsewhere = url !== '' && !isLoopback(new URL(url).hostname)
  if (queueUrl === undefined && !(elsewhere && way === 'api')) return undefined
  return await describeDeployment({ queueUrl, region })
}

async function canary(
  plan: LoadPlan,
  reached: Reached,
  { options, clock, terminal, resume }: { options: LoadOptions; clock: Clock; terminal: Terminal; resume: boolean },
) {
  // The stand-in for Moodle, and an emulator of our own, need no proof; a run that goes on has had its.
  if (plan.target.kind === 'own' || plan.scenario === 'callbacks' || resume) return undefined
  if (plan.scenario === 'ingest' && isLoopback(new URL(reached.url || reached.queueUrl).hostname)) return undefined
  terminal.note('offload: one canary first')
  const { reason, listensOn } = await sendCanary(plan, reached, {
    clock,
    ownsTarget: options.iOwnThisTarget ?? false,
    allowedDomains: options.allowDomain ?? [],
  })
  terminal.note(`offload: the canary was ${reason}`)
  return { listensOn }
}

async function tryDry(terminal: Terminal, plan: LoadPlan, { publicUrl, listen }: LoadOptions): Promise<void> {
  const { style } = terminal
  const callbackUrl = `${(publicUrl ?? `http://${listen.replace(/:0$/, ':PORT')}`).replace(/\/+$/, '')}${callbackPaths[plan.dialect === 'plugin' ? 'plugin' : 'spec']}`
  const dry = dryRun(plan, await descriptionOf(plan), readPrices(), callbackUrl)
  terminal.record({ event: 'dry-run', ...dry })
  terminal.say(`${style('bold', 'It would send')}  (nothing was sent)`)
  for (const line of dry.sends) terminal.say(`  ${line}`)
  if (dry.deployment.length > 0) terminal.say(`\n${style('bold', 'The deployment')}`)
  for (const line of dry.deployment) terminal.say(`  ${line}`)
  const { lines, total, currency, asOf } = dry.cost
  const where = plan.target.kind === 'own' ? 'It would cost on AWS' : 'It would cost'
  terminal.say(
    `\n${style('bold', where)}  ${currency} ${total.toFixed(2)} (list prices as of ${asOf}, load/prices.yaml)`,
  )
  terminal.say(
    columns(
      ['  service', 'what', 'requests', currency],
      lines.map(({ service, what, requests, price }) => [`  ${service}`, what, number(requests), price.toFixed(4)]),
    ),
  )
  terminal.say(`\n${style('bold', 'It can')}  ${style(dry.passes ? 'green' : 'red', dry.foretold)}`)
  for (const line of dry.obstacles) terminal.say(`  ${style('red', '✗')} ${line}`)
  for (const line of dry.warnings) terminal.say(`  ${style('yellow', '!')} ${line}`)
  if (!dry.passes) process.exitCode = 99
}

function begin(
  scenario: ScenarioName,
  options: LoadOptions,
  clock: Clock,
): { folder: RunFolder; plan: LoadPlan; resume: boolean } {
  if (options.resume !== undefined) {
    const folder = findRunFolder(options.reportDir, options.resume)
    return { folder, plan: folder.plan(), resume: true }
  }
  const plan = makePlan(requestOf(scenario, options, clock.now()))
  const id = new Date(clock.now()).toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '')
  return { folder: createRunFolder(options.reportDir, id, plan), plan, resume: false }
}

function requestOf(scenario: ScenarioName, options: LoadOptions, now: number): LoadRequest {
  return {
    ...options,
    scenario,
    budgetMs: options.budget,
    durationMs: options.duration,
    ownsTarget: options.iOwnThisTarget ?? false,
    allowedDomains: options.allowDomain ?? [],
    quietMs: options.quietFor,
    now,
  }
}

function secretsFrom(environment: Readonly<Record<string, string | undefined>>) {
  return {
    token: environment['OFFLOAD_INGEST_TOKEN'] || 'offload-dev-token',
    callbackSecret: environment['OFFLOAD_CALLBACK_SECRET'] || 'offload-dev-secret',
    pluginToken: environment['OFFLOAD_PLUGIN_TOKEN'] || 'offload-dev-plugin-token',
  }
}

function headline(plan: LoadPlan): string {
  const { scenario, lowest, highest, durationMs } = plan
  if (scenario === 'ingest' || scenario === 'callbacks') {
    const what = scenario === 'ingest' ? 'submissions' : 'callbacks'
    return `from ${number(lowest)} to ${number(highest)} ${what} a second, in ${time(durationMs)}`
  }
  return `${number(plan.recipients)} recipients within ${time(plan.budgetMs)}`
}

/** `q` on a terminal, beside Ctrl-C. */
function stopKey(terminal: Terminal, stop: () => void): { stop(): void } {
  const { stdin } = process
  if (!terminal.live || !stdin.isTTY) return { stop: () => {} }
  const onKey = (key: Buffer) => {
    const text = key.toString()
    // In raw mode Ctrl-C is a key as any other.
    if (text === '\u0003') process.kill(process.pid, 'SIGINT')
    else if (text === 'q') stop()
  }
  stdin.setRawMode(true).resume().on('data', onKey)
  return {
    stop() {
      stdin.off('data', onKey).setRawMode(false).pause()
    },
  }
}

const lineEveryMs = 5000

/** A bar on a terminal, else a line now and then. */
async function createLoadProgress(terminal: Terminal, clock: Clock) {
  if (!terminal.live) {
    let next = 0
    return {
      update(progress: Progress) {
        if (clock.monotonic() < next) return
        next = clock.monotonic() + lineEveryMs
        terminal.note(`  ${inWords(progress)}`)
      },
      stop: () => {},
    }
  }
  const { default: cliProgress } = await import('cli-progress')
  const bar = new cliProgress.SingleBar(
    {
      format: '  {bar} {words}  (q stops)',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    },
    cliProgress.Presets.shades_classic,
  )
  let begun = false
  return {
    update(progress: Progress) {
      const words = inWords(progress)
      if (begun) bar.update(progress.done, { words })
      else bar.start(progress.recipients, progress.done, { words })
      begun = true
    },
    stop: () => bar.stop(),
  }
}

function inWords({ done, mailed, recipients, submitted, failed, depth, at }: Progress): string {
  const rate = at > 0 ? (Math.max(done, mailed ?? 0) / at) * 1000 : 0
  return [
    `${number(done)} of ${number(recipients)}`,
    `${number(submitted)} submitted`,
    ...(mailed === null ? [] : [`${number(mailed)} mailed`]),
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(depth === null ? [] : [`${number(depth)} queued`]),
    `${number(rate)}/s`,
    time(at),
  ].join('  ')
}

function writeReports(result: LoadResult, folder: RunFolder): void {
  writeFileSync(folder.file('report.json'), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(folder.file('report.xml'), junitReport(`load-${result.scenario}`, result.findings))
  writeFileSync(folder.file('report.html'), htmlReport(result))
}

function tell(terminal: Terminal, result: LoadResult, folder: RunFolder): void {
  const { style } = terminal
  for (const finding of result.findings) {
    terminal.record(finding)
    if (finding.verdict === 'skip') continue
    terminal.say(`${markOf(finding, terminal)} ${finding.title}: ${finding.reason}`)
    if (finding.fix !== undefined) terminal.say(`    → ${finding.fix}`)
  }
  const verdict = { pass: 'passed', fail: 'failed', unobserved: 'no pass: not all could be seen', skip: 'skipped' }[
    result.verdict
  ]
  const tone = result.verdict === 'pass' ? 'green' : result.verdict === 'fail' ? 'red' : 'yellow'
  terminal.say(
    `\n${style(tone, result.interrupted ? `interrupted; ${verdict}` : verdict)}  ${result.submission}, ${result.target} (${number(result.seconds, 1)} s)`,
  )
  if (result.resumed !== undefined) terminal.say(resumedWords(result.resumed))
  terminal.say(`report: ${relative(process.cwd(), folder.file('report.html')) || folder.path}`)
  if (result.interrupted) terminal.say(`go on: ${call(`load --resume ${folder.id}`)}`)
  const { findings: _, samples: __, plan: ___, ...rest } = result
  terminal.record({ event: 'result', ...rest })
}

function explained(error: EmulatorError, base: string): Failure {
  const fix = error.details['fix']
  const lines = Array.isArray(fix) ? fix.map(String) : []
  const exit = error.code === 'unreachable' ? 3 : error.code === 'canary-failed' ? 1 : 2
  return new Failure(exit, error.message, { fix: error.code === 'no-run' ? [`runs are in ${base}`] : lines })
}
