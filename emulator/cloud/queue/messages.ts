import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { createDeadLetters, type DeadLetters } from './dead-letters.ts'
import { createFifo } from './fifo.ts'
import { createHolders } from './holders.ts'
import type { Draft, HeldMessage, Holding, Inserted, Message, Take } from './message.ts'
import { createMessageStore } from './message-store.ts'
import { createMessageViews, type MessageViews } from './message-views.ts'
import type { Queue, Registry } from './registry.ts'
import { createRetention } from './retention.ts'
import { tenantOf } from './tenant.ts'

/** The messages of all queues. What changes something must be called inside a transaction. */
export interface Messages extends MessageViews, Pick<DeadLetters, 'moveBack'> {
  /** Adds a message; in a FIFO queue, unless one with the same deduplication id was sent a moment ago. */
  insert(queue: Queue, draft: Draft): Inserted
  /** Hands out what is visible; what was received too often goes to the dead-letter queue instead. */
  take(queue: Queue, take: Take): HeldMessage[]
  /** Holds again what a receive with the same attempt id was given; undefined where any of it has changed since. */
  takeAgain(queue: Queue, taken: readonly HeldMessage[], visibilityMs: number | undefined): HeldMessage[] | undefined
  /** Undoes a take whose receiver has gone. */
  giveBack(queue: Queue, taken: readonly Pick<HeldMessage, 'receiptHandle'>[]): void
  remove(queue: Queue, receiptHandle: string): Holding
  /** Makes a message that is held visible at `at`. */
  setVisibleAt(queue: Queue, receiptHandle: string, at: number): Holding
  /** Keeps a message that the embedded worker holds until `until`; after a crash it is visible at once all the same. */
  renew(queue: Queue, receiptHandle: string, until: number): void
  bury(queue: Queue, target: Queue, receiptHandle: string, reason: string): Holding
  purge(queue: Queue): void
  /** Removes all messages, or those whose job is the tenant's. */
  clear(tenant: number | undefined): void
  /** Whether as many messages of a queue are in flight as may be. */
  isFull(queue: Queue): boolean
  /** How many messages the embedded worker of the process before held. */
  readonly recovered: number
}

export interface MessagesOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly registry: Registry
  /** Messages of one queue that may be in flight. */
  readonly inFlightLimit: number
  /** Called after each commit that may have made a message visible, now or later. */
  readonly changed: (queue: number) => void
}

