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
}

export interface Tally {
  readonly passed: number
  /** Required cases that failed. */
  readonly failed: number
  /** Advised cases that did not hold. */
  readonly advised: number
  readonly skipped: number
  readonly unobserved: number
}

export function tallyOf(findings: readonly Pick<Finding, 'verdict' | 'level'>[]): Tally {
  const count = (verdict: Verdict, level?: Level) =>
    findings.filter((one) => one.verdict === verdict && (level === undefined || one.level === level)).length
  return {
    passed: count('pass'),
    failed: count('fail', 'required'),
    advised: count('fail', 'advised'),
    skipped: count('skip'),
    unobserved: count('unobserved'),
  }
}

/** `61 passed, 3 failed, 12 skipped (no --php)`. */
export function summaryLine(
  { passed, failed, advised, skipped, unobserved }: Tally,
  why: readonly string[] = [],
): string {
  const parts = [`${passed} passed`, `${failed} failed`]
  if (advised > 0) parts.push(`${advised} advised`)
  if (skipped > 0) parts.push(`${skipped} skipped`)
  if (unobserved > 0) parts.push(`${unobserved} unobserved`)
  return parts.join(', ') + (why.length === 0 ? '' : ` (${why.join(', ')})`)
}
