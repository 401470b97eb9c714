import type { Clock } from '../../kernel/clock.ts'
import type { Counts, Message, PeekedMessage } from './message.ts'
import type { MessageStore } from './message-store.ts'
import type { Queue } from './registry.ts'

/** What can be asked of the messages without receiving them. */
export interface MessageViews {
  /** Whether one of these is in any queue. */
  isQueued(messageIds: readonly string[]): boolean
  /** Whether a receive would find something. */
  isReady(queue: Queue): boolean
  /** When the next message becomes, or became, ready to be received. */
  nextReadyAt(queue: Queue): number | undefined
  /** When the next message that is hidden now becomes visible. */
  nextShownAt(queue: Queue): number | undefined
  count(queue: Queue): Counts
  /** The age of the message that has been visible longest. */
  oldestAgeMs(queue: Queue): number | undefined
  peek(queue: Queue, most: number): PeekedMessage[]
}

export interface MessageViewsOptions {
  readonly clock: Clock
  readonly kept: MessageStore
  readonly expire: (queue: Queue) => void
}

// Who sends a message to a dead-letter queue by itself says why as Lambda does.
const reasonAttribute = 'ErrorMessage'

const peeked = ({ messageId, reason, attributes, receiveCount, bodyBytes, sentAt }: Message): PeekedMessage => ({
  messageId,
  reason: reason ?? attributes?.[reasonAttribute]?.value,
  receiveCount,
  bodyBytes,
  sentAt,
})

export function createMessageViews({ clock, kept, expire }: MessageViewsOptions): MessageViews {
  const nextReadyAt = ({ id, settings }: Queue) => {
    const shelf = kept.shelf(id)
    if (settings.fifo) return shelf.groups.nextReadyAt()
    return (shelf.visible().top() ?? shelf.hidden().top())?.visibleAt
  }

  return {
    isQueued(messageIds) {
      const wanted = new Set(messageIds)
      for (const { messageId } of kept.all()) if (wanted.has(messageId)) return true
      return false
    },
    isReady: (queue) => (nextReadyAt(queue) ?? Infinity) <= clock.now(),
    nextReadyAt,
    nextShownAt: ({ id }) => kept.shelf(id).hidden().top()?.visibleAt,
    count(queue) {
      expire(queue)
      const shelf = kept.shelf(queue.id)
      const delayed = shelf.delayed()
      return { visible: shelf.visible().size, inFlight: shelf.hidden().size - delayed, delayed }
    },
    oldestAgeMs(queue) {
      const oldest = kept.shelf(queue.id).visible().top()
      return oldest === undefined ? undefined : Math.max(0, clock.now() - oldest.sentAt)
    },
    peek(queue, most) {
      expire(queue)
      const shelf = kept.shelf(queue.id)
      const visible = shelf.visible().first(most)
      return [...visible, ...shelf.hidden().first(most - visible.length)].map(peeked)
    },
  }
}
