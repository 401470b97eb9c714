import { createHeap, type Placed } from './heap.ts'
import type { Message } from './message.ts'

/** No receive takes more of a group. */
const longestBatch = 10

interface Group extends Placed {
  readonly name: string
  /** When its next message may be handed out, which is never while one of its messages is in flight. */
  readyAt: number
  first: Message | undefined
  last: Message | undefined
}

/**
 * The message groups of one FIFO queue, each a chain of messages in the order in which they came. A group is one entry of
 * a heap, so that a receive costs the same however many messages and groups wait.
 */
export interface Groups {
  append(message: Message): void
  remove(message: Message): void
  /** Puts back what was removed last, between its neighbours. */
  restore(message: Message): void
  /** When a message can be received again has changed. */
  changed(message: Message): void
  /** Groups that may be received from, the one that has waited longest first. */
  ready(now: number, most: number): readonly string[]
  /** The messages of a group that are next, in order. */
  next(name: string, now: number, most: number): Message[]
  nextReadyAt(): number | undefined
}

export function createGroups(): Groups {
  const groups = new Map<string, Group>()
  const heap = createHeap<Group>((one, other) =>
    one.readyAt === other.readyAt ? (one.first?.id ?? 0) < (other.first?.id ?? 0) : one.readyAt < other.readyAt,
  )

  /** Changes a group while it is out of the heap, and puts it back where it belongs now. */
  const alter = (name: string, change: (group: Group) => void) => {
    let group = groups.get(name)
    if (group === undefined) group = { name, readyAt: 0, first: undefined, last: undefined, place: -1 }
    else heap.remove(group)
    change(group)
    if (group.first === undefined) {
      groups.delete(name)
      return
    }
    groups.set(name, group)
    // In flight are only messages of the last batch, and they are the first of their group.
    let readyAt = group.first.visibleAt
    let message: Message | undefined = group.first
    for (let at = 0; at < longestBatch && message !== undefined; at++, message = message.behind) {
      if (message.receiveCount > 0 && message.visibleAt > readyAt) readyAt = message.visibleAt
    }
    group.readyAt = readyAt
    heap.push(group)
  }
  const alterOf = (message: Message, change: (group: Group) => void) => {
    if (message.group !== undefined) alter(message.group, change)
  }

  return {
    append: (message) =>
      alterOf(message, (group) => {
        message.ahead = group.last
        message.behind = undefined
        if (group.last === undefined) group.first = message
        else group.last.behind = message
        group.last = message
      }),
    remove: (message) =>
      alterOf(message, (group) => {
        if (message.ahead === undefined) group.first = message.behind
        else message.ahead.behind = message.behind
        if (message.behind === undefined) group.last = message.ahead
        else message.behind.ahead = message.ahead
      }),
    restore: (message) =>
      alterOf(message, (group) => {
        if (message.ahead === undefined) group.first = message
        else message.ahead.behind = message
        if (message.behind === undefined) group.last = message
        else message.behind.ahead = message
      }),
    changed: (message) => alterOf(message, () => undefined),
    ready: (now, most) =>
      heap
        .first(most)
        .filter(({ readyAt }) => readyAt <= now)
        .map(({ name }) => name),
    next(name, now, most) {
      const found: Message[] = []
      // A delayed message holds up those behind it.
      for (
        let message = groups.get(name)?.first;
        message !== undefined && message.visibleAt <= now && found.length < most;
        message = message.behind
      ) {
        found.push(message)
      }
      return found
    },
    nextReadyAt: () => heap.top()?.readyAt,
  }
}
