import { createAlarm } from '../kernel/alarm.ts'
import type { Clock } from '../kernel/clock.ts'
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

/** Applies the provider's later reports and sends the cumulative callbacks, each at its time. */
export function createSettler({ store, clock, journal, ledger, onError }: SettlerDeps) {
  const alarm = createAlarm({ clock, onError, run: () => store.write(() => ledger.settle()) })
  // Only the end of a pass can bring a new due time.
  const unsubscribe = journal.subscribe(({ event }) => {
    if (event.type === 'pass.ended') alarm.wakeAt(clock.now())
  })
  return {
    start: () => alarm.start(),
    /** Looks for what other processes have left to be done. */
    look: () => alarm.wakeAt(clock.now()),
    stop() {
      unsubscribe()
      return alarm.stop()
    },
  }
}
