import { isBroken, tallyOf, type Finding } from '../../contracts/checks/verdict.ts'

export const reporters = ['junit', 'json', 'github'] as const
export type Reporter = (typeof reporters)[number]

/** One finding, and more for who wants to look closer. */
export interface Reported extends Finding {
  /** Where several suites are in one report. */
  readonly suite?: string
  /** The file that it is about, from the working directory. */
  readonly file?: string
  /** The place in it, of which one case may name several. */
  readonly path?: string
  readonly curl?: string
  readonly seconds?: number
}

const detail = ({ reason, fix, curl }: Reported): string =>
  [reason, ...(fix === undefined ? [] : [`Fix: ${fix}`]), ...(curl === undefined ? [] : [`Repeat: ${curl}`])].join('\n')

/** JUnit's XML, as Jenkins, GitLab and most others read it: skipped is what was skipped or could not be seen. */
export function junitReport(suite: string, findings: readonly Reported[]): string {
  const suites = [...Map.groupBy(findings, (one) => one.suite ?? suite)].map(([name, own]) => [
    `  <testsuite name="${xml(name)}" ${counts(own)}>`,
    ...own.map((one) => testcase(name, one)),
    '  </testsuite>',
  ])
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts(findings)}>`,
    ...suites.flat(),
    '</testsuites>',
    '',
  ].join('\n')
}

function counts(findings: readonly Reported[]): string {
  const { failed, known, skipped, unobserved } = tallyOf(findings)
  return `tests="${findings.length}" failures="${failed}" skipped="${known + skipped + unobserved}" errors="0"`
}

function testcase(suite: string, one: Reported): string {
  const [group = suite, name = one.id] = one.id.split('/')
  const open = `    <testcase classname="${xml(`${suite}.${group}`)}" name="${xml(`${name}: ${one.title}`)}" time="${(one.seconds ?? 0).toFixed(3)}"`
  const inner = outcome(one)
  return inner === '' ? `${open}/>` : `${open}>${inner}</testcase>`
}

function outcome(one: Reported): string {
  const { verdict, reason, known = false } = one
  if (isBroken(one)) return `<failure message="${xml(reason)}">${xml(detail(one))}</failure>`
  if (verdict === 'pass') return ''
  if (verdict === 'fail' && !known) return `<system-out>${xml(`advised: ${detail(one)}`)}</system-out>`
  return `<skipped message="${xml(`${verdict === 'fail' ? 'known' : verdict}: ${reason}`)}"/>`
}

export function jsonReport(suite: string, summary: string, findings: readonly Reported[]): string {
  return `${JSON.stringify({ suite, summary, tally: tallyOf(findings), cases: findings }, null, 2)}\n`
}

/** GitHub's annotations: an error for what failed, a warning for what is advised. */
export function githubAnnotations(suite: string, findings: readonly Reported[]): string[] {
  return findings
    .filter(({ verdict, known = false }) => verdict === 'fail' && !known)
    .map((one) => {
      const command = isBroken(one) ? 'error' : 'warning'
      const file = one.file === undefined ? '' : `file=${property(one.file)},`
      const title = property(`${one.suite ?? suite}: ${one.id}`)
      return `::${command} ${file}title=${title}::${message(`${one.title}: ${detail(one)}`)}`
    })
}

/** Markdown for a job's summary page ($GITHUB_STEP_SUMMARY). */
export function githubSummary(suite: string, summary: string, findings: readonly Reported[]): string {
  const broken = findings.filter(({ verdict }) => verdict === 'fail')
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')
  const mark = (one: Reported) => (isBroken(one) ? '❌' : one.known === true ? '🔁 known' : '⚠️')
  const rows = broken.map((one) => {
    const where = one.suite === undefined ? '' : `${cell(one.suite)}: `
    return `| ${mark(one)} ${where}\`${one.id}\` | ${cell(one.title)} | ${cell(one.reason)} | ${cell(one.fix ?? '')} |`
  })
  const table = rows.length === 0 ? [] : ['', '| case | must hold | seen | fix |', '|---|---|---|---|', ...rows]
  return [`### offload check: ${suite}`, '', `**${summary}**`, ...table, ''].join('\n')
}

const xml = (text: string): string =>
  text
    .replace(/[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

const message = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => message(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
