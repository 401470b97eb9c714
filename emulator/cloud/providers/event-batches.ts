import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { createAlarm } from '../../kernel/alarm.ts'

export interface EventBatchesOptions {
  readonly store: Store
  readonly clock: Clock
  /** Whose events these are; all providers share the table. */
  readonly provider: string
  /** How long an event waits for others to travel with it (a delay, scaled by `--speed`). */
  readonly gatherMs: number
  /** Events in one batch. */
  readonly most: number
  /** Takes a batch over, in the transaction that removes its events. */
  readonly post: (events: readonly Json[]) => void
  readonly onError: (error: unknown) => void
}

/** Events that wait to be posted: durable, in order of their times, in batches. */
export interface EventBatches {
  /** In the caller's transaction. `at` is when it happens (epoch milliseconds), now or later. */
  add(event: Json, at: number): void
  start(): void
  stop(): Promise<void>
  reset(): void
}

export function createEventBatches(options: EventBatchesOptions): EventBatches {
  const { store, clock, provider, gatherMs, most, post, onError } = options
  store.define(`
    CREATE TABLE IF NOT EXISTS provider_events (
      id INTEGER PRIMARY KEY,
      provider TEXT NOT NULL,
      happens_at INTEGER NOT NULL,
      event TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS provider_events_next ON provider_events (provider, happens_at, id);
  `)
  // The first of a batch decides when it leaves; what has happened meanwhile goes with it.
  const leavesAt = (happensAt: number) => Math.ceil(happensAt + clock.deadline(gatherMs) - clock.now())

  const alarm = createAlarm({
    clock,
    onError,
    run: () =>
      store.write(() => {
        const rows = store.all<{ id: number; event: string }>(
          'SELECT id, event FROM provider_events WHERE provider = ? AND happens_at <= ? ORDER BY happens_at, id LIMIT ?',
          provider,
          clock.now(),
          most,
        )
        for (const { id } of rows) store.run('DELETE FROM provider_events WHERE id = ?', id)
        if (rows.length > 0) post(rows.map(({ event }) => JSON.parse(event) as Json))
        const next = store.get<{ at: number }>(
          'SELECT happens_at AS at FROM provider_events WHERE provider = ? ORDER BY happens_at, id LIMIT 1',
          provider,
        )?.at
        return next === undefined ? undefined : leavesAt(next)
      }),
  })

  return {
    add(event, at) {
      const happensAt = Math.ceil(Math.max(at, clock.now()))
      store.run(
        'INSERT INTO provider_events (provider, happens_at, event) VALUES (?, ?, ?)',
        provider,
        happensAt,
        JSON.stringify(event),
      )
      store.afterCommit(() => alarm.wakeAt(leavesAt(happensAt)))
    },
    start: alarm.start,
    stop: alarm.stop,
    reset: () => void store.run('DELETE FROM provider_events WHERE provider = ?', provider),
  }
}
