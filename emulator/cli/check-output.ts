import { appendFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { summaryLine, tallyOf, type Finding } from '../../contracts/checks/verdict.ts'
import {
  githubAnnotations,
  githubSummary,
  jsonReport,
  junitReport,
  reporters,
  type Reported,
  type Reporter,
} from '../check/reports.ts'
import { messageOf } from '../kernel/errors.ts'
import { Failure } from './failure.ts'
import type { Terminal } from './terminal.ts'

interface ReportTo {
  readonly reporter: Reporter
  readonly file: string
}

/** `--reporter junit,json=report.json,github`. */
export function withReporters(command: Command): Command {
  return command.option(
    '--reporter <list>',
    'write reports too: junit[=FILE], json[=FILE] (offload-check.xml, offload-check.json), github (annotations, job summary)',
  )
}

const files: Readonly<Record<Reporter, string>> = { junit: 'offload-check.xml', json: 'offload-check.json', github: '' }

export function readReporters(list: string | undefined): ReportTo[] {
  return (list ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [name = '', ...file] = part.trim().split('=')
      const reporter = reporters.find((known) => known === name)
      if (reporter === undefined) throw new Failure(2, `--reporter ${name}: there are ${reporters.join(', ')}`)
      return { reporter, file: file.length === 0 ? files[reporter] : file.join('=') }
    })
}

/** Writes the reports, says the summary line, and sets the exit code. */
export function conclude(
  terminal: Terminal,
  {
    suite,
    findings,
    why = [],
    reports,
  }: {
    suite: string
    findings: readonly Reported[]
    /** Why some cases could not be run or seen, for the summary line. */
    why?: readonly string[]
    reports: readonly ReportTo[]
  },
): void {
  const tally = tallyOf(findings)
  const summary = summaryLine(tally, why)
  for (const { reporter, file } of reports) {
    if (reporter === 'github') tellGithub(suite, summary, findings)
    else write(file, reporter === 'junit' ? junitReport(suite, findings) : jsonReport(suite, summary, findings))
  }
  terminal.say(`\n${terminal.style(tally.failed > 0 ? 'red' : 'green', summary)}`)
  if (tally.failed > 0) process.exitCode = 1
  else if (tally.passed + tally.known + tally.advised + tally.unobserved === 0) throw new Failure(2, 'no case was run')
}

/** Commands to the runner are read from stderr as well, so that stdout stays NDJSON with `--json`. */
function tellGithub(suite: string, summary: string, findings: readonly Reported[]): void {
  for (const line of githubAnnotations(suite, findings)) process.stderr.write(`${line}\n`)
  const page = process.env['GITHUB_STEP_SUMMARY']
  if (page !== undefined && page !== '') appendFileSync(page, githubSummary(suite, summary, findings))
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new Failure(2, `the report ${file} cannot be written: ${messageOf(error)}`)
  }
}

const marks = { pass: ['green', '✓'], fail: ['red', '✗'], skip: ['dim', '-'], unobserved: ['yellow', '?'] } as const

export function markOf(
  { verdict, level, known }: Pick<Finding, 'verdict' | 'level' | 'known'>,
  { style }: Pick<Terminal, 'style'>,
): string {
  if (verdict === 'fail' && known === true) return style('yellow', '=')
  if (verdict === 'fail' && level === 'advised') return style('yellow', '!')
  const [tone, sign] = marks[verdict]
  return style(tone, sign)
}
