import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { everyScenario, findScenario, type Entry } from '../../scenarios/catalogue.ts'
import { spanned } from '../../scenarios/compare.ts'
import {
  differenceInWords,
  report,
  reportFiles,
  reporters,
  type Reported,
  type Reporter,
} from '../../scenarios/report.ts'
import { runMany } from '../../scenarios/run-many.ts'
import type { ScenarioResult } from '../../scenarios/run-scenario.ts'
import { systemClock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { health } from './answers.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { examples, withJson } from './options.ts'
import { openDeployment, withDeployment, type DeploymentOptions } from './scenario-target.ts'
import { columns } from './table.ts'
import { createTarget, targetUrl } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

interface RunOptions extends DeploymentOptions {
  readonly all?: boolean
  readonly seed?: string
  readonly real?: boolean
  readonly url?: string
  readonly reporter?: readonly Reporter[]
  readonly reportDir: string
  readonly json?: boolean
}

export function define(command: Command): void {
  command.description(
    'What may happen to a job, played from its beginning to its end, and whether it came out as it should.',
  )

  const listing = command.command('list').description('Lists the scenarios, with what each shows.')
  withJson(listing)
  listing.action((options: { json?: boolean }) => list(options))

  const running = command
    .command('run [name...]')
    .description('Runs scenarios, by name or from a YAML file of your own; in virtual time, on an emulator of its own.')
    .option('--all', 'every scenario there is')
    .option('--seed <seed>', "instead of the scenario's own: other people, other ids, other victims of a share")
    .option('--real', 'in real time, on free ports; what cannot be is skipped')
    .option('--url <url>', 'on this running emulator, in real time: those that inject nothing')
    .option('--reporter <names>', 'also write reports: junit, json, or both', readReporters)
    .option('--report-dir <folder>', 'where they go', '.')
  withDeployment(withJson(running))
  examples(running, [
    ['offload scenario run csv-import', 'one of them'],
    ['offload scenario run --all --reporter junit', 'all of them, for CI'],
    ['offload scenario run worker-dies --seed 7', 'once more, as the last line of a failure says'],
    ['offload scenario run csv-import --url http://127.0.0.1:4566', 'on an emulator that runs already'],
    [
      'offload scenario run csv-import --target https://ID.execute-api.eu-west-1.amazonaws.com/prod --listen 127.0.0.1:8099 --public-url https://my-tunnel.example --i-own-this-target',
      'on a deployment',
    ],
    ['offload scenario run ./mine.yaml', 'one of your own'],
  ])
  running.addHelpText(
    'after',
    '\nExits 0 where all came out as they should, 1 where one did not, 2 where one cannot be read.',
  )
  running.action((names: string[], options: RunOptions) => run(names, options))
  examples(command, [
    ['offload scenario list', 'what there is'],
    ['offload scenario run --all', 'all of it'],
  ])
}

function readReporters(text: string): Reporter[] {
  const names = text.split(',').map((name) => name.trim())
  const known: readonly string[] = reporters
  if (names.every((name) => known.includes(name))) return names as Reporter[]
  throw new InvalidArgumentError(`It must be ${reporters.join(', ')}, or both with a comma between.`)
}

function list({ json }: { json?: boolean }): void {
  const terminal = createTerminal({ json })
  const entries = found(everyScenario)
  for (const { name, file, scenario } of entries) terminal.record({ name, why: scenario.why, file })
  if (json === true) return
  terminal.say(
    columns(
      ['scenario', 'shows'],
      entries.map(({ name, scenario }) => [name, scenario.why]),
    ),
  )
}

async function run(names: readonly string[], options: RunOptions): Promise<void> {
  const { all = false, json, reporter = [], reportDir, seed, real, url } = options
  const terminal = createTerminal({ json })
  const clock = systemClock()
  const began = clock.monotonic()
  if (!all && names.length === 0) {
    throw new Failure(2, 'which one?', {
      fix: [`${call('scenario list')} names them`, `or take all: ${call('scenario run --all')}`],
    })
  }
  const entries = found(() => (all ? everyScenario() : [...new Set(names)].map(findScenario)))
  // Those from a file of the caller's.
  const own = new Set(names.filter((each) => each.endsWith('.yaml')).map((each) => findScenario(each).name))
  if (url !== undefined) await createTarget(url).get('/_offload/health', health)
  const deployment = await openDeployment(options)
  const results: Reported[] = []
  const width = Math.max(...entries.map(({ name }) => name.length))
  const running = new Set<string>()
  const progress = (text: string) => {
    if (terminal.live) process.stderr.write(`\r\u001b[K${text}`)
  }
  await runMany(entries, {
    seed,
    real,
    on: url === undefined ? undefined : { url: targetUrl(url), token: process.env['OFFLOAD_INGEST_TOKEN'] },
    deployment,
    began({ name }) {
      running.add(name)
      progress(`  ${[...running].join(', ')} …`)
    },
    ended({ name, file }, result) {
      running.delete(name)
      progress('')
      const reported = { id: name, ...result, file, again: again(own.has(name) ? file : name, result, options) }
      results.push(reported)
      terminal.record(reported)
      if (json !== true) say(terminal, reported, width)
      if (running.size > 0) progress(`  ${[...running].join(', ')} …`)
    },
  }).finally(() => deployment?.close())
  const failed = results.filter(({ verdict }) => verdict === 'fail').length
  const skipped = results.filter(({ verdict }) => verdict === 'skip').length
  const seconds = (clock.monotonic() - began) / 1000
  const words = [
    `${results.length - failed - skipped} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  if (results.length > 1) terminal.say(`\n${words.join(', ')} (${seconds.toFixed(1)} s)`)
  if (reporter.length > 0) mkdirSync(reportDir, { recursive: true })
  for (const each of reporter) {
    const path = join(reportDir, reportFiles[each])
    writeFileSync(path, report(each, results))
    terminal.note(`offload: wrote ${path}`)
  }
  process.exitCode = failed === 0 ? 0 : 1
}

function again(name: string, { seed }: ScenarioResult, { real = false, url, target, queueUrl }: RunOptions): string {
  const where = [
    ...(real ? ['--real'] : []),
    ...(url === undefined ? [] : [`--url ${url}`]),
    ...(target === undefined ? [] : [`--target ${target}`]),
    ...(queueUrl === undefined ? [] : [`--queue-url ${queueUrl}`]),
  ]
  return call(['scenario run', name, '--seed', seed, ...where].join(' '))
}

function say({ say: line, style }: Terminal, result: Reported, width: number): void {
  const { name, verdict, account, seconds, insideSeconds, file, differences, unobserved, seed } = result
  const mark = { pass: style('green', '✓'), fail: style('red', '✗'), skip: style('dim', '-') }[verdict]
  const times =
    verdict === 'skip'
      ? (result.reason ?? '')
      : `${account}  ${style('dim', `${spanned(insideSeconds * 1000)} in ${seconds} s`)}`
  line(`${mark} ${name.padEnd(width)}  ${times}`)
  const unseen = new Set(unobserved.map((path) => path.replace(/^expect\.(jobs\.[^.]+\.)?/, '')))
  if (unseen.size > 0) line(style('dim', `    not seen from outside: ${[...unseen].join(', ')}`))
  if (verdict !== 'fail') return
  const [first] = differences
  if (first !== undefined) line(`    ${style('red', differenceInWords(file, first))}`)
  if (differences.length > 1) line(`    and ${differences.length - 1} more: --json shows them`)
  line(`    seed ${seed}; again: ${result.again}`)
}

/** Scenarios that are there and can be read. */
function found(find: () => Entry[]): Entry[] {
  try {
    return find()
  } catch (error) {
    if (!(error instanceof EmulatorError)) throw error
    const { lines } = error.details
    throw new Failure(2, error.message, { evidence: Array.isArray(lines) ? lines.map(String) : [] })
  }
}
