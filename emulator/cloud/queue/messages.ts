import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { MessageAttributes } from './contents.ts'
import { readReceipt, writeReceipt } from './receipt-handle.ts'
import type { Queue, Registry } from './registry.ts'

/** A message that was checked and may be added to a queue. */
export interface Draft {
  readonly body: string
  readonly md5: string
  readonly attributes: MessageAttributes | undefined
  readonly system: Readonly<Record<string, string>> | undefined
  /** Milliseconds until it can be received. */
  readonly delayMs: number
}

/** A message as one receiver holds it. Times are epoch milliseconds. */
export interface HeldMessage {
  readonly messageId: string
  readonly receiptHandle: string
  readonly body: string
  readonly md5: string
  readonly attributes: MessageAttributes | undefined
  readonly system: Readonly<Record<string, string>>
  readonly sentAt: number
  readonly receiveCount: number
  readonly firstReceivedAt: number
  /** Where it came from, in a dead-letter queue. */
  readonly sourceArn: string | undefined
}

export interface Take {
  readonly most: number
  /** Undefined: as the queue says. */
  readonly visibilityMs: number | undefined
  /** Taken by the worker inside this process: visible again at once when the process has died. */
  readonly embedded: boolean
}

/** Whom a receipt handle names: the holder, nobody because the message is gone, or somebody else since. */
export type Holding = 'held' | 'gone' | 'stale'

export interface Counts {
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

export interface PeekedMessage {
  readonly messageId: string
  readonly reason: string | undefined
  readonly receiveCount: number
  readonly bodyBytes: number
  readonly sentAt: number
}

/** The messages of all queues. What changes something must be called inside a transaction. */
export interface Messages {
  insert(queue: Queue, draft: Draft): { readonly messageId: string }
  /** Hands out what is visible; what was received too often goes to the dead-letter queue instead. */
  take(queue: Queue, take: Take): HeldMessage[]
  /** Undoes a take whose receiver has gone. */
  giveBack(queue: Queue, taken: readonly Pick<HeldMessage, 'receiptHandle'>[]): void
  remove(queue: Queue, receiptHandle: string): Holding
  /** Makes a message that is held visible at `at`. */
  setVisibleAt(queue: Queue, receiptHandle: string, at: number): Holding
  /** Keeps a message that the embedded worker holds until `until`; after a crash it is visible at once all the same. */
  renew(queue: Queue, receiptHandle: string, until: number): void
  bury(queue: Queue, target: Queue, receiptHandle: string, reason: string): Holding
  /** Moves every dead letter to the queue that it came from, else to `fallback`, as a new message. */
  redrive(deadLetters: Queue, fallback: Queue | undefined): number
  purge(queue: Queue): number
  /** Removes all messages, or those whose job is the tenant's. */
  clear(tenant: number | undefined): void
  /** Whether one of these is in any queue. */
  isQueued(messageIds: readonly string[]): boolean
  isAnyVisible(queue: number): boolean
  /** When the next message becomes, or became, visible. */
  nextVisibleAt(queue: number): number | undefined
  count(queue: Queue): Counts
  /** The age of the message that has been visible longest. */
  oldestAgeMs(queue: Queue): number | undefined
  peek(queue: Queue, most: number): PeekedMessage[]
  /** How many messages the embedded worker of the process before held. */
  readonly recovered: number
}

interface Row {
  id: number
  messageId: string
  receiveCount: number
  firstReceivedAt: number
  sentAt: number
  source: string | null
  md5: string
  attributes: string | null
  system: string | null
  body: string
}

export interface MessagesOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  readonly registry: Registry
  /** Called after each commit that may have made a message visible, now or later. */
  readonly changed: (queue: number) => void
}

/** Whose job a message carries, as the worker reads it: the attribute, else the body's own field in any dialect. */
const tenantOfMessage = `coalesce(attributes ->> '$.CompanyId.value', CASE WHEN json_valid(body) THEN
  coalesce(body ->> '$.tenant_id', body ->> '$.company_id', body ->> '$.companyid', '0') END)`

