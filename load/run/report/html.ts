import type { Finding } from '../../../contracts/checks/verdict.ts'
import { stageNames, stageWords, type GroupFigures } from '../figures.ts'
import type { LoadResult } from '../result.ts'
import { kneeOf } from '../steps.ts'
import { count, number, percent, time } from '../words.ts'
import { barChart, escaped, lineChart, spanChart, type Span } from './chart.ts'
import { style } from './style.ts'

const titles: Readonly<Record<LoadResult['scenario'], string>> = {
  budget: 'Budget',
  ingest: 'Ingest',
  callbacks: 'Callbacks',
  spike: 'Spike',
  tenants: 'Tenants',
}

/** A run's report as one page that needs nothing else: no script, no font, no network. */
export function htmlReport(result: LoadResult): string {
  const { scenario, startedAt, id } = result
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(`${titles[scenario]}: ${verdictWords(result)} (${id})`)}</title>
<style>${style}</style>
<main>
<header><h1>${escaped(headline(result))}</h1><span class="badge ${result.verdict}">${escaped(verdictWords(result))}</span></header>
<p class="lead">${escaped(`${result.submission}; ${result.target}`)}</p>
${tiles(result)}
${bottleneck(result)}
<h2>What was seen</h2>
<div class="plots">${plots(result)}</div>
<h2>What must hold</h2>
${findingsTable(result.findings)}
${reasons(result.groups)}
${cost(result)}
<footer>${escaped(
    [
      `offload load ${scenario}`,
      `run ${id}, ${startedAt.slice(0, 19).replace('T', ' ')} UTC, ${number(result.seconds, 1)} s`,
      `k6 ${result.k6.version}`,
      ...(result.peakMemory === undefined ? [] : [`the emulator had ${number(result.peakMemory / 1e6)} MB at most`]),
      result.machine,
      ...(result.resumed === undefined ? [] : [resumedWords(result.resumed)]),
    ].join(' · '),
  )}</footer>
