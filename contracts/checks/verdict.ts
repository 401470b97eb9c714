/** `unobserved`: what was to be judged could not be seen; no pass, and no failure. */
export const verdicts = ['pass', 'fail', 'skip', 'unobserved'] as const
export type Verdict = (typeof verdicts)[number]

/** `advised` cases are told and do not fail a run. */
export type Level = 'required' | 'advised'

/** What a verdict rests on: the receiver's own words, or what its tables held before and after. */
export type Evidence = 'answer' | 'tables'

export interface Judgement {
  readonly verdict: Verdict
  /** What was seen, in words. */
  readonly reason: string
  readonly evidence: Evidence
}

/** One line of a report, whatever was checked. */
export interface Finding {
  /** `group/name`, stable. */
  readonly id: string
  /** What must hold. */
  readonly title: string
  readonly level: Level
  readonly verdict: Verdict
  readonly reason: string
  /** What to change, where it did not hold. */
  readonly fix?: string
  /** No worse than in the last run, as its baseline says: it fails nothing. */
  readonly known?: boolean
}

export interface Tally {
  readonly passed: number
  /** Required cases that failed. */
  readonly failed: number
  /** Those that failed before, too. */
  readonly known: number
  /** Advised cases that did not hold. */
  readonly advised: number
  readonly skipped: number
  readonly unobserved: number
}

export function tallyOf(findings: readonly Pick<Finding, 'verdict' | 'level' | 'known'>[]): Tally {
  const count = (verdict: Verdict) => findings.filter((one) => one.verdict === verdict).length
  const failing = findings.filter(({ verdict }) => verdict === 'fail')
  return {
    passed: count('pass'),
    failed: failing.filter(isBroken).length,
    known: failing.filter(({ level, known }) => level === 'required' && known === true).length,
    advised: failing.filter(({ level }) => level === 'advised').length,
    skipped: count('skip'),
    unobserved: count('unobserved'),
  }
}

/** Whether a run fails by it. */
export const isBroken = ({ verdict, level, known }: Pick<Finding, 'verdict' | 'level' | 'known'>): boolean =>
  verdict === 'fail' && level === 'required' && known !== true

/** `61 passed, 3 failed, 12 skipped (no --php)`. */
export function summaryLine(
  { passed, failed, known, advised, skipped, unobserved }: Tally,
  why: readonly string[] = [],
): string {
  const parts = [`${passed} passed`, `${failed} failed`]
  if (known > 0) parts.push(`${known} known`)
  if (advised > 0) parts.push(`${advised} advised`)
  if (skipped > 0) parts.push(`${skipped} skipped`)
  if (unobserved > 0) parts.push(`${unobserved} unobserved`)
  return parts.join(', ') + (why.length === 0 ? '' : ` (${why.join(', ')})`)
}
