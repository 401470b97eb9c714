import type { Baseline } from '../../contracts/checks/baseline.ts'
import { wrongNames } from '../../contracts/checks/plan.ts'
import { isBroken, summaryLine, tallyOf } from '../../contracts/checks/verdict.ts'
import { readBaseline, writeBaseline } from '../check/baseline.ts'
import { runPlan, type Suite, type SuiteResult } from '../check/plan.ts'
import type { Reported } from '../check/reports.ts'
import { EmulatorError, messageOf } from '../kernel/errors.ts'
import { emulatorOfCheck, type EmulatorOfCheck } from './check-emulator.ts'
import { conclude, markOf, readReporters } from './check-output.ts'
import { cloudSuites, jobSuites, moodleSuites, scenarioSuite } from './check-suites.ts'
import { readConfiguration, type Configuration } from './configuration.ts'
import { Failure } from './failure.ts'
import { call } from './invocation.ts'
import { createTerminal, type Terminal } from './terminal.ts'

export interface AllOptions {
  readonly json?: boolean
  readonly config?: string
  readonly url?: string
  readonly reporter?: string
  readonly baseline?: string
  readonly updateBaseline?: boolean
  readonly verbose?: boolean
}

const example = `check:
  jobs: job.json
  moodle: { url: http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php, php: php }
  scenarios: [csv-import, worker-dies]`

/** `offload check` without more: what the configuration lists. */
export async function checkAll(options: AllOptions): Promise<void> {
  const terminal = createTerminal(options)
  const reports = readReporters(options.reporter)
  const configuration = await readConfiguration({ environment: process.env, file: options.config })
  for (const warning of configuration.warnings) terminal.note(`offload: ${warning}`)
  const emulator = emulatorOfCheck(terminal, options.url, configuration)
  const suites = suitesOf(configuration, emulator)
  const baseline = baselineOf(options)

  const runAll = async () => {
    try {
      return await runPlan(suites, {
        baseline,
        takeAll: options.updateBaseline,
        began: ({ name }) => terminal.say(terminal.style('bold', name)),
        found(finding) {
          terminal.record(finding)
          if (!terminal.json) sayFinding(terminal, finding, options.verbose === true)
        },
        ended: (result) => sayTally(terminal, result),
      })
    } finally {
      await emulator.stop()
    }
  }
  const { suites: results, ...next } = await runAll()
  if (options.baseline !== undefined) keep(terminal, options.baseline, next.baseline, options)
  const findings = results.flatMap((each) => each.findings)
  conclude(terminal, { suite: 'check', findings, reports, why: results.flatMap(whyOf) })
  const [broke] = results.flatMap((each) => (each.broke === undefined ? [] : [each.broke]))
  if (broke !== undefined) process.exitCode = broke instanceof Failure ? broke.exit : 2
}

function suitesOf(
  { config: { check, ...config }, input, file, placeOf }: Configuration,
  emulator: EmulatorOfCheck,
): Suite[] {
  if (check === undefined) {
    throw new Failure(2, `${file ?? 'offload.config.yaml'} lists nothing to check`, {
      evidence: ['for example:', ...example.split('\n')],
      fix: [`or name one thing: ${call('check job job.json')}, ${call('check moodle --help')}`],
    })
  }
  let suites: Suite[]
  try {
    suites = [
      ...(check.jobs === undefined ? [] : jobSuites(check.jobs)),
      ...(check.moodle === undefined ? [] : moodleSuites(check.moodle, config)),
      ...(check.cloud === undefined ? [] : cloudSuites(check.cloud, { secrets: input, emulator: emulator.get })),
      ...(check.scenarios === undefined ? [] : [scenarioSuite(check.scenarios)]),
    ]
  } catch (error) {
    if (!(error instanceof EmulatorError)) throw error
    const { lines } = error.details
    const where = error.code === 'no-scenario' ? [`named in ${placeOf(['check', 'scenarios'])}`] : []
    throw new Failure(2, error.message, { evidence: [...where, ...(Array.isArray(lines) ? lines.map(String) : [])] })
  }
  const lists = new Set<string>()
  const wrong = suites.flatMap(({ rules, at, cases, list }) =>
    wrongNames(rules, cases).map(({ path, reason }) => {
      if (list !== undefined) lists.add(`${call(list)} names the cases`)
      return `${placeOf([...at, ...path])} ${reason}`
    }),
  )
  for (const [index, { name, at }] of suites.entries()) {
    if (suites.findIndex((other) => other.name === name) === index) continue
    wrong.push(`${placeOf(at)}: there are two suites "${name}": give one a name of its own`)
  }
  const [first, ...others] = [...new Set(wrong)]
  if (first === undefined) return suites
  throw new Failure(2, others.length === 0 ? first : 'the cases are not right', {
    evidence: others.length === 0 ? [] : [first, ...others],
    fix: [...lists],
  })
}

function baselineOf({ baseline: file, updateBaseline = false }: AllOptions): Baseline | undefined {
  if (file === undefined) {
    if (updateBaseline) throw new Failure(2, '--update-baseline needs --baseline FILE, which it writes')
    return undefined
  }
  let baseline: Baseline | undefined
  try {
    baseline = readBaseline(file)
  } catch (error) {
    if (updateBaseline) return {}
    throw new Failure(2, `${file} is no baseline: ${messageOf(error)}`, { fix: ['--update-baseline writes it anew'] })
  }
  // Never made up: a run in CI whose baseline nobody has committed would pass for ever.
  if (baseline === undefined && !updateBaseline) {
    throw new Failure(2, `there is no baseline ${file}`, {
      fix: [`${call(`check --baseline ${file} --update-baseline`)} writes it; commit it`],
    })
  }
  return baseline ?? {}
}

function keep(terminal: Terminal, file: string, baseline: Baseline, { updateBaseline }: AllOptions): void {
  let changed: boolean
  try {
    changed = writeBaseline(file, baseline)
  } catch (error) {
    throw new Failure(2, `the baseline ${file} cannot be written: ${messageOf(error)}`)
  }
  if (!changed) return
  terminal.note(updateBaseline === true ? `wrote ${file}` : `better than before: ${file} is tightened, commit it`)
}

function sayFinding(terminal: Terminal, finding: Reported, verbose: boolean): void {
  const { id, title, verdict, reason, fix, path = '', known = false, curl } = finding
  const { style } = terminal
  if (!verbose && (known || verdict === 'pass' || verdict === 'skip' || verdict === 'unobserved')) return
  const where = path === '' ? id : `${id} ${path}`
  const level = known ? ' (known)' : verdict === 'fail' && !isBroken(finding) ? ' (advised)' : ''
  terminal.say(`  ${markOf(finding, terminal)} ${style('bold', where)}  ${title}: ${reason}${level}`)
  if (fix !== undefined) terminal.say(`      → ${fix}`)
  if (verbose && curl !== undefined && verdict === 'fail') terminal.say(style('dim', `      ${curl}`))
}

function sayTally(terminal: Terminal, result: SuiteResult): void {
  const tally = tallyOf(result.findings)
  terminal.say(`  ${terminal.style(tally.failed > 0 ? 'red' : 'green', summaryLine(tally, whyOf(result)))}`)
}

const whyOf = ({ suite, findings }: SuiteResult): readonly string[] =>
  findings.some(({ verdict }) => verdict === 'skip' || verdict === 'unobserved') ? (suite.why?.() ?? []) : []
