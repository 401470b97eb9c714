import type { Clock } from '../../emulator/kernel/clock.ts'
import type { Figures } from '../k6/figures.ts'
import { jobIdOf } from '../k6/people.ts'
import type { Sample } from './bottleneck.ts'
import { depthOf, type Control, type Stats } from './deployment-view.ts'
import type { MailCount } from './mail-count.ts'
import { percentilesOf } from './percentiles.ts'
import type { LoadPlan } from './plan.ts'
import type { Resumed, Watched } from './resumption.ts'
import type { Tally } from './tally.ts'

/** How often a run is looked at. */
export const lookEveryMs = 500
/** In this time something must come to an end for a run to be moving. */
const movingMs = 15_000

/** `at`: milliseconds since the first submission. */
export interface Progress {
  /** What is done now, where that is no longer to wait for recipients. */
  readonly doing?: string
  readonly recipients: number
  readonly submitted: number
  readonly done: number
  readonly mailed: number | null
  readonly failed: number
  readonly depth: number | null
  readonly at: number
}

/** What is looked at while a run goes on, and when it is over. */
export function createRunState(
  plan: LoadPlan,
  watched: readonly Watched[],
  { clock, control, resumed, since }: { clock: Clock; control: Control; resumed: Resumed | undefined; since: number },
) {
  const samples: Sample[] = []
  let depth: number | null = null
  let peakMemory: number | undefined
  let broken: string | undefined
  let final: readonly MailCount[] | undefined
  let lastChange = since
  let lastProgress = 0
  let mails: number | null = null
  let isSettled = false
  const graceMs = Math.min(60_000, Math.max(10_000, plan.budgetMs / 4))
  const sum = (of: (tally: Tally) => number) => watched.reduce((total, { tally }) => total + of(tally), 0)
  const first = () => Math.min(...watched.map(({ tally }) => tally.firstSubmitAt() || Number.POSITIVE_INFINITY))
  const done = () => sum((tally) => tally.done())
  const accepted = () => sum((tally) => tally.totals.submittedRecipients)
  const recipients = sum((tally) => tally.of.recipients)

  /** Whether the emulator has nothing more to do for us; undefined where it does not say. */
  const settled = async (stats: Stats | undefined): Promise<boolean | undefined> => {
    if (stats === undefined) return undefined
    if (depthOf(stats).depth > 0) return false
    for (const { group } of watched) {
      if (group.shape === 'one-recipient-jobs') {
        if (stats.open > 0) return false
        continue
      }
      const job = await control.job(jobIdOf(group, 0), group.tenant)
      if (job === undefined || !job.settled || job.callbacks.waiting > 0) return false
    }
    return true
  }

  return {
    samples,
    broken: () => broken,
    peakMemory: () => peakMemory,
    moving: () => done() < accepted() && clock.now() - lastChange < movingMs && broken === undefined && !isSettled,
    async look({
      stats,
      isEmulator,
      mailed,
      k6Exit,
    }: {
      stats: Stats | undefined
      isEmulator: boolean
      /** Mails that are there; null where nobody sees them. */
      mailed: number | null
      k6Exit: number | null | undefined
    }): Promise<boolean> {
      const now = clock.now()
      const began = first()
      if (stats !== undefined) {
        depth = depthOf(stats).depth
        peakMemory = Math.max(peakMemory ?? 0, stats.memory.rss)
      }
      mails = mailed
      const progress = done() + (mailed ?? 0)
      if (progress !== lastProgress) {
        lastProgress = progress
        lastChange = now
      }
      const paused = resumed?.pausedMs ?? 0
      if (Number.isFinite(began)) {
        const recent = watched.flatMap(({ tally }) => tally.submitMs.slice(-50))
        samples.push({
          at: now - began - paused,
          submitted: accepted(),
          sent: sum(({ totals }) => totals.sent),
          failed: sum(({ totals }) => totals.failed),
          mailed,
          depth,
          callbacks: sum(({ totals }) => totals.callbacks),
          submitP95: percentilesOf(recent)?.p95 ?? null,
        })
      }
      const submitting = watched.some(({ tally }) => {
        const { waiting, begun } = tally.countMessages()
        return waiting + begun > 0
      })
      if (k6Exit !== undefined && submitting) {
        broken = `k6 ended (exit ${k6Exit ?? 'none'}) before everything was submitted`
        return true
      }
      if (now - (Number.isFinite(began) ? began : since) - paused > plan.budgetMs + graceMs) return true
      if (submitting) return false
      const all = done() >= accepted()
      const isDone = await settled(stats)
      if (isDone === true) {
        // Its last callbacks are on their way, or never were.
        isSettled = all || now - lastChange > 3 * lookEveryMs
        return isSettled
      }
      if (isDone === false && isEmulator) return false
      return all ? now - lastChange > 2 * lookEveryMs : now - lastChange > plan.quietMs
    },
    conclude(counts: readonly MailCount[]) {
      final = counts
    },
    progress: (): Progress => ({
      recipients,
      submitted: accepted(),
      done: done(),
      mailed: mails,
      failed: sum(({ totals }) => totals.failed),
      depth,
      at: Number.isFinite(first()) ? clock.now() - first() - (resumed?.pausedMs ?? 0) : 0,
    }),
    /** What k6 is told; its thresholds are held against this. */
    figures(): Figures {
      const last = Math.max(...watched.map(({ tally }) => tally.lastOutcomeAt()))
      const duplicates = final?.map((mails, index) => duplicatesOf(mails, watched[index]?.tally))
      return {
        over: final !== undefined,
        done: done(),
        sent: sum(({ totals }) => totals.sent),
        failed: sum(({ totals }) => totals.failed),
        callbacks: sum(({ totals }) => totals.callbacks),
        callbacksRefused: sum(({ totals }) => totals.callbacksRefused),
        makespanMs: last === 0 ? null : last - first() - (resumed?.pausedMs ?? 0),
        queueDepth: depth,
        duplicateMails:
          duplicates === undefined || duplicates.some((count) => count === null)
            ? null
            : duplicates.reduce((total: number, count) => total + (count ?? 0), 0),
        lost: final === undefined ? null : sum((tally) => tally.missing().count),
      }
    },
  }
}

function duplicatesOf(mails: MailCount, tally: Tally | undefined): number | null {
  if (!mails.observed || tally === undefined) return null
  return mails.perRecipient.reduce(
    (total, count, ordinal) => total + (count > 1 && !tally.ambiguous(ordinal) ? count - 1 : 0),
    0,
  )
}
