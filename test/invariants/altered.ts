import type { JournalEventType } from '../../contracts/events.ts'
import type { JobState, JournalLine, Of, RunView } from '../../contracts/invariants/index.ts'

/** The view with each event of this type (or only the nth) as `change` makes it; `undefined` takes it out. */
export function withEvents<Type extends JournalEventType>(
  view: RunView,
  type: Type,
  change: (event: Of<Type>, line: JournalLine) => Of<Type> | undefined,
  nth?: number,
): RunView {
  let seen = 0
  const journal = view.journal.flatMap((line) => {
    if (line.event.type !== type || (nth !== undefined && seen++ !== nth)) return [line]
    const event = change(line.event as Of<Type>, line)
    return event === undefined ? [] : [{ ...line, event }]
  })
  return { ...view, journal }
}

/** The view with the first event of this type that fits once more, at the end of the journal. */
export function withMore<Type extends JournalEventType>(
  view: RunView,
  type: Type,
  change: (event: Of<Type>) => Of<Type> = (event) => event,
  fits: (event: Of<Type>) => boolean = () => true,
): RunView {
  const found = view.journal.find(({ event }) => event.type === type && fits(event as Of<Type>))
  const last = view.journal.at(-1)
  if (found === undefined || last === undefined) throw new Error(`there is no ${type} in the journal`)
  return {
    ...view,
    journal: [...view.journal, { id: last.id + 1, at: last.at, event: change(found.event as Of<Type>) }],
  }
}

export function withJob(view: RunView, change: (job: JobState) => JobState, nth = 0): RunView {
  return { ...view, jobs: view.jobs.map((job, index) => (index === nth ? change(job) : job)) }
}
