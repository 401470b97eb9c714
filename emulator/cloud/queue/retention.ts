import type { Clock } from '../../kernel/clock.ts'
import type { MessageStore } from './message-store.ts'
import type { Queue } from './registry.ts'

/**
 * Removes messages that are older than their queue keeps them. Nobody can have been hidden or delayed before it was sent,
 * so what has been visible for the whole period is too old, and the queue's own order finds it; what was received in
 * between is found when it is received again (`isTooOld`).
 */
export interface Retention {
  /** Answers how many were removed. */
  expire(queue: Queue): number
  isTooOld(queue: Queue, message: { readonly sentAt: number }): boolean
}

export function createRetention({ clock, kept }: { readonly clock: Clock; readonly kept: MessageStore }): Retention {
  // Scaled as the delays are: `--speed` makes days pass sooner.
  const limit = ({ settings }: Queue) => 2 * clock.now() - clock.deadline(settings.retentionMs)

  return {
    isTooOld: (queue, { sentAt }) => sentAt <= limit(queue),
    expire(queue) {
      const visible = kept.shelf(queue.id).visible()
      const before = limit(queue)
      let gone = 0
      for (let next = visible.top(); next !== undefined && next.visibleAt <= before; next = visible.top()) {
        kept.remove(next)
        gone++
      }
      return gone
    },
  }
}
