import type { GroupFigures } from './figures.ts'
import { number, time } from './words.ts'

/** A point of a run: counts so far. `at`: milliseconds from the first submission. */
export interface Sample {
  readonly at: number
  /** Recipients whose message was taken. */
  readonly submitted: number
  readonly sent: number
  readonly failed: number
  /** Mails that are there, where somebody sees them as they come: callbacks may tell of many at once. */
  readonly mailed: number | null
  /** Messages in the queue; null where nobody looks. */
  readonly depth: number | null
  readonly callbacks: number
  /** Of the last submissions. */
  readonly submitP95: number | null
}

/** Recipients who have come to an end, or have at least been mailed. */
const endedOf = ({ sent, failed, mailed }: Sample) => Math.max(sent + failed, mailed ?? 0)

/** Recipients a second between the first and the last tenth of those who came to an end: how it ran once it ran. */
export function steadyRate(samples: readonly Sample[]): number | undefined {
  const last = samples.at(-1)
  const total = last === undefined ? 0 : endedOf(last)
  const when = (share: number) => (total === 0 ? undefined : samples.find((sample) => endedOf(sample) >= total * share))
  const [from, to] = [when(0.1), when(0.9)]
  if (from === undefined || to === undefined || to.at <= from.at) return undefined
  return ((endedOf(to) - endedOf(from)) / (to.at - from.at)) * 1000
}

/** What decided how long a run took, by name, and which setting to change by how much. */
export function bottleneckOf({
  samples,
  recipients,
  budgetMs,
  mailRate,
  submitRate,
  stages = {},
}: {
  readonly samples: readonly Sample[]
  readonly recipients: number
  readonly budgetMs: number
  /** Mails a second that the target may send, where that is known. */
  readonly mailRate?: { readonly perSecond: number; readonly setting: string } | undefined
  /** Recipients a second that were submitted at most. */
  readonly submitRate: number
  readonly stages?: GroupFigures['stages']
}): { reason: string; fix: string } | undefined {
  const { mail, callback } = stages
  if (callback !== undefined && callback.p95 > 1000 && callback.p95 > (mail?.p95 ?? 0)) {
    return {
      reason: `the callbacks are the bottleneck: p95 comes ${time(callback.p95)} after its mail, the slowest ${time(callback.max)}`,
      fix: 'send more callbacks at once, and look at the answers that the first attempts got',
    }
  }
  const seen = steadyRate(samples)
  if (seen === undefined) return undefined
  const needed = recipients / (budgetMs / 1000)
  const takes = time((recipients / seen) * 1000)
  const at = `${number(seen, seen < 100 ? 1 : 0)} recipients a second take ${takes}, ${number(needed, 1)} a second are needed`
  if (mailRate !== undefined && seen <= mailRate.perSecond * 1.1 && seen >= mailRate.perSecond * 0.8) {
    return {
      reason: `the mail rate (${mailRate.setting}: ${number(mailRate.perSecond)} a second) is the bottleneck; ${at}`,
      fix: `raise ${mailRate.setting} from ${number(mailRate.perSecond)} to ${Math.ceil(needed)} a second or more`,
    }
  }
  if (seen >= submitRate * 0.8) {
    return {
      reason: `the submission itself (--rate ${number(submitRate)}) is the bottleneck; ${at}`,
      fix: `raise --rate to ${Math.ceil(needed)} or more`,
    }
  }
  const depths = samples.map(({ depth }) => depth).filter((depth) => depth !== null)
  const queued = depths.length === 0 ? '' : `, with up to ${number(Math.max(...depths))} messages waiting`
  return {
    reason: `the workers are the bottleneck${queued}; ${at}`,
    fix: `let ${number(Math.max(1.1, needed / seen), 1)} times as many work at once (reserved concurrency, event source's maximum), or in larger batches`,
  }
}
