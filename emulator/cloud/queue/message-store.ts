import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { MessageAttributes } from './contents.ts'
import type { Draft, Message } from './message.ts'
import { createShelf, type Change, type Shelf } from './shelf.ts'

/**
 * Where the messages are: their order in memory, a row for each in the table where they must outlive the process, and
 * bodies in memory as far as there is room. What changes something must be called inside a transaction; where that is
 * undone, so is what was changed in memory.
 */
export interface MessageStore {
  shelf(queue: number): Shelf
  find(id: number): Message | undefined
  add(queue: number, draft: Draft, own: NewMessage): Message
  change(message: Message, change: Change): void
  remove(message: Message): void
  /** Makes it the newest message of another queue. */
  move(message: Message, to: MoveTo): void
  /** Removes all messages of a queue. */
  purge(queue: number): void
  bodyOf(message: Message): string
  all(): Iterable<Message>
}

export interface NewMessage {
  readonly messageId: string
  readonly visibleAt: number
  readonly system: Readonly<Record<string, string>> | undefined
}

export interface MoveTo {
  readonly queue: number
  readonly visibleAt: number
  readonly sentAt: number
  readonly source: string
  readonly reason: string
}

/** How many characters of bodies are kept in memory beside the table, and where there is no table else. */
const roomForBodies = { durable: 64 * 1024 * 1024, ephemeral: 256 * 1024 * 1024 }
const pageOfRows = 10_000

interface Row {
  id: number
  queue: number
  visibleAt: number
  receiveCount: number
  firstReceivedAt: number
  sentAt: number
  embedded: number
  messageId: string
  group: string | null
  source: string | null
  reason: string | null
  md5: string
  attributes: string | null
  system: string | null
  bodyBytes: number
}

/**
 * What changes has the same size before and after a receive (first_received_at begins as the time of sending), so that
 * SQLite overwrites a few bytes and does not write a long body again. The order of messages is kept in memory alone.
 */
const tables = `
  CREATE TABLE IF NOT EXISTS queue_messages (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL DEFAULT 0,
    first_received_at INTEGER NOT NULL,
    embedded INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    group_id TEXT,
    source TEXT,
    reason TEXT,
    md5 TEXT NOT NULL,
    attributes TEXT,
    system TEXT,
    body TEXT NOT NULL
  );
  DROP INDEX IF EXISTS queue_messages_due;
  DROP INDEX IF EXISTS queue_messages_embedded;
  DROP INDEX IF EXISTS queue_messages_group;
  DROP TABLE IF EXISTS fifo_groups;
`

const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value))

