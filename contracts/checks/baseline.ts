import type { Finding, Verdict } from './verdict.ts'

export const shortcomings = ['fail', 'unobserved', 'skip'] as const satisfies readonly Verdict[]
export type Shortcoming = (typeof shortcomings)[number]

/** What of a suite did not hold yet, or could not be seen to, by case: whatever is not in it held. */
export type SuiteBaseline = Readonly<Record<string, Shortcoming>>
/** By suite. */
export type Baseline = Readonly<Record<string, SuiteBaseline>>

type Placed = Finding & { readonly path?: string }

/** A case within its suite; of a job message the place too, where one case may fail in several. */
export const nameOf = ({ id, path = '' }: Pick<Placed, 'id' | 'path'>): string => (path === '' ? id : `${id} ${path}`)

/** To be skipped is as bad as to be unseen. */
const rank: Readonly<Record<Verdict, number>> = { fail: 0, skip: 1, unobserved: 1, pass: 2 }

/**
 * A finding beside what the baseline has of it. What is no worse is `known` and fails nothing; what held, and can no
 * longer be seen to, fails. What is only advised is not compared.
 */
export function comparedWith<One extends Placed>(finding: One, before: SuiteBaseline): One {
  const { verdict, level, reason } = finding
  if (level === 'advised' || verdict === 'pass') return finding
  const was = before[nameOf(finding)]
  if (was !== undefined && rank[verdict] >= rank[was]) return { ...finding, known: true }
  if (verdict !== 'fail') {
    const now = verdict === 'skip' ? 'skipped' : 'not seen'
    return { ...finding, verdict: 'fail', reason: `it held in the last run, and is ${now} in this one: ${reason}` }
  }
  const seen = was === 'skip' ? 'skipped' : 'not seen'
  return was === undefined ? finding : { ...finding, reason: `${reason} (in the last run it was ${seen})` }
}

/** What of these findings, as they were before they were compared, the next run has to be compared with. */
export function shortcomingsOf(findings: readonly Placed[]): SuiteBaseline {
  const found = new Map<string, Shortcoming>()
  for (const finding of findings) {
    const { verdict, level } = finding
    if (level === 'advised' || verdict === 'pass') continue
    const other = found.get(nameOf(finding))
    if (other === undefined || rank[verdict] < rank[other]) found.set(nameOf(finding), verdict)
  }
  return Object.fromEntries(found)
}

/** The baseline with each entry as good as it is now, and none worse; `unseen` says nothing about now. */
export function tightened(before: SuiteBaseline, now: SuiteBaseline, unseen: ReadonlySet<string>): SuiteBaseline {
  return Object.fromEntries(
    Object.entries(before).flatMap(([name, was]) => {
      const is = unseen.has(name) ? was : now[name]
      return is === undefined ? [] : [[name, rank[is] > rank[was] ? is : was]]
    }),
  )
}
