import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Queue } from './registry.ts'

/**
 * Removes messages that are older than their queue keeps them. Nobody can have been hidden or delayed before it was sent,
 * so what has been visible for the whole period is too old, and the queue's own order finds it; what was received in
 * between is found when it is received again (`isTooOld`). Nothing is looked at before the time at which something can
 * expire, which is kept in memory.
 */
export interface Retention {
  /** Answers what was removed: how many, and their groups. */
  expire(queue: Queue): { readonly count: number; readonly groups: readonly (string | null)[] } | undefined
  isTooOld(queue: Queue, message: { readonly sentAt: number }): boolean
}

export function createRetention({ store, clock }: { readonly store: Store; readonly clock: Clock }): Retention {
  // No message became visible before; epoch milliseconds.
  const notBefore = new Map<number, number>()
  // Scaled as the delays are: `--speed` makes days pass sooner.
  const limit = ({ settings }: Queue) => 2 * clock.now() - clock.deadline(settings.retentionMs)

  return {
    isTooOld: (queue, { sentAt }) => sentAt <= limit(queue),
    expire(queue) {
      const before = limit(queue)
      if ((notBefore.get(queue.id) ?? -Infinity) > before) return undefined
      const gone = store.all<{ group: string | null }>(
        'DELETE FROM queue_messages WHERE queue = ? AND visible_at <= ? RETURNING group_id AS "group"',
        queue.id,
        before,
      )
      if (gone.length > 0) return { count: gone.length, groups: gone.map(({ group }) => group) }
      const first = store.get<{ at: number }>(
        `SELECT visible_at AS at FROM queue_messages INDEXED BY queue_messages_due
         WHERE queue = ? ORDER BY visible_at LIMIT 1`,
        queue.id,
      )?.at
      notBefore.set(queue.id, Math.min(first ?? Infinity, clock.now()))
      return undefined
    },
  }
}
