import type { Finding, Verdict } from '../../contracts/checks/verdict.ts'
import type { Sample } from './bottleneck.ts'
import type { Cost } from './cost.ts'
import type { GroupFigures } from './figures.ts'
import type { LoadPlan } from './plan.ts'
import type { Resumed } from './resumption.ts'
import type { Step } from './steps.ts'

/** A run and what came of it, as `report.json` has it. Times are milliseconds, dates ISO 8601. */
export interface LoadResult {
  readonly id: string
  readonly scenario: LoadPlan['scenario']
  /** `unobserved`: nothing failed, but not all could be seen; no pass. */
  readonly verdict: Verdict
  /** It was stopped before its end; what is told is what was known. */
  readonly interrupted: boolean
  readonly startedAt: string
  readonly seconds: number
  readonly plan: LoadPlan
  /** In words: where it ran, by which way, in which form. */
  readonly target: string
  readonly submission: string
  readonly machine: string
  readonly k6: { readonly version: string; readonly exit: number | null }
  readonly findings: readonly Finding[]
  readonly groups: readonly GroupFigures[]
  readonly samples: readonly Sample[]
  /** Of the first group; with `steadyRate` what `offload plan --fit` reads. */
  readonly stages: GroupFigures['stages']
  /** Recipients a second while it ran steadily. */
  readonly steadyRate?: number
  /** Of the scenarios that raise their rate. */
  readonly steps: readonly Step[]
  readonly bottleneck?: { readonly reason: string; readonly fix: string }
  /** Seconds of each of the emulator's stages, summed over what runs side by side. */
  readonly emulatorStages?: Readonly<Record<string, { readonly calls: number; readonly milliseconds: number }>>
  readonly peakMemory?: number
  readonly resumed?: Resumed
  readonly cost?: Cost
}
