import { percentilesOf, type Percentiles } from './percentiles.ts'

/** One rate of a scenario that raises it. */
export interface Step {
  /** Calls a second that were to be made. */
  readonly offered: number
  /** Calls a second that were answered well. */
  readonly achieved: number
  readonly answered: number
  readonly failed: number
  readonly times: Percentiles | undefined
  readonly holds: boolean
  /** Why it does not hold. */
  readonly why?: string
}

/** An answer of a step: its status (0 for none), and how long it took in milliseconds. */
export interface StepAnswer {
  readonly ms: number
  readonly ok: boolean
  readonly at: number
}

/** Answers slower than this are past the knee, and so are those that take this many times as long as at the first step. */
export const kneeMs = 1000
const kneeFactor = 10
const leastMs = 50

/**
 * What a step shows: it holds where nearly all that was offered was answered, and in a time that has not left the first
 * step's behind.
 */
export function stepOf(
  offered: number,
  seconds: number,
  answers: readonly StepAnswer[],
  base: Percentiles | undefined,
): Step {
  const ok = answers.filter((answer) => answer.ok)
  const times = percentilesOf(ok.map(({ ms }) => ms))
  const began = Math.min(...answers.map(({ at, ms }) => at - ms))
  const ended = Math.max(...answers.map(({ at }) => at))
  // What was offered within the step may be answered after it: then it took that much longer.
  const took = answers.length === 0 ? seconds : Math.max(seconds, (ended - began) / 1000)
  const achieved = ok.length / took
  const failed = answers.length - ok.length
  const limit = Math.min(kneeMs, Math.max(leastMs, (base?.p95 ?? leastMs) * kneeFactor))
  const why =
    answers.length === 0
      ? 'nothing was answered'
      : failed > answers.length * 0.01
        ? `${failed} of ${answers.length} failed`
        : achieved < offered * 0.95
          ? `only ${achieved.toFixed(0)} a second were answered`
          : (times?.p95 ?? 0) > limit
            ? `p95 is ${(times?.p95 ?? 0).toFixed(0)} ms, beyond ${limit.toFixed(0)} ms`
            : undefined
  return {
    offered,
    achieved,
    answered: ok.length,
    failed,
    times,
    holds: why === undefined,
    ...(why === undefined ? {} : { why }),
  }
}

/** The last rate before the first that does not hold; 0 where not even the first does. */
export function kneeOf(steps: readonly Step[]): number {
  const broken = steps.findIndex(({ holds }) => !holds)
  const last = broken === -1 ? steps.at(-1) : steps[broken - 1]
  return last?.offered ?? 0
}
