import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import { dialects } from '../../contracts/job.ts'
import { sendCanary } from '../../load/run/canary.ts'
import { findK6, scenarios, type ScenarioName } from '../../load/run/k6.ts'
import { makePlan, type LoadRequest } from '../../load/run/make-plan.ts'
import type { LoadPlan } from '../../load/run/plan.ts'
import type { LoadResult } from '../../load/run/result.ts'
import { createRunFolder, findRunFolder, type RunFolder } from '../../load/run/run-folder.ts'
import { runLoad } from '../../load/run/run-load.ts'
import type { Reached } from '../../load/run/k6-variables.ts'
import { describeDeployment, type DeploymentDescription } from '../deployment/description.ts'
import { isLoopback } from '../deployment/safety.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import { listenForInterruption } from './interruption.ts'
import { durationFlag, examples, repeated, whole, withJson } from './options.ts'
import { sayDryRun, sayResult, headline, writeReports } from './load-output.ts'
import { createLoadProgress, stopKey } from './load-progress.ts'
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
    .addOption(time('--budget <time>', 'in which all must have come to an end', 1_800_000, '30m'))
    .addOption(time('--duration <time>', 'of ingest, callbacks, spike and tenants', 30_000, '30s'))
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
    .addOption(time('--quiet-for <time>', 'what has not come after so long without anything is lost', 300_000, '5m'))
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
    if (options.dryRun === true) {
      const plan = makePlan(requestOf(scenario, options, clock.now()))
      process.exitCode = sayDryRun(terminal, plan, await descriptionOf(plan), options)
      return
    }
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
    sayResult(terminal, result, folder)
    process.exitCode = result.interrupted ? 130 : result.verdict === 'pass' ? 0 : 99
  } catch (error) {
    if (error instanceof EmulatorError && error.code === 'stopped') {
      terminal.note(`offload: ${error.message}`)
      // A canary on its way is waited for by nobody.
      process.exit(130)
    }
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

function begin(
  scenario: ScenarioName,
  options: LoadOptions,
  clock: Clock,
): { folder: RunFolder; plan: LoadPlan; resume: boolean } {
  if (options.resume !== undefined) {
    const folder = findRunFolder(options.reportDir, options.resume)
    const plan = folder.plan()
    if (plan.scenario === 'budget') return { folder, plan, resume: true }
    throw new EmulatorError('bad-load', `${plan.scenario} goes by time and cannot be resumed: begin it again`)
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

function explained(error: EmulatorError, base: string): Failure {
  const fix = error.details['fix']
  const lines = Array.isArray(fix) ? fix.map(String) : []
  const exit = error.code === 'unreachable' ? 3 : error.code === 'canary-failed' ? 1 : 2
  return new Failure(exit, error.message, { fix: error.code === 'no-run' ? [`runs are in ${base}`] : lines })
}

const time = (flags: string, words: string, milliseconds: number, shown: string): Option =>
  new Option(flags, words).argParser(durationFlag).default(milliseconds, shown)
