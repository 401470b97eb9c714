import { leastOf, mend, type Change, type Mended } from './advice.ts'
import { estimate, type Estimate, type StageName } from './estimate.ts'
import { findHazards, findMisses, type Miss } from './hazards.ts'
import { mostSimulated, type Model } from './model.ts'
import type { Simulated } from './simulate.ts'
import { createSimulator } from './simulator.ts'
import { measuredStages, type MeasuredStage } from './stages.ts'

/** A change of settings, and what comes of it. */
export interface Remedy {
  readonly changes: readonly Change[]
  readonly makespanMs: number
  /** Whether the makespan is the simulation's, or the arithmetic's. */
  readonly simulated: boolean
}

/** Whether a deployment does its job in time. Times are milliseconds. */
export interface Plan {
  readonly verdict: 'pass' | 'fail'
  readonly recipients: number
  readonly budgetMs: number
  /** From the first submission to the last callback. */
  readonly makespanMs: number
  /** False where it is by arithmetic alone: it was asked for, it takes more than a day or no time at all, or they are more than 100,000. */
  readonly simulated: boolean
  /** What the arithmetic alone says. */
  readonly estimateMs: number
  /** Why it fails; empty where it passes. */
  readonly misses: readonly Miss[]
  /** What takes the time; undefined where nothing takes a second. */
  readonly bottleneck: { readonly name: StageName; readonly limit: string; readonly used: number | null } | undefined
  readonly stages: readonly MeasuredStage[]
  /** What to change so that it passes; undefined where it does, or where no setting helps. */
  readonly remedy: Remedy | undefined
  /** What the bottleneck's setting must not be less than; undefined where the plan fails, or another setting decides. */
  readonly least: { readonly setting: string; readonly value: number } | undefined
  /** What else would go wrong in the real thing. */
  readonly hazards: readonly string[]
  readonly outcome: Pick<Simulated, 'sent' | 'failed' | 'retried' | 'callbacks'> | undefined
  readonly model: Model
}

export interface PlanOptions {
  /** Instead of the model's. */
  readonly recipients?: number | undefined
  readonly budgetMs?: number | undefined
  readonly seed?: string | undefined
  /** By arithmetic alone, in no time. */
  readonly quick?: boolean | undefined
  /** `of`: 1 for the model, 2 and up for its remedies. */
  readonly onProgress?: ((progress: { of: number; done: number; total: number }) => void) | undefined
}

/** Longer is not simulated: whoever waits for days waits for a quota. */
const longestSimulatedMs = 86_400_000

const mostRemedies = 3

/** Plays a model on the virtual clock, finds what holds it up, and what would have to change. */
export async function planOf(given: Model, options: PlanOptions = {}): Promise<Plan> {
  const { recipients = given.recipients, budgetMs = given.budget, seed = 'plan', quick = false, onProgress } = options
  const model = { ...given, recipients, budget: budgetMs }
  const estimated = estimate(model)
  const simulate = createSimulator()
  let runs = 0
  const run: Run = async (which, by) => {
    if (quick || by.makespanMs > longestSimulatedMs || which.recipients > mostSimulated || isIdle(which, by))
      return undefined
    const of = ++runs
    return await simulate(which, { seed, onProgress: onProgress && ((done, total) => onProgress({ of, done, total })) })
  }

  // What the arithmetic says already is simulated beside it.
  const foreseen = estimated.makespanMs > budgetMs ? mend(model) : undefined
  const [played, tried] = await Promise.all([run(model, estimated), foreseen && tryOut(foreseen, run)])
  const makespanMs = played?.makespanMs ?? estimated.makespanMs
  const misses = findMisses(model, estimated, played)
  const stages = measuredStages(model, estimated, played)
  const forgottenMs = Math.max(0, makespanMs - estimated.makespanMs)
  const remedy = makespanMs > budgetMs ? await findRemedy(model, tried, forgottenMs, run) : undefined
  return {
    verdict: misses.length === 0 ? 'pass' : 'fail',
    recipients,
    budgetMs,
    makespanMs,
    simulated: played !== undefined,
    estimateMs: estimated.makespanMs,
    misses,
    bottleneck: bottleneckOf(stages),
    stages,
    remedy,
    least: misses.length === 0 ? leastOf(model) : undefined,
    hazards: findHazards(model, estimated, played),
    outcome: played && {
      sent: played.sent,
      failed: played.failed,
      retried: played.retried,
      callbacks: played.callbacks,
    },
    model,
  }
}

/** Nothing takes any time or fails: there is nothing to see. */
const isIdle = ({ mail, callback }: Model, { makespanMs }: Estimate) =>
  makespanMs === 0 && mail.error_rate + mail.bounce_rate + callback.error_rate === 0

type Run = (model: Model, by: Estimate) => Promise<Simulated | undefined>

interface Tried extends Remedy {
  /** What the arithmetic had forgotten. */
  readonly forgottenMs: number
}

async function tryOut({ changes, model }: Mended, run: Run): Promise<Tried> {
  const by = estimate(model)
  const played = await run(model, by)
  const makespanMs = played?.makespanMs ?? by.makespanMs
  return { changes, makespanMs, simulated: played !== undefined, forgottenMs: makespanMs - by.makespanMs }
}

/** By arithmetic first; where the simulation says that it forgot something, with so much more. */
async function findRemedy(
  model: Model,
  first: Tried | undefined,
  forgottenMs: number,
  run: Run,
): Promise<Remedy | undefined> {
  let tried = first
  let extraMs = first === undefined ? forgottenMs : 0
  for (let attempt = 0; attempt < mostRemedies; attempt++) {
    if (tried !== undefined) {
      const { changes, makespanMs, simulated } = tried
      if (makespanMs <= model.budget) return { changes, makespanMs, simulated }
      extraMs = Math.max(2 * extraMs, tried.forgottenMs, 100)
    }
    const mended = mend(model, extraMs)
    if (mended === undefined) return undefined
    tried = await tryOut(mended, run)
  }
  return tried !== undefined && tried.makespanMs <= model.budget ? tried : undefined
}

/** What is used most; where all of it is mostly unused, what takes longest by itself. */
function bottleneckOf(stages: readonly MeasuredStage[]): Plan['bottleneck'] {
  const slowest = stages.reduce((a, b) => (b.aloneMs > a.aloneMs ? b : a))
  if (slowest.aloneMs < 1000) return undefined
  const fullest = stages.reduce((a, b) => ((b.used ?? 0) > (a.used ?? 0) ? b : a))
  const { name, limit, used } = (fullest.used ?? 0) > (slowest.used ?? 0.5) + 0.1 ? fullest : slowest
  return { name, limit, used }
}