export function createMessages(options: MessagesOptions): Messages {
  const { store, clock, ids, registry, changed } = options
  const kept = createMessageStore(options)
  const fifo = createFifo(options)
  const { hold, holder } = createHolders({ clock, kept })
  const retention = createRetention({ clock, kept })

  /** Tells, once it is committed, that a message of the queue may be ready to be received. */
  const touched = (queue: number) => store.afterCommit(() => changed(queue))

  /** How many messages of a queue may still be received without one being deleted. */
  const room = (queue: Queue) => {
    const shelf = kept.shelf(queue.id)
    return Math.max(0, options.inFlightLimit - shelf.hidden().size + shelf.delayed())
  }
  /** Where the queue was full, who waits for room is told. The next of a FIFO queue's group may be ready. */
  const released = (queue: Queue, message: Message, wasFull: boolean) => {
    if (wasFull || message.group !== undefined) touched(queue.id)
  }
  const isFull = (queue: Queue) => room(queue) === 0

  const expire = (queue: Queue) => store.tx(() => void retention.expire(queue))

  /** Those that may still be handed out; `find` is asked again where some were too old. */
  const young = (queue: Queue, find: () => Message[]): Message[] => {
    for (;;) {
      const messages = find()
      const old = messages.filter((message) => retention.isTooOld(queue, message))
      if (old.length === 0) return messages
      for (const message of old) kept.remove(message)
    }
  }

  const add = (queue: Queue, draft: Draft): Inserted => {
    const messageId = ids.next('message')
    const sequence = draft.fifo && fifo.nextSequence()
    const visibleAt = draft.delayMs === 0 ? clock.now() : Math.ceil(clock.deadline(draft.delayMs))
    const system = sequence === undefined ? draft.system : { ...draft.system, SequenceNumber: sequence }
    kept.add(queue.id, draft, { messageId, visibleAt, system })
    touched(queue.id)
    return { messageId, sequence }
  }

  const views = createMessageViews({ clock, kept, expire })
  const deadLetters = createDeadLetters({ ...options, kept, touched, add })

  const recovered = store.tx(() => {
    const held = [...kept.all()].filter(({ embedded }) => embedded)
    for (const message of held) kept.change(message, { visibleAt: clock.now(), embedded: false })
    return held.length
  })

  const visible = (queue: Queue, most: number) => kept.shelf(queue.id).visible().first(most)

  /** Whole groups, as far as the receive has room: the first group's messages in order, then the next group's. */
  const nextOfGroups = (queue: Queue, most: number) => {
    const { groups } = kept.shelf(queue.id)
    const now = clock.now()
    const messages: Message[] = []
    for (const group of groups.ready(now, most)) {
      if (messages.length === most) break
      messages.push(...groups.next(group, now, most - messages.length))
    }
    return messages
  }

  const visibleAtAfter = (queue: Queue, visibilityMs = queue.settings.visibilityMs) =>
    visibilityMs === 0 ? clock.now() : Math.ceil(clock.deadline(visibilityMs))

  return {
    ...views,
    moveBack: deadLetters.moveBack,
    recovered,
    insert(queue, draft) {
      if (draft.fifo === undefined) return add(queue, draft)
      const duplicate = fifo.duplicateOf(queue, draft.fifo)
      if (duplicate !== undefined) return duplicate
      const inserted = add(queue, draft)
      fifo.remember(queue, draft.fifo, inserted)
      return inserted
    },
    take(queue, { most, visibilityMs, embedded }) {
      retention.expire(queue)
      const wanted = Math.min(most, room(queue))
      if (wanted === 0) return []
      const find = queue.settings.fifo ? nextOfGroups : visible
      const messages = deadLetters.without(queue, () => young(queue, () => find(queue, wanted)))
      const visibleAt = visibleAtAfter(queue, visibilityMs)
      return messages.map((message) => hold(queue, message, visibleAt, embedded))
    },
    takeAgain(queue, taken, visibilityMs) {
      const held: Message[] = []
      for (const { receiptHandle, visibleAt } of taken) {
        const { message } = holder(queue, receiptHandle)
        if (message?.visibleAt !== visibleAt) return undefined
        held.push(message)
      }
      const visibleAt = visibleAtAfter(queue, visibilityMs)
      for (const message of held) kept.change(message, { visibleAt })
      return taken.map((message) => ({ ...message, visibleAt }))
    },
    giveBack(queue, taken) {
      for (const { receiptHandle } of taken) {
        const { message } = holder(queue, receiptHandle)
        if (message === undefined) continue
        kept.change(message, {
          visibleAt: clock.now(),
          receiveCount: message.receiveCount - 1,
          embedded: false,
        })
      }
      touched(queue.id)
    },
    remove(queue, receiptHandle) {
      const { holding, message } = holder(queue, receiptHandle)
      if (message !== undefined) {
        const wasFull = isFull(queue)
        kept.remove(message)
        released(queue, message, wasFull)
      }
      return holding
    },
    setVisibleAt(queue, receiptHandle, at) {
      const { holding, message } = holder(queue, receiptHandle)
      if (message !== undefined) {
        kept.change(message, { visibleAt: Math.ceil(at), embedded: false })
        touched(queue.id)
      }
      return holding
    },
    renew(queue, receiptHandle, until) {
      const { message } = holder(queue, receiptHandle)
      if (message !== undefined) kept.change(message, { visibleAt: Math.ceil(until) })
    },
    bury(queue, target, receiptHandle, reason) {
      const { holding, message } = holder(queue, receiptHandle)
      if (message !== undefined) deadLetters.move(message, queue, target, reason)
      return holding
    },
    purge: (queue) => kept.purge(queue.id),
    clear(tenant) {
      if (tenant === undefined) {
        fifo.forget()
        for (const { id } of registry.all()) kept.purge(id)
        return
      }
      for (const message of [...kept.all()]) {
        if (tenantOf(message.attributes, kept.bodyOf(message)) === String(tenant)) kept.remove(message)
      }
    },
    isFull,
  }
}
