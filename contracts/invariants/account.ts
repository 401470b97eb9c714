import type { JournalEventType } from '../events.ts'
import type { EffectName } from '../faults/operations.ts'
import type { CallbackState, Findings, JobState, JournalLine, Of, ReceivedJob, RunView, Violation } from './view.ts'

/** Names a job, and a recipient of one. */
export const jobKey = ({ tenant, job }: { tenant: number; job: string }) => `${tenant} ${job}`
export const recipientKey = (of: { tenant: number; job: string; recipient: string }) => `${jobKey(of)} ${of.recipient}`

/** For sentences. */
export const named = ({ tenant, job }: { tenant: number; job: string }) => `job ${job} of tenant ${tenant}`

/** A view with what the laws look up in it. */
export interface Account extends RunView {
  /** The journal's entries of one type, oldest first. */
  of<Type extends JournalEventType>(type: Type): readonly JournalLine<Of<Type>>[]
  readonly jobOf: ReadonlyMap<string, JobState>
  readonly receivedOf: ReadonlyMap<string, ReceivedJob>
  readonly callbacksOf: ReadonlyMap<string, readonly CallbackState[]>
  /** Faults that were injected and touched this job, with an effect of one of these kinds. */
  struck(
    job: { tenant: number; job: string },
    kinds: readonly EffectName[],
    recipient?: string,
  ): readonly JournalLine<Of<'fault.injected'>>[]
}

export function accountOf(view: RunView): Account {
  const byType = new Map<string, JournalLine[]>()
  for (const line of view.journal) {
    const list = byType.get(line.event.type)
    if (list === undefined) byType.set(line.event.type, [line])
    else list.push(line)
  }
  const of: Account['of'] = (type) => (byType.get(type) ?? []) as never
  return {
    ...view,
    of,
    jobOf: new Map(view.jobs.map((job) => [jobKey(job), job])),
    receivedOf: new Map(view.received.map((job) => [jobKey(job), job])),
    callbacksOf: Map.groupBy(view.callbacks, jobKey),
    struck: ({ tenant, job }, kinds, recipient) =>
      of('fault.injected').filter(
        ({ event }) =>
          kinds.includes(event.kind) &&
          (event.job === undefined || (event.job === job && event.tenant === tenant)) &&
          (recipient === undefined || event.recipient === undefined || event.recipient === recipient),
      ),
  }
}

/** Collects what a law finds. */
export function findings() {
  const violations: Violation[] = []
  let checked = 0
  return {
    /** Counts a case; `broken` says what is wrong with it. */
    hold(fits: boolean, text: () => string, entries: readonly (number | undefined)[] = []): void {
      checked++
      if (!fits) violations.push({ text: text(), entries: entries.filter((id) => id !== undefined) })
    },
    result: (): Findings => ({ checked, violations }),
  }
}

/** What groups to the same name, in order. */
export function grouped<T>(list: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(list, nameOf)
}

export const sum = (numbers: Iterable<number>): number => {
  let total = 0
  for (const number of numbers) total += number
  return total
}
