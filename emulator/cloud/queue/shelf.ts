import { createGroups, type Groups } from './groups.ts'
import { createHeap, type Heap } from './heap.ts'
import type { Message } from './message.ts'

/** What a receive, a delete or a change of visibility changes. */
export interface Change {
  readonly visibleAt: number
  readonly receiveCount?: number
  readonly firstReceivedAt?: number
  readonly embedded?: boolean
}

/**
 * The messages of one queue in memory: those that can be received, in the order in which they are handed out, and those
 * that are hidden, in the order in which they will be seen. Nothing here costs more than the logarithm of what waits.
 */
export interface Shelf {
  readonly groups: Groups
  readonly size: number
  add(message: Message): void
  remove(message: Message): void
  /** Puts back what was removed last. */
  restore(message: Message): void
  change(message: Message, change: Change): void
  /** As of now; what has become visible is among them. */
  visible(): Heap<Message>
  hidden(): Heap<Message>
  /** Hidden, and never received. */
  delayed(): number
}

const earlier = (one: Message, other: Message) =>
  one.visibleAt === other.visibleAt
    ? one.receiveCount === other.receiveCount
      ? one.id < other.id
      : one.receiveCount < other.receiveCount
    : one.visibleAt < other.visibleAt

export function createShelf(now: () => number): Shelf {
  const visible = createHeap<Message>(earlier)
  const hidden = createHeap<Message>(earlier)
  const groups = createGroups()
  let delayed = 0

  const put = (message: Message) => {
    message.hidden = message.visibleAt > now()
    if (!message.hidden) {
      visible.push(message)
      return
    }
    hidden.push(message)
    if (message.receiveCount === 0) delayed++
  }
  const take = (message: Message) => {
    if (!message.hidden) {
      visible.remove(message)
      return
    }
    hidden.remove(message)
    if (message.receiveCount === 0) delayed--
  }
  const settle = () => {
    const at = now()
    for (let next = hidden.top(); next !== undefined && next.visibleAt <= at; next = hidden.top()) {
      take(next)
      put(next)
    }
  }

  return {
    groups,
    get size() {
      return visible.size + hidden.size
    },
    add(message) {
      put(message)
      groups.append(message)
    },
    remove(message) {
      take(message)
      groups.remove(message)
    },
    restore(message) {
      put(message)
      groups.restore(message)
    },
    change(message, { visibleAt, receiveCount, firstReceivedAt, embedded }) {
      take(message)
      message.visibleAt = visibleAt
      if (receiveCount !== undefined) message.receiveCount = receiveCount
      if (firstReceivedAt !== undefined) message.firstReceivedAt = firstReceivedAt
      if (embedded !== undefined) message.embedded = embedded
      put(message)
      groups.changed(message)
    },
    visible() {
      settle()
      return visible
    },
    hidden() {
      settle()
      return hidden
    },
    delayed() {
      settle()
      return delayed
    },
  }
}