export function createMessages({ store, clock, ids, journal, registry, changed }: MessagesOptions): Messages {
  // What changes has the same size before and after a receive (first_received_at begins as the time of sending), so
  // that SQLite overwrites a few bytes and does not write a long body again.
  store.define(`
    CREATE TABLE IF NOT EXISTS queue_messages (
      id INTEGER PRIMARY KEY,
      queue INTEGER NOT NULL,
      visible_at INTEGER NOT NULL,
      receive_count INTEGER NOT NULL DEFAULT 0,
      first_received_at INTEGER NOT NULL,
      embedded INTEGER NOT NULL DEFAULT 0,
      sent_at INTEGER NOT NULL,
      message_id TEXT NOT NULL,
      source TEXT,
      reason TEXT,
      md5 TEXT NOT NULL,
      attributes TEXT,
      system TEXT,
      body TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS queue_messages_due ON queue_messages (queue, visible_at, receive_count);
    CREATE INDEX IF NOT EXISTS queue_messages_embedded ON queue_messages (queue) WHERE embedded = 1;
  `)
  const totals = new Map<number, number>()
  for (const { queue, total } of store.all<{ queue: number; total: number }>(
    'SELECT queue, COUNT(*) AS total FROM queue_messages GROUP BY queue',
  )) {
    totals.set(queue, total)
  }
  const recovered = store.tx(
    () => store.run('UPDATE queue_messages SET visible_at = ?, embedded = 0 WHERE embedded = 1', clock.now()).changes,
  )

  const added = (queue: number, count: number) =>
    store.afterCommit(() => {
      totals.set(queue, (totals.get(queue) ?? 0) + count)
      if (count > 0) changed(queue)
    })

  const move = (row: { id: number; messageId: string }, from: Queue, to: Queue, reason: string) => {
    store.run(
      'UPDATE queue_messages SET queue = ?, visible_at = ?, embedded = 0, source = ?, reason = ? WHERE id = ?',
      to.id,
      clock.now(),
      from.arn,
      reason,
      row.id,
    )
    journal.record({ type: 'message.dead', queue: from.name, messageId: row.messageId, reason })
    added(from.id, -1)
    added(to.id, 1)
  }

  const visible = (queue: Queue, now: number, most: number) =>
    store.all<Row>(
      `SELECT id, message_id AS messageId, receive_count AS receiveCount, first_received_at AS firstReceivedAt,
         sent_at AS sentAt, source, md5, attributes, system, body
       FROM queue_messages INDEXED BY queue_messages_due
       WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, receive_count, id LIMIT ?`,
      queue.id,
      now,
      most,
    )

  const takeable = (queue: Queue, now: number, most: number): Row[] => {
    const { redrive } = queue.settings
    const target = redrive && registry.find(redrive.target)
    for (;;) {
      const rows = visible(queue, now, most)
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
  }

  const hold = (queue: Queue, row: Row, now: number, visibleAt: number, embedded: boolean): HeldMessage => {
    const receiveCount = row.receiveCount + 1
    const firstReceivedAt = row.receiveCount === 0 ? now : row.firstReceivedAt
    store.run(
      'UPDATE queue_messages SET visible_at = ?, receive_count = ?, first_received_at = ?, embedded = ? WHERE id = ?',
      visibleAt,
      receiveCount,
      firstReceivedAt,
      embedded ? 1 : 0,
      row.id,
    )
    return {
      messageId: row.messageId,
      receiptHandle: writeReceipt(queue.id, row.id, receiveCount, row.messageId),
      body: row.body,
      md5: row.md5,
      attributes: row.attributes === null ? undefined : (JSON.parse(row.attributes) as MessageAttributes),
      system: row.system === null ? {} : (JSON.parse(row.system) as Record<string, string>),
      sentAt: row.sentAt,
      receiveCount,
      firstReceivedAt,
      sourceArn: row.source ?? undefined,
    }
  }

  const holder = (queue: Queue, receiptHandle: string) => {
    const receipt = readReceipt(receiptHandle, queue.id)
    const row = store.get<{ id: number; queue: number; messageId: string; receiveCount: number }>(
      'SELECT id, queue, message_id AS messageId, receive_count AS receiveCount FROM queue_messages WHERE id = ?',
      receipt.id,
    )
    if (row === undefined || row.queue !== queue.id || !row.messageId.startsWith(receipt.message)) {
      return { holding: 'gone' } as const
    }
    return row.receiveCount === receipt.receive ? ({ holding: 'held', row } as const) : ({ holding: 'stale' } as const)
  }

  return {
    recovered,
    insert(queue, { body, md5, attributes, system, delayMs }) {
      const messageId = ids.next('message')
      const now = clock.now()
      store.run(
        `INSERT INTO queue_messages (queue, visible_at, first_received_at, sent_at, message_id, md5, attributes, system, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        queue.id,
        delayMs === 0 ? now : Math.ceil(clock.deadline(delayMs)),
        now,
        now,
        messageId,
        md5,
        attributes === undefined ? null : JSON.stringify(attributes),
        system === undefined ? null : JSON.stringify(system),
        body,
      )
      added(queue.id, 1)
      return { messageId }
    },
    take(queue, { most, visibilityMs = queue.settings.visibilityMs, embedded }) {
      const now = clock.now()
      const rows = takeable(queue, now, most)
      const visibleAt = visibilityMs === 0 ? now : Math.ceil(clock.deadline(visibilityMs))
      return rows.map((row) => hold(queue, row, now, visibleAt, embedded))
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
      }
      store.afterCommit(() => changed(queue.id))
    },
    remove(queue, receiptHandle) {
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) {
        store.run('DELETE FROM queue_messages WHERE id = ?', row.id)
        added(queue.id, -1)
      }
      return holding
    },
    setVisibleAt(queue, receiptHandle, at) {
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) {
        store.run('UPDATE queue_messages SET visible_at = ?, embedded = 0 WHERE id = ?', Math.ceil(at), row.id)
        store.afterCommit(() => changed(queue.id))
      }
      return holding
    },
    renew(queue, receiptHandle, until) {
      const { row } = holder(queue, receiptHandle)
      if (row !== undefined)
        store.run('UPDATE queue_messages SET visible_at = ? WHERE id = ?', Math.ceil(until), row.id)
    },
    bury(queue, target, receiptHandle, reason) {
      const { holding, row } = holder(queue, receiptHandle)
      if (row !== undefined) move(row, queue, target, reason)
      return holding
    },
    redrive(deadLetters, fallback) {
      const rows = store.all<{ id: number; source: string | null }>(
        'SELECT id, source FROM queue_messages WHERE queue = ? ORDER BY id',
        deadLetters.id,
      )
      const now = clock.now()
      let moved = 0
      for (const { id, source } of rows) {
        const target = registry.find(source?.split(':').at(-1) ?? '') ?? fallback
        if (target === undefined) continue
        // AWS: a message that was redriven is a new one, with a MessageId of its own and a receive count of 0.
        store.run(
          `UPDATE queue_messages SET queue = ?, visible_at = ?, receive_count = 0, first_received_at = ?, embedded = 0,
             sent_at = ?, message_id = ?, source = NULL, reason = NULL WHERE id = ?`,
          target.id,
          now,
          now,
          now,
          ids.next('message'),
          id,
        )
        added(deadLetters.id, -1)
        added(target.id, 1)
        moved++
      }
      return moved
    },
    purge(queue) {
      const { changes } = store.run('DELETE FROM queue_messages WHERE queue = ?', queue.id)
      added(queue.id, -changes)
      return changes
    },
    clear(tenant) {
      for (const queue of registry.all()) {
        const { changes } =
          tenant === undefined
            ? store.run('DELETE FROM queue_messages WHERE queue = ?', queue.id)
            : store.run(
                `DELETE FROM queue_messages WHERE queue = ? AND ${tenantOfMessage} = ?`,
                queue.id,
                String(tenant),
              )
        added(queue.id, -changes)
      }
    },
    isQueued: (messageIds) =>
      store.get(
        'SELECT 1 FROM queue_messages WHERE message_id IN (SELECT value FROM json_each(?)) LIMIT 1',
        JSON.stringify(messageIds),
      ) !== undefined,
    isAnyVisible: (queue) =>
      store.get(
        'SELECT 1 FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? AND visible_at <= ? LIMIT 1',
        queue,
        clock.now(),
      ) !== undefined,
    nextVisibleAt: (queue) =>
      store.get<{ at: number }>(
        'SELECT visible_at AS at FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? ORDER BY visible_at LIMIT 1',
        queue,
      )?.at,
    count(queue) {
      const later = store.get<{ all: number; delayed: number }>(
        `SELECT COUNT(*) AS "all", COUNT(*) FILTER (WHERE receive_count = 0) AS delayed
         FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? AND visible_at > ?`,
        queue.id,
        clock.now(),
      ) ?? { all: 0, delayed: 0 }
      const visibleNow = Math.max(0, (totals.get(queue.id) ?? 0) - later.all)
      return { visible: visibleNow, inFlight: later.all - later.delayed, delayed: later.delayed }
    },
    oldestAgeMs(queue) {
      const sentAt = store.get<{ at: number }>(
        `SELECT sent_at AS at FROM queue_messages INDEXED BY queue_messages_due
         WHERE queue = ? AND visible_at <= ? ORDER BY visible_at LIMIT 1`,
        queue.id,
        clock.now(),
      )?.at
      return sentAt === undefined ? undefined : Math.max(0, clock.now() - sentAt)
    },
    peek: (queue, most) =>
      store
        .all<Omit<PeekedMessage, 'reason'> & { reason: string | null }>(
          `SELECT message_id AS messageId, reason, receive_count AS receiveCount, octet_length(body) AS bodyBytes, sent_at AS sentAt
           FROM queue_messages INDEXED BY queue_messages_due WHERE queue = ? ORDER BY visible_at, receive_count, id LIMIT ?`,
          queue.id,
          most,
        )
        .map((row) => ({ ...row, reason: row.reason ?? undefined })),
  }
}
