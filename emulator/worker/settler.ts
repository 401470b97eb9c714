import type { Clock, Timer } from '../kernel/clock.ts'
import type { Journal } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import type { Ledger } from './ledger/ledger.ts'

export interface SettlerDeps {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly ledger: Ledger
  readonly onError: (error: unknown) => void
}

/** Applies the provider's later reports and sends the cumulative callbacks, each at its time: one timer, no polling. */
export function createSettler({ store, clock, journal, ledger, onError }: SettlerDeps) {
  let timer: Timer | undefined
  let dueAt = Infinity
  let stopped = false
  let running = false

  const wakeAt = (at: number) => {
    if (stopped || at >= dueAt) return
    dueAt = at
    timer?.cancel()
    // What comes due while a run goes on is picked up when it has ended.
    if (!running) timer = clock.at(at, run)
  }
  const rest = (next: number | undefined) => {
    running = false
    const at = Math.min(dueAt, next ?? Infinity)
    dueAt = Infinity
    if (at !== Infinity) wakeAt(at)
  }
  const run = () => {
    running = true
    dueAt = Infinity
    store
      .write(() => ledger.settle())
      .then(rest, (error: unknown) => {
        onError(error)
        rest(clock.deadline(1000))
      })
  }
  // Only the end of a pass or a report can bring a new due time.
  const unsubscribe = journal.subscribe(({ event }) => {
    if (event.type === 'pass.ended') wakeAt(clock.now())
  })

  return {
    start: () => wakeAt(clock.now()),
    stop() {
      stopped = true
      timer?.cancel()
      unsubscribe()
    },
  }
}
