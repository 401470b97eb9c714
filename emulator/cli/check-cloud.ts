import { Option, type Command } from 'commander'
import { canaryId, canaryTitle, deploymentCases, type DeploymentCase } from '../../contracts/checks/deployment/index.ts'
import { dialects } from '../../contracts/job.ts'
import { nearest } from '../../contracts/nearest.ts'
import type { DescribedCloud } from '../check/describe-cloud.ts'
import { conclude, markOf, readReporters, withReporters } from './check-output.ts'
import { cloudCasesOf, openCloud, type CloudOptions } from './cloud-target.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { durationFlag, examples, repeated, whole, withJson } from './options.ts'
import { columns } from './table.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface CheckOptions extends CloudOptions {
  readonly json?: boolean
  readonly list?: boolean
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  readonly reporter?: string
  readonly verbose?: boolean
}

const canaryGroup = canaryId.split('/')[0] ?? canaryId

const listed = (value: string, before: readonly string[] = []): string[] => [
  ...before,
  ...value.split(',').map((part) => part.trim()),
]

const time = (flags: string, description: string, defaults?: readonly [ms: number, words: string]) => {
  const option = new Option(flags, description).argParser(durationFlag)
  return defaults === undefined ? option : option.default(...defaults)
}

export function defineCloud(command: Command): void {
  command
    .description('A conformance suite for a deployment: submissions, outcomes, certificates, callbacks, the queue.')
    .optionsGroup('The way in (one of them, and the queue beside it):')
    .option('--url <url>', 'an API Gateway, or an emulator: jobs go to URL/jobs')
    .option('--worker-url <url>', 'a Worker that takes jobs at its own address')
    .option('--queue-url <url>', "the SQS queue; credentials come from AWS's usual chain")
    .option('--region <region>', "default: the one in the queue's URL, then AWS's usual chain")
    .option('--token <token>', 'cloud_auth_token (default: OFFLOAD_INGEST_TOKEN)')
    .addOption(new Option('--dialect <name>', 'in which jobs are written').choices(dialects).default('spec'))
    .option('--tenant <n>', 'the company', whole(0, Number.MAX_SAFE_INTEGER), 1)
    .optionsGroup('The way back:')
    .option('--listen <host:port>', 'where callbacks are awaited (port 0 takes a free one)', '127.0.0.1:0')
    .option('--public-url <url>', 'under which the deployment reaches it: a tunnel')
    .option('--secret <secret>', 'cloud_callback_secret (default: OFFLOAD_CALLBACK_SECRET)')
    .option('--plugin-token <token>', "the plugin dialect's token (default: OFFLOAD_PLUGIN_TOKEN)")
    .optionsGroup('Who sees the mails (found by itself for an emulator; with nobody, what rests on it is unobserved):')
    .option('--mailpit <url>', 'a Mailpit')
    .option('--mail-events <queue-url>', "a queue that gets SES's event publishing: ours are taken out of it")
    .optionsGroup('Safety:')
    .option('--i-own-this-target', 'needed beyond this machine: jobs and mails go to it')
    .option('--allow-domain <domain>', "whose mailboxes may be mailed, instead of SES's simulator", repeated)
    .optionsGroup('How long things may take:')
    .addOption(time('--patience <time>', 'for what must come: an outcome, a second attempt', [60_000, '60s']))
    .addOption(
      time(
        '--first-retry <time>',
        'when a refused callback comes again at first (default: 5s, or what an emulator says)',
      ),
    )
    .addOption(time('--callback-timeout <time>', 'when the deployment gives up waiting for an answer', [30_000, '30s']))
    .addOption(time('--settle <time>', 'for what must not come', [2000, '2s']))
    .option('--throughput <n>', 'recipients of the job that is measured', whole(1, 1000), 50)
    .option('--concurrency <n>', 'cases at once', whole(1, 64), 12)
    .optionsGroup('Which cases:')
    .option('--list', 'show the cases, run none')
    .option('--only <ids>', 'these cases or groups, e.g. callback,queue/poison-dead-letter; may be repeated', listed)
    .option('--skip <ids>', 'without these; may be repeated', listed)
    .option('--seed <seed>', 'the same jobs again, which a deployment that remembers knows (default: a new one)')
    .optionsGroup('Output:')
    .option('--verbose', 'each submission, answer and callback, with a command that repeats it')
  withReporters(withJson(command))
  examples(command, [
    ['offload check cloud --list', 'what is checked'],
    [
      'offload check cloud --url http://127.0.0.1:4566 --queue-url http://127.0.0.1:4566/000000000000/manireports-jobs',
      'an emulator, whatever its worker is',
    ],
    [
      'offload check cloud --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/manireports-jobs --mail-events https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events --listen 127.0.0.1:8099 --public-url https://my-tunnel.example --i-own-this-target',
      'a deployment on AWS',
    ],
    ['offload check cloud --url … --only canary', 'whether the way there and back is open'],
    ['offload check cloud --url … --only certificate,retry/redirect', 'some'],
    ['offload check cloud --url … --reporter junit,github', 'in CI'],
  ])
  command.action((options: CheckOptions) => run(options))
}

