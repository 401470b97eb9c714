import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'

/**
 * How many messages of a queue may still be received without one being deleted. What is kept in memory is never below
 * the truth (a message whose time is over is not counted down), so the table is asked only where the limit seems near.
 */
export interface InFlight {
  /** Up to `wanted`. */
  room(queue: number, wanted: number): number
  add(queue: number, count: number): void
  /** One less. Answers whether the queue was full, so that who waits for room is told. */
  drop(queue: number): boolean
}

export function createInFlight({
  store,
  clock,
  limit,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly limit: number
}): InFlight {
  const atMost = new Map<number, number>()
  const count = (queue: number) =>
    store.get<{ held: number }>(
      `SELECT COUNT(*) AS held FROM queue_messages INDEXED BY queue_messages_due
       WHERE queue = ? AND visible_at > ? AND receive_count > 0`,
      queue,
      clock.now(),
    )?.held ?? 0

  return {
    room(queue, wanted) {
      const known = atMost.get(queue)
      if (known !== undefined && limit - known >= wanted) return wanted
      const held = count(queue)
      atMost.set(queue, held)
      return Math.max(0, Math.min(wanted, limit - held))
    },
    add(queue, change) {
      const known = atMost.get(queue)
      if (known !== undefined) atMost.set(queue, known + change)
    },
    drop(queue) {
      const known = atMost.get(queue)
      if (known === undefined) return false
      atMost.set(queue, Math.max(0, known - 1))
      return known >= limit
    },
  }
}
