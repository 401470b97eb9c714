import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { MessageAttributes } from './contents.ts'
import type { Fifo } from './fifo.ts'
import { rowColumns, type Draft, type MessageRow } from './message.ts'
import type { Queue, Registry } from './registry.ts'

export interface MovedBack {
  readonly moved: number
  /** How many of those that were looked at have no queue to go to. */
  readonly stuck: number
}

/** The way into a dead-letter queue, and the way back. All of it inside a transaction. */
export interface DeadLetters {
  move(row: Pick<MessageRow, 'id' | 'messageId' | 'group'>, from: Queue, to: Queue, reason: string): void
  /** What `find` finds and may be received; it is asked again after what was received too often was moved. */
  without(queue: Queue, find: () => readonly MessageRow[]): readonly MessageRow[]
  /**
   * Moves the visible dead letters, the oldest first, as new messages: to the queue that `targetOf` names for the one
   * they came from. `skip` leaves out those at the begin that are known to be stuck.
   */
  moveBack(
    deadLetters: Queue,
    targetOf: (source: string | undefined) => Queue | undefined,
    range?: { readonly most?: number; readonly skip?: number },
  ): MovedBack
}

export interface DeadLettersOptions {
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly registry: Registry
  readonly fifo: Fifo
  readonly added: (queue: number, count: number) => void
  readonly add: (queue: Queue, draft: Draft) => unknown
}

export function createDeadLetters(options: DeadLettersOptions): DeadLetters {
  const { store, clock, journal, registry, fifo, added, add } = options

  const move: DeadLetters['move'] = (row, from, to, reason) => {
    // A new number: it stands behind what was in the dead-letter queue before it. A FIFO queue counts its age anew,
    // a standard queue from when it was first sent.
    store.run(
      `UPDATE queue_messages SET id = (SELECT MAX(id) + 1 FROM queue_messages), queue = ?, visible_at = ?, embedded = 0,
         source = ?, reason = ?, sent_at = CASE WHEN group_id IS NULL THEN sent_at ELSE ? END
       WHERE id = ?`,
      to.id,
      clock.now(),
      from.arn,
      reason,
      clock.now(),
      row.id,
    )
    for (const queue of [from, to]) fifo.refresh(queue.id, [row.group])
    journal.record({ type: 'message.dead', queue: from.name, messageId: row.messageId, reason })
    added(from.id, -1)
    added(to.id, 1)
  }

  return {
    move,
    without(queue, find) {
      const { redrive } = queue.settings
      const target = redrive && registry.find(redrive.target)
      for (;;) {
        const rows = find()
        // A dead-letter queue that was deleted since takes nothing: the message stays where it is.
        if (redrive === undefined || target === undefined || target.id === queue.id) return rows
        const dead = rows.filter((row) => row.receiveCount >= redrive.maxReceiveCount)
        if (dead.length === 0) return rows
        for (const row of dead) {
          move(
            row,
            queue,
            target,
            `received ${row.receiveCount} times (maxReceiveCount ${redrive.maxReceiveCount}) and never deleted`,
          )
        }
      }
    },
    moveBack(deadLetters, targetOf, { most = -1, skip = 0 } = {}) {
      const rows = store.all<MessageRow>(
        `SELECT ${rowColumns} FROM queue_messages INDEXED BY queue_messages_due
         WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, receive_count, id LIMIT ? OFFSET ?`,
        deadLetters.id,
        clock.now(),
        most,
        skip,
      )
      let moved = 0
      for (const row of rows) {
        const target = targetOf(row.source?.split(':').at(-1))
        if (target === undefined) continue
        store.run('DELETE FROM queue_messages WHERE id = ?', row.id)
        fifo.refresh(deadLetters.id, [row.group])
        // AWS: a message that comes back is a new one, with a MessageId of its own and a receive count of 0.
        add(target, {
          body: row.body,
          md5: row.md5,
          attributes: row.attributes === null ? undefined : (JSON.parse(row.attributes) as MessageAttributes),
          system: row.system === null ? undefined : (JSON.parse(row.system) as Record<string, string>),
          delayMs: 0,
          fifo: row.group === null ? undefined : { group: row.group, deduplication: undefined },
        })
        added(deadLetters.id, -1)
        moved++
      }
      return { moved, stuck: rows.length - moved }
    },
  }
}
