import { Option, type Command } from 'commander'
import { canaryId, canaryTitle, receiverCases, type ReceiverCase } from '../../contracts/checks/receiver/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { nearest } from '../../contracts/nearest.ts'
import type { Described } from '../check/describe.ts'
import { conclude, markOf, readReporters, withReporters } from './check-output.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { casesOf, dialectOf, openMoodle, type MoodleOptions } from './moodle-target.ts'
import { examples, repeated, whole, withJson } from './options.ts'
import { columns } from './table.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface CheckOptions extends MoodleOptions {
  readonly json?: boolean
  readonly list?: boolean
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  readonly rubbish: boolean
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
  command.action((options: CheckOptions) => checkMoodle(options))
}

async function checkMoodle(options: CheckOptions): Promise<void> {
  const terminal = createTerminal(options)
  const reports = readReporters(options.reporter)
  const dialect = dialectOf(options)
  const asked = chosen(options)
  if (options.list === true) return list(terminal, asked, dialect)
  const cases = casesOf(dialect, asked)
  if (cases.length === 0) throw new Failure(2, 'no case is left', { fix: [call('check moodle --list')] })

  const findings: Described[] = []
  const moodle = await openMoodle(options, true)
  try {
    terminal.say(
      `${terminal.style('bold', moodle.name)} as \`${dialect}\`${dialect === 'detailed' ? ', whose callback no document gives: its body is our invention' : ''}`,
    )
    for await (const described of moodle.results(cases)) {
      findings.push(described)
      terminal.record(described)
      if (!options.json) sayCase(terminal, described, options.verbose === true)
    }
    if (!options.json) saySkipped(terminal, findings)
    const some = findings.some(({ verdict }) => verdict === 'skip' || verdict === 'unobserved')
    conclude(terminal, { suite: `moodle ${dialect}`, findings, reports, why: some ? moodle.why : [] })
  } finally {
    await moodle.close()
  }
}

function chosen({ only, skip = [], rubbish }: CheckOptions): ReceiverCase[] {
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

function sayCase(terminal: Terminal, described: Described, verbose: boolean): void {
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