async function run(options: CheckOptions): Promise<void> {
  const terminal = createTerminal(options)
  const reports = readReporters(options.reporter)
  const { dialect } = options
  const asked = chosen(options)
  if (options.list === true) return list(terminal, asked, options)
  const cases = cloudCasesOf(dialect, asked)
  const alone = options.only?.some((name) => name === canaryId || name === canaryGroup) === true
  if (cases.length === 0 && !alone) throw new Failure(2, 'no case is left', { fix: [call('check cloud --list')] })

  const findings: DescribedCloud[] = []
  const cloud = await openCloud(options)
  try {
    terminal.say(`${terminal.style('bold', cloud.name)} as \`${dialect}\`, seed ${cloud.seed}`)
    for (const line of cloud.about) terminal.say(terminal.style('dim', line))
    for await (const described of cloud.results(cases)) {
      findings.push(described)
      terminal.record(described)
      if (!terminal.json) sayCase(terminal, described, options.verbose === true)
    }
    if (!terminal.json) saySkipped(terminal, findings)
    const some = findings.some(({ verdict }) => verdict === 'skip' || verdict === 'unobserved')
    conclude(terminal, { suite: `cloud ${dialect}`, findings, reports, why: some ? cloud.why : [] })
  } finally {
    await cloud.close()
  }
}

function chosen({ only, skip = [] }: CheckOptions): DeploymentCase[] {
  const groups = [...new Set(deploymentCases.map(({ id }) => id.split('/')[0] ?? ''))]
  const known = [canaryId, canaryGroup, ...groups, ...deploymentCases.map(({ id }) => id)]
  for (const name of [...(only ?? []), ...skip]) {
    if (known.includes(name)) continue
    const meant = nearest(name, known)
    throw new Failure(2, `${name} is no case${meant === undefined ? '' : `; ${meant} was meant?`}`, {
      fix: [call('check cloud --list')],
    })
  }
  const names = (list: readonly string[]) => (id: string) =>
    list.some((name) => name === id || name === id.split('/')[0])
  return deploymentCases.filter(({ id }) => (only === undefined || names(only)(id)) && !names(skip)(id))
}

function list(terminal: Terminal, cases: readonly DeploymentCase[], { dialect }: CheckOptions): void {
  for (const { id, title, level, needs, except } of cases) {
    terminal.record({ id, title, level, needs, dialects: dialects.filter((one) => except[one] === undefined) })
  }
  if (terminal.json) return
  const rows = cases.map(({ id, title, level, needs, except }) => [
    id,
    except[dialect] === undefined ? needs.join(', ') : `not in ${dialect}`,
    level === 'advised' ? level : '',
    title,
  ])
  terminal.say(columns(['case', 'needs', '', 'what must hold'], [[canaryId, '', '', canaryTitle], ...rows]))
}

function sayCase(terminal: Terminal, described: DescribedCloud, verbose: boolean): void {
  const { id, title, verdict, reason, fix, level, submissions, callbacks, again } = described
  const { style } = terminal
  if (verdict === 'skip' && !verbose) return
  const advised = level === 'advised' && verdict === 'fail' ? ' (advised)' : ''
  terminal.say(`${markOf(described, terminal)} ${style('bold', id)}  ${title}: ${reason}${advised}`)
  if (fix !== undefined) terminal.say(`    → ${fix}`)
  if (verdict !== 'fail' && !verbose) return
  const dim = (text: string) => terminal.say(style('dim', `    ${text}`))
  for (const [nth, { to, bytes, answer, again: command }] of submissions.entries()) {
    const words = answer.body.replace(/\s+/g, ' ').trim().slice(0, 120)
    dim(`sent by ${to}, ${bytes} bytes; answered ${answer.status ?? 'nothing'}${words === '' ? '' : `: ${words}`}`)
    if (verbose || nth === submissions.length - 1)
      dim(command.length > longestShown ? `${command.slice(0, longestShown)}… (whole: --json)` : command)
  }
  for (const { after, method, path, bytes, answered, problem, authentic } of callbacks) {
    const faults = [...(problem === undefined ? [] : [problem]), ...(authentic === false ? ['not authentic'] : [])]
    dim(
      `${(Math.abs(after) / 1000).toFixed(1)} s ${after < 0 ? 'before the answer' : 'later'} ${method} ${path}, ${bytes} bytes; answered ${answered === 'hang' ? 'nothing' : answered}${faults.length === 0 ? '' : `; ${faults.join(', ')}`}`,
    )
  }
  if (submissions.length > 0) dim(again)
}

const longestShown = 2000

/** What was skipped, by its reason. */
function saySkipped(terminal: Terminal, findings: readonly DescribedCloud[]): void {
  const skipped = findings.filter(({ verdict }) => verdict === 'skip')
  for (const [reason, of] of Map.groupBy(skipped, (finding) => finding.reason)) {
    const ids = of.map(({ id }) => id)
    const shown = ids.length > 4 ? `${ids.slice(0, 3).join(', ')} and ${ids.length - 3} more` : ids.join(', ')
    terminal.say(terminal.style('dim', `- ${ids.length} skipped: ${reason} (${shown})`))
  }
}
