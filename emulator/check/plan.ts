import {
  comparedWith,
  nameOf,
  shortcomingsOf,
  tightened,
  type Baseline,
  type SuiteBaseline,
} from '../../contracts/checks/baseline.ts'
import { asDemanded, leftOut } from '../../contracts/checks/plan.ts'
import type { Rules } from '../../contracts/checks/section.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Reported } from './reports.ts'

/** A suite of cases, as `offload check` runs it among others. */
export interface Suite {
  /** No other suite of the run has it. */
  readonly name: string
  readonly rules: Rules
  /** Where its section stands in the configuration. */
  readonly at: readonly PropertyKey[]
  /** What the rules may name, each by its group too. */
  readonly cases: readonly string[]
  /** The command that names its cases. */
  readonly list?: string
  /** The case that goes first, and without which nothing can be seen of the others. */
  readonly canary?: string
  /** One finding a case, those that are left out too, which are not run. */
  run(isLeftOut: (id: string) => boolean): AsyncIterable<Reported>
  /** After the run: what was not given, so that cases were skipped or not seen. */
  why?(): readonly string[]
}

export interface SuiteResult {
  readonly suite: Suite
  readonly findings: readonly Reported[]
  /** What kept it from being run to its end. */
  readonly broke?: unknown
}

export interface PlanResult {
  readonly suites: readonly SuiteResult[]
  /**
   * What the next run is to be compared with: everything as it is now (`takeAll`), else the given one with what is better
   * now, and nothing that is worse.
   */
  readonly baseline: Baseline
}

export interface PlanOptions {
  readonly baseline?: Baseline | undefined
  /** Everything is known as it is now. */
  readonly takeAll?: boolean | undefined
  readonly began?: (suite: Suite) => void
  readonly found?: (finding: Reported) => void
  readonly ended?: (result: SuiteResult) => void
}

/** Runs suites one after the other, whatever comes of the one before. */
export async function runPlan(suites: readonly Suite[], options: PlanOptions = {}): Promise<PlanResult> {
  const results: SuiteResult[] = []
  const baseline: Record<string, SuiteBaseline> = options.takeAll === true ? {} : { ...options.baseline }
  for (const suite of suites) {
    options.began?.(suite)
    const before = options.baseline?.[suite.name]
    const { now, ...result } = await runSuite(suite, before, options)
    results.push(result)
    options.ended?.(result)
    baseline[suite.name] = now
  }
  return { suites: results, baseline }
}

async function runSuite(
  suite: Suite,
  before: SuiteBaseline = {},
  { baseline, takeAll = false, found }: PlanOptions,
): Promise<SuiteResult & { readonly now: SuiteBaseline }> {
  const { name, rules, canary } = suite
  const findings: Reported[] = []
  const seen: Reported[] = []
  /** Left out, or out of sight behind a canary that failed: nothing of it can be compared. */
  const unseen = new Set<string>()
  let blocked = false
  const add = (finding: Reported) => {
    findings.push(finding)
    found?.(finding)
  }
  const compared = (finding: Reported): Reported => {
    if (takeAll)
      return finding.verdict === 'pass' || finding.level === 'advised' ? finding : { ...finding, known: true }
    return baseline === undefined ? finding : comparedWith(finding, before)
  }
  try {
    for await (const raw of suite.run((id) => leftOut(id, rules) !== undefined)) {
      const finding = { ...asDemanded(raw, rules, blocked), suite: name }
      if (leftOut(finding.id, rules) !== undefined || (blocked && finding.verdict === 'skip')) {
        unseen.add(nameOf(finding))
        add(finding)
        continue
      }
      if (finding.id === canary && finding.verdict === 'fail') blocked = true
      seen.push(finding)
      add(compared(finding))
    }
  } catch (broke) {
    const title = 'the suite can be run to its end'
    add({ id: 'suite/runs', title, level: 'required', verdict: 'fail', reason: messageOf(broke), suite: name })
    return { suite, findings, broke, now: before }
  }
  const now = shortcomingsOf(seen)
  const kept = Object.fromEntries(Object.entries(before).filter(([each]) => unseen.has(each)))
  return { suite, findings, now: takeAll ? { ...kept, ...now } : tightened(before, now, unseen) }
}
