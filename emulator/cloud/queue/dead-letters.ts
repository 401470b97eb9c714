import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Draft, Message } from './message.ts'
import type { MessageStore } from './message-store.ts'
import type { Queue, Registry } from './registry.ts'

export interface MovedBack {
  readonly moved: number
  /** How many of those that were looked at have no queue to go to. */
  readonly stuck: number
}

/** The way into a dead-letter queue, and the way back. All of it inside a transaction. */
export interface DeadLetters {
  move(message: Message, from: Queue, to: Queue, reason: string): void
  /** What `find` finds and may be received; it is asked again after what was received too often was moved. */
  without(queue: Queue, find: () => readonly Message[]): readonly Message[]
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
  readonly clock: Clock
  readonly journal: Journal
  readonly registry: Registry
  readonly kept: MessageStore
  /** Called for each queue that has a message more or less. */
  readonly touched: (queue: number) => void
  readonly add: (queue: Queue, draft: Draft) => unknown
}

export function createDeadLetters({ clock, journal, registry, kept, touched, add }: DeadLettersOptions): DeadLetters {
  const move: DeadLetters['move'] = (message, from, to, reason) => {
    // It stands behind what was in the dead-letter queue before it. A FIFO queue counts its age anew, a standard queue
    // from when it was first sent.
    const sentAt = message.group === undefined ? message.sentAt : clock.now()
    kept.move(message, { queue: to.id, visibleAt: clock.now(), sentAt, source: from.arn, reason })
    journal.record({ type: 'message.dead', queue: from.name, messageId: message.messageId, reason })
    touched(from.id)
    touched(to.id)
  }

  return {
    move,
    without(queue, find) {
      const { redrive } = queue.settings
      if (redrive === undefined) return find()
      const target = registry.find(redrive.target)
      for (;;) {
        const messages = find()
        // A dead-letter queue that was deleted since takes nothing: the message stays where it is.
        if (target === undefined || target.id === queue.id) return messages
        const dead = messages.filter((message) => message.receiveCount >= redrive.maxReceiveCount)
        if (dead.length === 0) return messages
        for (const message of dead) {
          const { receiveCount } = message
          const reason = `received ${receiveCount} times (maxReceiveCount ${redrive.maxReceiveCount}) and never deleted`
          move(message, queue, target, reason)
        }
      }
    },
    moveBack(deadLetters, targetOf, { most = Infinity, skip = 0 } = {}) {
      const messages = kept
        .shelf(deadLetters.id)
        .visible()
        .first(skip + most)
        .slice(skip)
      let moved = 0
      for (const message of messages) {
        const target = targetOf(message.source?.split(':').at(-1))
        if (target === undefined) continue
        const body = kept.bodyOf(message)
        kept.remove(message)
        touched(deadLetters.id)
        // AWS: a message that comes back is a new one, with a MessageId of its own and a receive count of 0.
        add(target, {
          body,
          md5: message.md5,
          attributes: message.attributes,
          system: message.system,
          delayMs: 0,
          fifo: message.group === undefined ? undefined : { group: message.group, deduplication: undefined },
        })
        moved++
      }
      return { moved, stuck: messages.length - moved }
    },
  }
}