export function createMessageStore({ store, clock }: { readonly store: Store; readonly clock: Clock }): MessageStore {
  store.define(tables)
  const now = () => clock.now()
  const shelves = new Map<number, Shelf>()
  const byId = new Map<number, Message>()
  const room = store.durable ? roomForBodies.durable : roomForBodies.ephemeral
  let kept = 0
  let lastId = 0

  const shelf = (queue: number): Shelf => {
    let found = shelves.get(queue)
    if (found === undefined) shelves.set(queue, (found = createShelf(now)))
    return found
  }
  const keep = (body: string) => {
    if (kept + body.length > room) return undefined
    kept += body.length
    return body
  }
  const forget = ({ body }: Message) => {
    if (body !== undefined) kept -= body.length
  }

  const enter = (message: Message) => {
    byId.set(message.id, message)
    shelf(message.queue).add(message)
    store.onUndo(() => {
      byId.delete(message.id)
      shelf(message.queue).remove(message)
    })
  }
  const leave = (message: Message) => {
    byId.delete(message.id)
    shelf(message.queue).remove(message)
    store.onUndo(() => {
      byId.set(message.id, message)
      shelf(message.queue).restore(message)
    })
  }

  for (;;) {
    const rows = store.all<Row>(
      `SELECT id, queue, visible_at AS visibleAt, receive_count AS receiveCount, first_received_at AS firstReceivedAt,
         sent_at AS sentAt, embedded, message_id AS messageId, group_id AS "group", source, reason, md5, attributes, system,
         octet_length(body) AS bodyBytes
       FROM queue_messages WHERE id > ? ORDER BY id LIMIT ?`,
      lastId,
      pageOfRows,
    )
    for (const row of rows) {
      lastId = row.id
      const message: Message = {
        ...row,
        group: row.group ?? undefined,
        source: row.source ?? undefined,
        reason: row.reason ?? undefined,
        attributes: row.attributes === null ? undefined : (JSON.parse(row.attributes) as MessageAttributes),
        system: row.system === null ? undefined : (JSON.parse(row.system) as Record<string, string>),
        embedded: row.embedded === 1,
        hidden: false,
        body: undefined,
        stored: true,
        place: -1,
        ahead: undefined,
        behind: undefined,
      }
      byId.set(message.id, message)
      shelf(message.queue).add(message)
    }
    if (rows.length < pageOfRows) break
  }

  return {
    shelf,
    find: (id) => byId.get(id),
    add(queue, draft, { messageId, visibleAt, system }) {
      const sentAt = now()
      const body = keep(draft.body)
      if (body !== undefined) store.onUndo(() => (kept -= body.length))
      const stored = store.durable || body === undefined
      const message: Message = {
        id: ++lastId,
        queue,
        messageId,
        group: draft.fifo?.group,
        md5: draft.md5,
        attributes: draft.attributes,
        system,
        source: undefined,
        reason: undefined,
        sentAt,
        bodyBytes: Buffer.byteLength(draft.body),
        visibleAt,
        receiveCount: 0,
        firstReceivedAt: sentAt,
        embedded: false,
        hidden: false,
        body,
        stored,
        place: -1,
        ahead: undefined,
        behind: undefined,
      }
      if (stored) {
        store.run(
          `INSERT INTO queue_messages
             (id, queue, visible_at, first_received_at, sent_at, message_id, group_id, md5, attributes, system, body)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          message.id,
          queue,
          visibleAt,
          sentAt,
          sentAt,
          messageId,
          message.group ?? null,
          draft.md5,
          json(draft.attributes),
          json(system),
          draft.body,
        )
      }
      enter(message)
      return message
    },
    change(message, change) {
      const { visibleAt, receiveCount, firstReceivedAt, embedded } = message
      shelf(message.queue).change(message, change)
      store.onUndo(() => shelf(message.queue).change(message, { visibleAt, receiveCount, firstReceivedAt, embedded }))
      if (!message.stored) return
      store.run(
        'UPDATE queue_messages SET visible_at = ?, receive_count = ?, first_received_at = ?, embedded = ? WHERE id = ?',
        message.visibleAt,
        message.receiveCount,
        message.firstReceivedAt,
        message.embedded ? 1 : 0,
        message.id,
      )
    },
    remove(message) {
      leave(message)
      forget(message)
      store.onUndo(() => {
        if (message.body !== undefined) kept += message.body.length
      })
      if (message.stored) store.run('DELETE FROM queue_messages WHERE id = ?', message.id)
    },
    move(message, { queue, visibleAt, sentAt, source, reason }) {
      const moved: Message = {
        ...message,
        id: ++lastId,
        queue,
        visibleAt,
        sentAt,
        source,
        reason,
        embedded: false,
        place: -1,
      }
      leave(message)
      enter(moved)
      if (!message.stored) return
      store.run(
        `UPDATE queue_messages SET id = ?, queue = ?, visible_at = ?, embedded = 0, source = ?, reason = ?, sent_at = ?
         WHERE id = ?`,
        moved.id,
        queue,
        visibleAt,
        source,
        reason,
        sentAt,
        message.id,
      )
    },
    purge(queue) {
      const before = shelf(queue)
      const messages = [...before.visible().items(), ...before.hidden().items()]
      const forgotten = messages.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)
      for (const { id } of messages) byId.delete(id)
      shelves.delete(queue)
      kept -= forgotten
      store.onUndo(() => {
        for (const message of messages) byId.set(message.id, message)
        shelves.set(queue, before)
        kept += forgotten
      })
      if (messages.some(({ stored }) => stored)) store.run('DELETE FROM queue_messages WHERE queue = ?', queue)
    },
    bodyOf: (message) =>
      message.body ??
      store.get<{ body: string }>('SELECT body FROM queue_messages WHERE id = ?', message.id)?.body ??
      '',
    all: () => byId.values(),
  }
}
