import type { Difference, ScenarioResult } from './run-scenario.ts'

export const reporters = ['junit', 'json'] as const
export type Reporter = (typeof reporters)[number]

export const reportFiles: Readonly<Record<Reporter, string>> = {
  junit: 'scenarios.junit.xml',
  json: 'scenarios.json',
}

/** A result with the command that repeats it. */
export interface Reported extends ScenarioResult {
  /** As every verdict has one: the scenario's name. */
  readonly id: string
  readonly file: string
  readonly again: string
}

/** `scenarios/csv-import.yaml:14 expect.jobs.import.sent: expected 498, got 500`. */
export function differenceInWords(file: string, { line, at, expected, got }: Difference): string {
  return `${line === undefined ? file : `${file}:${line}`} ${at}: expected ${expected}, got ${got}`
}

export function report(reporter: Reporter, results: readonly Reported[]): string {
  return reporter === 'json' ? `${JSON.stringify(summary(results), null, 2)}\n` : junit(results)
}

const countOf = (results: readonly ScenarioResult[], wanted: ScenarioResult['verdict']) =>
  results.filter(({ verdict }) => verdict === wanted).length

function summary(results: readonly Reported[]) {
  return {
    passed: countOf(results, 'pass'),
    failed: countOf(results, 'fail'),
    skipped: countOf(results, 'skip'),
    results,
  }
}

// What no XML may hold is left out.
const escape = (text: string) =>
  text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

function junit(results: readonly Reported[]): string {
  const time = results.reduce((sum, { seconds }) => sum + seconds, 0)
  const cases = results.map(({ name, file, verdict, differences, seconds, reason, again }) => {
    const head = `    <testcase classname="scenarios" name="${escape(name)}" file="${escape(file)}" time="${seconds}"`
    if (verdict === 'pass') return `${head}/>`
    if (verdict === 'skip') return `${head}><skipped message="${escape(reason ?? '')}"/></testcase>`
    const lines = differences.map((difference) => differenceInWords(file, difference))
    const text = [...lines, `Again: ${again}`].join('\n')
    return `${head}><failure message="${escape(lines[0] ?? '')}">${escape(text)}</failure></testcase>`
  })
  const counts = `tests="${results.length}" failures="${countOf(results, 'fail')}" skipped="${countOf(results, 'skip')}"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="offload scenarios" ${counts} time="${time.toFixed(2)}">
${cases.join('\n')}
  </testsuite>
</testsuites>
`
}