</main>
</html>
`
}

const verdictWords = ({ verdict, interrupted }: LoadResult): string =>
  interrupted
    ? 'interrupted'
    : { pass: 'passed', fail: 'failed', unobserved: 'not all could be seen', skip: 'skipped' }[verdict]

function headline({ scenario, groups, steps, plan }: LoadResult): string {
  if (scenario === 'ingest') return `${number(kneeOf(steps))} submissions a second`
  if (scenario === 'callbacks') return `${number(kneeOf(steps))} callbacks a second`
  const [figures] = groups
  if (figures === undefined || figures.makespanMs === null)
    return `${count(plan.recipients, 'recipient')}, of whom none came to an end`
  return `${count(figures.sent + figures.failed, 'recipient')} in ${time(figures.makespanMs)}`
}

/** What was known already, where a run went on. */
export const resumedWords = ({ accepted, messages, sentAgain, pausedMs }: NonNullable<LoadResult['resumed']>): string =>
  `resumed: ${number(accepted)} of ${count(messages, 'message')} had been taken, ${number(sentAgain)} were sent again` +
  (pausedMs > 0 ? `, ${time(pausedMs)} of standing still left out` : '')

function tile(value: string, words: string, tone = '', more = ''): string {
  return `<div class="tile ${tone}"><b>${escaped(value)}</b><span>${escaped(words)}</span>${more}</div>`
}

function tiles({ groups, plan, findings, steadyRate, cost, steps, scenario }: LoadResult): string {
  const verdictOf = (id: string) => {
    const verdict = findings.find((one) => one.id.endsWith(id))?.verdict ?? 'pass'
    return verdict === 'pass' || verdict === 'skip' ? '' : verdict
  }
  if (scenario === 'ingest' || scenario === 'callbacks') {
    const last = steps.findLast(({ holds }) => holds)
    const all = steps.reduce((sum, { answered }) => sum + answered, 0)
    const failed = steps.reduce((sum, step) => sum + step.failed, 0)
    return `<div class="tiles">${[
      tile(
        `${number(kneeOf(steps))}/s`,
        `the knee; ${number(plan.lowest)} a second are 50,000 in half an hour`,
        verdictOf('/knee'),
      ),
      tile(last?.times === undefined ? '–' : time(last.times.p95), 'p95 at the knee', verdictOf('/latency')),
      tile(number(all), 'answered'),
      tile(number(failed), 'refused, or without an answer', verdictOf('/answered')),
    ].join('')}</div>`
  }
  const sum = (of: (figures: GroupFigures) => number) => groups.reduce((total, figures) => total + of(figures), 0)
  const makespan = Math.max(0, ...groups.map(({ makespanMs }) => makespanMs ?? 0))
  const share = makespan / plan.budgetMs
  const told = sum(({ callbacks }) => callbacks)
  const refused = sum(({ callbacksRefused }) => callbacksRefused)
  const ended = sum(({ sent, failed }) => sent + failed)
  const duplicates = groups.some(({ duplicateMails }) => duplicateMails === null)
    ? null
    : sum(({ duplicateMails }) => duplicateMails ?? 0)
  const needed = plan.recipients / (plan.budgetMs / 1000)
  return `<div class="tiles">${[
    tile(
      makespan === 0 ? '–' : time(makespan),
      `of ${time(plan.budgetMs)}: ${share > 0 ? `${number(1 / share, share > 0.1 ? 1 : 0)} times as fast as needed` : 'nobody came to an end'}`,
      verdictOf('makespan'),
      `<div class="meter${share > 1 ? ' over' : ''}"><i style="width:${Math.min(100, Math.max(1, share * 100)).toFixed(1)}%"></i></div>`,
    ),
    tile(
      steadyRate === undefined ? '–' : `${number(steadyRate, steadyRate < 100 ? 1 : 0)}/s`,
      `recipients, steadily; ${number(needed, 1)}/s are needed`,
    ),
    tile(
      number(sum(({ missing }) => missing)),
      'accepted and not told of',
      verdictOf('recipients/lost') || verdictOf('callbacks/told'),
    ),
    tile(
      duplicates === null ? '?' : number(duplicates),
      duplicates === null ? 'duplicate mails: nobody sees them' : 'duplicate mails',
      verdictOf('mails/once'),
    ),
    tile(
      told + refused === 0 ? '–' : percent(told / (told + refused)),
      `of ${count(told + refused, 'callback')} were right`,
      verdictOf('callbacks/told'),
    ),
    tile(ended === 0 ? '–' : percent(sum(({ failed }) => failed) / ended), 'failed', verdictOf('mails/bounces')),
    ...(cost === undefined ? [] : [tile(`$${number(cost.total, 2)}`, `${count(cost.requests, 'request')} on AWS`)]),
  ].join('')}</div>`
}

function bottleneck({ bottleneck: found, verdict }: LoadResult): string {
  if (found === undefined) return ''
  const fix = verdict === 'fail' ? `<p>${escaped(found.fix)}</p>` : ''
  return `<div class="callout"><p>${escaped(`${found.reason.charAt(0).toUpperCase()}${found.reason.slice(1)}.`)}</p>${fix}</div>`
}

function plots(result: LoadResult): string {
  const { samples, groups, steps, plan, emulatorStages } = result
  const at = <Value>(of: (sample: (typeof samples)[number]) => Value | null) =>
    samples.flatMap((sample): [number, Value][] => {
      const value = of(sample)
      return value === null ? [] : [[sample.at, value]]
    })
  const begin = <Point extends readonly [number, number]>(points: readonly Point[]) =>
    points.length === 0 ? points : [[0, 0] as const, ...points]
  const all = groups.reduce((sum, { recipients }) => sum + recipients, 0)
  const pace = Math.max(1, ...samples.map((sample) => sample.at))
  const charts = [
    lineChart({
      title: 'Recipients',
      size: 'wide',
      mark: { x: plan.budgetMs, words: 'the budget' },
      lines: [
        { name: 'submitted', tone: 1, points: begin(at(({ submitted }) => submitted)) },
        { name: 'mailed', tone: 3, points: begin(at(({ mailed }) => mailed)) },
        { name: 'told by callbacks', tone: 2, area: true, points: begin(at(({ sent, failed }) => sent + failed)) },
        ...(samples.some(({ failed }) => failed > 0)
          ? [{ name: 'failed', tone: 5, points: begin(at(({ failed }) => failed)) }]
          : []),
        ...(samples.length === 0
          ? []
          : [
              {
                name: 'the pace that is needed',
                tone: 4,
                dashed: true,
                points: [
                  [0, 0],
                  [pace, Math.min(all, (all * pace) / plan.budgetMs)],
                ] as const,
              },
            ]),
      ],
    }),
    lineChart({
      title: 'Messages in the queue',
      lines: [{ name: 'messages', tone: 1, area: true, points: at(({ depth }) => depth) }],
    }),
    lineChart({
      title: 'Submissions: p95 of the last 50 answers',
      yWords: (ms) => time(ms),
      lines: [{ name: 'p95', tone: 4, points: at(({ submitP95 }) => submitP95) }],
    }),
    ...groups.map((figures) =>
      spanChart({
        title: groups.length > 1 ? `Times of the ${figures.name} tenant` : 'Times',
        spans: spansOf(figures),
      }),
    ),
    whereTime(groups),
    barChart({
      title: "In the emulator's worker",
      note: 'seconds in each stage, summed over what runs side by side',
      parts: Object.entries(emulatorStages ?? {}).map(([name, { milliseconds }]) => ({
        name,
        value: milliseconds,
        words: time(milliseconds),
      })),
    }),
    barChart({
      title: 'Answered well, a second',
      size: 'wide',
      note: 'at each rate that was offered',
      parts: steps.map(({ offered, achieved, holds }) => ({
        name: `${number(offered)}/s`,
        tone: holds ? 1 : 5,
        value: Math.max(achieved, 0.01),
        words: `${number(achieved)}/s${holds ? '' : ' ✗'}`,
      })),
    }),
    spanChart({
      title: 'Times at each rate',
      spans: steps.flatMap(({ offered, times }) =>
        times === undefined ? [] : [{ ...times, name: `${number(offered)} a second` }],
      ),
    }),
  ]
  return charts.join('')
}

const spansOf = ({ stages }: GroupFigures): Span[] =>
  stageNames.flatMap((name) => {
    const times = stages[name]
    return times === undefined ? [] : [{ ...times, name: stageWords[name] }]
  })

function whereTime(groups: readonly GroupFigures[]): string {
  const [figures] = groups
  if (figures === undefined) return ''
  const { submit, mail, callback } = figures.stages
  return barChart({
    title: 'Where the time went',
    note: "a recipient's way, on average",
    parts: [
      { name: 'submission', value: submit?.mean ?? 0 },
      { name: 'queue and work', value: Math.max(0, (mail?.mean ?? 0) - (submit?.mean ?? 0)) },
      { name: 'callback', value: callback?.mean ?? 0 },
    ].map((part) => ({ ...part, words: time(part.value) })),
  })
}

const signs = { pass: '✓', fail: '✗', unobserved: '?', skip: '–' } as const

function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ id, title, verdict, reason, fix }) => {
    const more = fix === undefined || verdict === 'pass' ? '' : `<div class="fix">${escaped(fix)}</div>`
    return `<tr class="${verdict}"><td class="sign">${signs[verdict]}</td><td>${escaped(title)}<br><code>${escaped(id)}</code></td><td>${escaped(reason)}${more}</td></tr>`
  })
  return `<div class="card"><table>${rows.join('')}</table></div>`
}

function reasons(groups: readonly GroupFigures[]): string {
  const rows = groups.flatMap(({ reasons: failed, submitReasons, callbackReasons }) => [
    ...failed.map((row) => ['recipients', ...row] as const),
    ...submitReasons.map((row) => ['submissions', ...row] as const),
    ...callbackReasons.map((row) => ['callbacks', ...row] as const),
  ])
  if (rows.length === 0) return ''
  const cells = rows.map(
    ([what, reason, times]) =>
      `<tr><td>${what}</td><td>${escaped(reason)}</td><td class="number">${number(times)}</td></tr>`,
  )
  return `<h2>What failed, and why</h2><div class="card"><table><tr><th>of</th><th>reason</th><th class="number">how often</th></tr>${cells.join('')}</table></div>`
}

function cost({ cost: found }: LoadResult): string {
  if (found === undefined) return ''
  const money = (price: number) => `$${price < 0.01 ? price.toFixed(4) : price.toFixed(2)}`
  const rows = found.lines.map(
    ({ service, what, requests, price }) =>
      `<tr><td>${service}</td><td>${escaped(what)}</td><td class="number">${number(requests)}</td><td class="number">${money(price)}</td></tr>`,
  )
  return (
    `<h2>Requests, and what they cost on AWS</h2><div class="card"><table><tr><th>service</th><th></th><th class="number">requests</th><th class="number">${escaped(found.currency)}</th></tr>` +
    `${rows.join('')}<tr><td><b>all</b></td><td>list prices as of ${escaped(found.asOf)}</td><td class="number">${number(found.requests)}</td><td class="number"><b>${money(found.total)}</b></td></tr></table></div>`
  )
}
