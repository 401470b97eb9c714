import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { dryRun } from '../../load/run/dry-run.ts'
import type { LoadPlan } from '../../load/run/plan.ts'
import { readPrices } from '../../load/run/prices.ts'
import { htmlReport, resumedWords } from '../../load/run/report/html.ts'
import type { LoadResult } from '../../load/run/result.ts'
import type { RunFolder } from '../../load/run/run-folder.ts'
import { number, time } from '../../load/run/words.ts'
import { junitReport } from '../check/reports.ts'
import type { DeploymentDescription } from '../deployment/description.ts'
import { callbackPaths } from '../moodle/submission.ts'
import { markOf } from './check-output.ts'
import { call } from './invocation.ts'
import { columns } from './table.ts'
import type { Terminal } from './terminal.ts'

/** What a run is about to do. */
export function headline(plan: LoadPlan): string {
  const { scenario, lowest, highest, durationMs } = plan
  if (scenario === 'ingest' || scenario === 'callbacks') {
    const what = scenario === 'ingest' ? 'submissions' : 'callbacks'
    return `from ${number(lowest)} to ${number(highest)} ${what} a second, in ${time(durationMs)}`
  }
  return `${number(plan.recipients)} recipients within ${time(plan.budgetMs)}`
}

/** Says what a run would do; returns the exit code. */
export function sayDryRun(
  terminal: Terminal,
  plan: LoadPlan,
  description: DeploymentDescription | undefined,
  { publicUrl, listen }: { readonly publicUrl?: string; readonly listen: string },
): number {
  const { style } = terminal
  const callbackUrl = `${(publicUrl ?? `http://${listen.replace(/:0$/, ':PORT')}`).replace(/\/+$/, '')}${callbackPaths[plan.dialect === 'plugin' ? 'plugin' : 'spec']}`
  const dry = dryRun(plan, description, readPrices(), callbackUrl)
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
  return dry.passes ? 0 : 99
}

/** HTML, JSON and JUnit, beside what the run has kept. */
export function writeReports(result: LoadResult, folder: RunFolder): void {
  writeFileSync(folder.file('report.json'), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(folder.file('report.xml'), junitReport(`load-${result.scenario}`, result.findings))
  writeFileSync(folder.file('report.html'), htmlReport(result))
}

/** Each case, the verdict, and where to read on. */
export function sayResult(terminal: Terminal, result: LoadResult, folder: RunFolder): void {
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
  if (result.interrupted && result.scenario === 'budget') terminal.say(`go on: ${call(`load --resume ${folder.id}`)}`)
  const { findings: _, samples: __, plan: ___, ...rest } = result
  terminal.record({ event: 'result', ...rest })
}
