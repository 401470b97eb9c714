import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { createDeadLetters, type DeadLetters } from './dead-letters.ts'
import { createFifo } from './fifo.ts'
import { createHolders } from './holders.ts'
import { createInFlight } from './in-flight.ts'
import {
  messageTables,
  rowColumns,
  type Draft,
  type HeldMessage,
  type Holding,
  type Inserted,
  type MessageRow,
  type Take,
} from './message.ts'
import { createMessageViews, type MessageViews } from './message-views.ts'
import { readReceipt } from './receipt-handle.ts'
import type { Queue, Registry } from './registry.ts'
import { createRetention } from './retention.ts'

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

/** Whose job a message carries, as the worker reads it: the attribute, else the body's own field in any dialect. */
const tenantOfMessage = `coalesce(attributes ->> '$.CompanyId.value', CASE WHEN json_valid(body) THEN
  coalesce(body ->> '$.tenant_id', body ->> '$.company_id', body ->> '$.companyid', '0') END)`

export function createMessages(options: MessagesOptions): Messages {
  const { store, clock, ids, registry, changed } = options
  store.define(messageTables)
  const fifo = createFifo(options)
  const { hold, holder } = createHolders(options)
  const inFlight = createInFlight({ store, clock, limit: options.inFlightLimit })
  const retention = createRetention(options)

  const totals = new Map<number, number>()
  for (const { queue, total } of store.all<{ queue: number; total: number }>(
    'SELECT queue, COUNT(*) AS total FROM queue_messages GROUP BY queue',
  )) {
    totals.set(queue, total)
  }
  const added = (queue: number, count: number) =>
    store.afterCommit(() => {
      totals.set(queue, (totals.get(queue) ?? 0) + count)
      if (count > 0) changed(queue)
    })
  /** After a message of a FIFO queue was deleted or shown, the next of its group may be ready. */
  const touched = (queue: Queue, group: string | null) => {
    if (group === null) return
    fifo.refresh(queue.id, [group])
    store.afterCommit(() => changed(queue.id))
  }
  /** One that is hidden leaves those in flight; one whose time was over may not have been counted. */
  const left = (queue: Queue, { visibleAt }: Pick<MessageRow, 'visibleAt'>) => {
    if (visibleAt > clock.now() && inFlight.drop(queue.id)) store.afterCommit(() => changed(queue.id))
  }

  const expire = (queue: Queue) => {
    const gone = retention.expire(queue)
    if (gone === undefined) return
    fifo.refresh(queue.id, gone.groups)
    added(queue.id, -gone.count)
  }

  /** Those that may still be handed out; `find` is asked again where some were too old. */
  const young = (queue: Queue, find: () => MessageRow[]): MessageRow[] => {
    for (;;) {
      const rows = find()
      const old = rows.filter((row) => retention.isTooOld(queue, row))
      if (old.length === 0) return rows
      for (const { id } of old) store.run('DELETE FROM queue_messages WHERE id = ?', id)
      fifo.refresh(
        queue.id,
        old.map(({ group }) => group),
      )
      added(queue.id, -old.length)
    }
  }

  const add = (queue: Queue, draft: Draft): Inserted => {
    const messageId = ids.next('message')
    const sequence = draft.fifo && fifo.nextSequence()
    const now = clock.now()
    const system = sequence === undefined ? draft.system : { ...draft.system, SequenceNumber: sequence }
    store.run(
      `INSERT INTO queue_messages
         (queue, visible_at, first_received_at, sent_at, message_id, group_id, md5, attributes, system, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      queue.id,
      draft.delayMs === 0 ? now : Math.ceil(clock.deadline(draft.delayMs)),
      now,
      now,
      messageId,
      draft.fifo?.group ?? null,
      draft.md5,
      draft.attributes === undefined ? null : JSON.stringify(draft.attributes),
      system === undefined ? null : JSON.stringify(system),
      draft.body,
    )
    if (draft.fifo) fifo.refresh(queue.id, [draft.fifo.group])
    added(queue.id, 1)
    return { messageId, sequence }
  }

  const views = createMessageViews({ store, clock, fifo, expire, totalOf: (queue) => totals.get(queue) ?? 0 })
  const deadLetters = createDeadLetters({ ...options, fifo, added, add })

  const recovered = store.tx(() => {
    const rows = store.all<{ queue: number; group: string | null }>(
      'UPDATE queue_messages SET visible_at = ?, embedded = 0 WHERE embedded = 1 RETURNING queue, group_id AS "group"',
      clock.now(),
    )
    for (const { queue, group } of rows) fifo.refresh(queue, [group])
    return rows.length
  })

  const visible = (queue: Queue, now: number, most: number) =>
    store.all<MessageRow>(
      `SELECT ${rowColumns} FROM queue_messages INDEXED BY queue_messages_due
       WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, receive_count, id LIMIT ?`,
      queue.id,
      now,
      most,
    )

  /** Whole groups, as far as the receive has room: the first group's messages in order, then the next group's. */
  const nextOfGroups = (queue: Queue, now: number, most: number) => {
    const rows: MessageRow[] = []
    for (const group of fifo.readyGroups(queue.id, now, most)) {
      if (rows.length === most) break
      rows.push(...fifo.next(queue.id, group, now, most - rows.length))
    }
    return rows
  }

  const visibleAtAfter = (queue: Queue, now: number, visibilityMs = queue.settings.visibilityMs) =>
    visibilityMs === 0 ? now : Math.ceil(clock.deadline(visibilityMs))

  /** Nobody asks a standard queue whether the handle was stale, so that one statement does. */
  const removeStandard = (queue: Queue, receiptHandle: string): Holding => {
    const receipt = readReceipt(receiptHandle, queue.id)
    const row = store.get<Pick<MessageRow, 'visibleAt'>>(
      `DELETE FROM queue_messages WHERE id = ? AND queue = ? AND receive_count = ? AND substr(message_id, 1, 8) = ?
       RETURNING visible_at AS visibleAt`,
      receipt.id,
      queue.id,
      receipt.receive,
      receipt.message,
    )
    if (row === undefined) return 'gone'
    added(queue.id, -1)
    left(queue, row)
    return 'held'
  }

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
      expire(queue)
      const now = clock.now()
      const room = inFlight.room(queue.id, most)
      if (room === 0) return []
      const find = queue.settings.fifo ? nextOfGroups : visible
      const rows = deadLetters.without(queue, () => young(queue, () => find(queue, now, room)))
      const visibleAt = visibleAtAfter(queue, now, visibilityMs)
      const held = rows.map((row) => hold(queue, row, now, visibleAt, embedded))
      inFlight.add(queue.id, held.length)
      if (queue.settings.fifo)
        fifo.refresh(
          queue.id,
          rows.map(({ group }) => group),
        )
      return held
    },
    takeAgain(queue, taken, visibilityMs) {
      const holders = taken.map(({ receiptHandle, visibleAt }) => {
        const { row } = holder(queue, receiptHandle)
        return row?.visibleAt === visibleAt ? row : undefined
      })
      if (holders.includes(undefined)) return undefined
      const visibleAt = visibleAtAfter(queue, clock.now(), visibilityMs)
      for (const row of holders) {
        if (row !== undefined) store.run('UPDATE queue_messages SET visible_at = ? WHERE id = ?', visibleAt, row.id)
      }
      fifo.refresh(
        queue.id,
        holders.map((row) => row?.group ?? null),
      )
      return taken.map((message) => ({ ...message, visibleAt }))
    },
    giveBack(queue, taken) {
      for (const { receiptHandle } of taken) {
        const { row } = holder(queue, receiptHandle)
        if (row === undefined) continue
        store.run(
          'UPDATE queue_messages SET visible_at = ?, receive_count = receive_count - 1, embedded = 0 WHERE id = ?',
          clock.now(),
          row.id,
        )
        touched(queue, row.group)
        left(queue, row)
      }
      store.afterCommit(() => changed(queue.id))
    },
    remove(queue, receiptHandle) {
      if (!queue.settings.fifo) return removeStandard(queue, receiptHandle)
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) {
        store.run('DELETE FROM queue_messages WHERE id = ?', row.id)
        added(queue.id, -1)
        touched(queue, row.group)
        left(queue, row)
      }
      return holding
    },
    setVisibleAt(queue, receiptHandle, at) {
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) {
        store.run('UPDATE queue_messages SET visible_at = ?, embedded = 0 WHERE id = ?', Math.ceil(at), row.id)
        touched(queue, row.group)
        // A message that was visible is in flight again.
        if (row.visibleAt <= clock.now()) inFlight.add(queue.id, 1)
        store.afterCommit(() => changed(queue.id))
      }
      return holding
    },
    renew(queue, receiptHandle, until) {
      const { row } = holder(queue, receiptHandle)
      if (row === undefined) return
      store.run('UPDATE queue_messages SET visible_at = ? WHERE id = ?', Math.ceil(until), row.id)
      touched(queue, row.group)
    },
    bury(queue, target, receiptHandle, reason) {
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) {
        deadLetters.move(row, queue, target, reason)
        left(queue, row)
      }
      return holding
    },
    purge(queue) {
      const { changes } = store.run('DELETE FROM queue_messages WHERE queue = ?', queue.id)
      fifo.clear(queue.id)
      added(queue.id, -changes)
    },
    clear(tenant) {
      if (tenant === undefined) fifo.forget()
      for (const queue of registry.all()) {
        const which = tenant === undefined ? '' : `AND ${tenantOfMessage} = ?`
        const gone = store.all<{ group: string | null }>(
          `DELETE FROM queue_messages WHERE queue = ? ${which} RETURNING group_id AS "group"`,
          queue.id,
          ...(tenant === undefined ? [] : [String(tenant)]),
        )
        fifo.refresh(
          queue.id,
          gone.map(({ group }) => group),
        )
        added(queue.id, -gone.length)
      }
    },
    isFull: (queue) => inFlight.room(queue.id, 1) === 0,
  }
}
