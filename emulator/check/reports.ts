import { tallyOf, type Finding } from '../../contracts/checks/verdict.ts'

export const reporters = ['junit', 'json', 'github'] as const
export type Reporter = (typeof reporters)[number]

/** One finding, and more for who wants to look closer. */
export interface Reported extends Finding {
  readonly curl?: string
  readonly seconds?: number
}

const isBroken = ({ verdict, level }: Finding) => verdict === 'fail' && level === 'required'
const detail = ({ reason, fix, curl }: Reported): string =>
  [reason, ...(fix === undefined ? [] : [`Fix: ${fix}`]), ...(curl === undefined ? [] : [`Repeat: ${curl}`])].join('\n')

/** JUnit's XML, as Jenkins, GitLab and most others read it: skipped is what was skipped or could not be seen. */
export function junitReport(suite: string, findings: readonly Reported[]): string {
  const { failed, skipped, unobserved } = tallyOf(findings)
  const cases = findings.map((one) => {
    const [group = suite, name = one.id] = one.id.split('/')
    const inner = isBroken(one)
      ? `<failure message="${xml(one.reason)}">${xml(detail(one))}</failure>`
      : one.verdict === 'pass'
        ? ''
        : one.verdict === 'fail'
          ? `<system-out>${xml(`advised: ${detail(one)}`)}</system-out>`
          : `<skipped message="${xml(`${one.verdict}: ${one.reason}`)}"/>`
    const open = `    <testcase classname="${xml(`${suite}.${group}`)}" name="${xml(`${name}: ${one.title}`)}" time="${(one.seconds ?? 0).toFixed(3)}"`
    return inner === '' ? `${open}/>` : `${open}>${inner}</testcase>`
  })
  const counts = `tests="${findings.length}" failures="${failed}" skipped="${skipped + unobserved}" errors="0"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${xml(suite)}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

export function jsonReport(suite: string, summary: string, findings: readonly Reported[]): string {
  return `${JSON.stringify({ suite, summary, tally: tallyOf(findings), cases: findings }, null, 2)}\n`
}

/** GitHub's annotations: an error for what failed, a warning for what is advised. */
export function githubAnnotations(suite: string, findings: readonly Reported[]): string[] {
  return findings
    .filter(({ verdict }) => verdict === 'fail')
    .map((one) => {
      const command = isBroken(one) ? 'error' : 'warning'
      return `::${command} title=${property(`${suite}: ${one.id}`)}::${message(`${one.title}: ${detail(one)}`)}`
    })
}

/** Markdown for a job's summary page ($GITHUB_STEP_SUMMARY). */
export function githubSummary(suite: string, summary: string, findings: readonly Reported[]): string {
  const broken = findings.filter(({ verdict }) => verdict === 'fail')
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')
  const rows = broken.map(
    ({ id, level, title, reason, fix }) =>
      `| ${level === 'required' ? '❌' : '⚠️'} \`${id}\` | ${cell(title)} | ${cell(reason)} | ${cell(fix ?? '')} |`,
  )
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
