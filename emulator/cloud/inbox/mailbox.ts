import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { Digest } from './content.ts'
import type { Address } from './headers.ts'
import type { Condition } from './search.ts'
import { cleanTags } from './tags.ts'

/** A message as it is stored: what its header fields say, read at reception. */
export interface StoredMessage {
  readonly id: string
  /** Without angle brackets. */
  readonly messageId: string
  /** When it was received, epoch milliseconds. */
  readonly created: number
  readonly from: Address
  readonly to: readonly Address[]
  readonly cc: readonly Address[]
  /** The header's, and the recipients whom only the envelope named. */
  readonly bcc: readonly Address[]
  readonly replyTo: readonly Address[]
  readonly subject: string
  /** Whom the sender's SMTP or API session was logged in as; empty for nobody. */
  readonly username: string
  readonly size: number
  readonly tags: readonly string[]
}

export interface MessageRow extends StoredMessage {
  readonly seq: number
  readonly read: boolean
  /** Undefined until somebody has looked at a list with this message in it. */
  readonly digest: Omit<Digest, 'text'> | undefined
}

/** The inbox's tables, without any idea of SMTP or MIME. Reads and writes are synchronous. */
export interface Mailbox {
  /** A new message's number in the inbox; it grows, and is never given again once a message with it is kept. */
  nextSeq(): number
  insert(seq: number, message: StoredMessage, raw: Uint8Array): void
  byId(id: string): MessageRow | undefined
  raw(seq: number): Buffer | undefined
  holds(messageId: string): boolean
  /** Newest first; `limit` undefined for all. */
  page(where: readonly Condition[], start: number, limit: number | undefined): MessageRow[]
  count(where: readonly Condition[]): { total: number; unread: number }
  /** Of all raw messages together. */
  bytes(): number
  /** Which of the messages that fit have no digest yet. */
  undigested(where: readonly Condition[]): number[]
  keepDigests(digests: readonly (Digest & { readonly seq: number })[]): void
  idsWhere(where: readonly Condition[]): string[]
  setRead(ids: readonly string[] | undefined, read: boolean): void
  /** Removes these messages, or all; returns how many there were. */
  remove(ids: readonly string[] | undefined): number
  /** By Message-ID, without angle brackets. */
  removeSent(messageIds: readonly string[]): number
  tags(): { tag: string; messages: number }[]
  setTags(ids: readonly string[], tags: readonly string[]): void
  renameTag(from: string, to: string): void
  dropTag(tag: string): void
}

interface Row {
  seq: number
  id: string
  message_id: string
  created: number
  sent_from: string
  sent_to: string
  cc: string
  bcc: string
  reply_to: string
  subject: string
  username: string
  size: number
  read: number
  tags: string | null
  attachments: number | null
  inline: number | null
  snippet: string | null
}

// Pairs rather than objects, so that a search for `to:name` does not find the word "name" in every row.
const none = '[]'
const pack = (list: readonly Address[]) =>
  list.length === 0 ? none : JSON.stringify(list.map(({ name, address }) => [name, address]))
const unpack = (json: string): Address[] =>
  json === none ? [] : (JSON.parse(json) as [string, string][]).map(([name, address]) => ({ name, address }))

function messageOf(row: Row): MessageRow {
  const { seq, id, message_id: messageId, created, subject, username, size } = row
  return {
    seq,
    id,
    messageId,
    created,
    from: unpack(row.sent_from)[0] ?? { name: '', address: '' },
    to: unpack(row.sent_to),
    cc: unpack(row.cc),
    bcc: unpack(row.bcc),
    replyTo: unpack(row.reply_to),
    subject,
    username,
    size,
    read: row.read === 1,
    tags: row.tags === null ? [] : (JSON.parse(row.tags) as string[]).toSorted(),
    digest:
      row.snippet === null
        ? undefined
        : { snippet: row.snippet, attachments: row.attachments ?? 0, inline: row.inline ?? 0 },
  }
}

/** An id in Mailpit's form, 22 letters and digits: the message's number, and a hash of it. */
export function messageIdOf(ids: Ids, seq: number): string {
  return `${seq.toString(36).padStart(8, '0')}${ids.stable(14, 'inbox-message', seq)}`
}

/** The number that an id begins with; -1 for what is no id. */
function seqInId(id: string): number {
  return /^[0-9a-z]{8}/.test(id) ? parseInt(id.slice(0, 8), 36) : -1
}

const selection = `
  SELECT m.*, d.attachments, d.inline, d.snippet,
    (SELECT json_group_array(t.tag) FROM inbox_tags t WHERE t.seq = m.seq) AS tags
  FROM inbox_messages m LEFT JOIN inbox_digests d ON d.seq = m.seq`
const joined = 'FROM inbox_messages m LEFT JOIN inbox_digests d ON d.seq = m.seq'

const whereOf = (conditions: readonly Condition[]) => ({
  sql: conditions.length === 0 ? '' : `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`,
  values: conditions.flatMap(({ values }) => values),
})

export function createMailbox(store: Store): Mailbox {
  // The raw message is apart, so that counting and searching read few pages. Ids are not indexed: they begin with `seq`,
  // and an index of hashes would write a page of its own for each message.
  store.define(`
    CREATE TABLE IF NOT EXISTS inbox_messages (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL,
      message_id TEXT NOT NULL,
      created INTEGER NOT NULL,
      sent_from TEXT NOT NULL,
      sent_to TEXT NOT NULL,
      cc TEXT NOT NULL,
      bcc TEXT NOT NULL,
      reply_to TEXT NOT NULL,
      subject TEXT NOT NULL,
      username TEXT NOT NULL,
      size INTEGER NOT NULL,
      read INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS inbox_message_id ON inbox_messages (message_id);
    CREATE INDEX IF NOT EXISTS inbox_read ON inbox_messages (read);
    CREATE TABLE IF NOT EXISTS inbox_raw (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS inbox_digests (
      seq INTEGER PRIMARY KEY,
      attachments INTEGER NOT NULL,
      inline INTEGER NOT NULL,
      snippet TEXT NOT NULL,
      text TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS inbox_tags (
      seq INTEGER NOT NULL,
      tag TEXT NOT NULL COLLATE NOCASE,
      PRIMARY KEY (seq, tag)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS inbox_tag ON inbox_tags (tag, seq);
  `)

  const tag = (seq: number, name: string) =>
    store.run('INSERT OR IGNORE INTO inbox_tags (seq, tag) VALUES (?, ?)', seq, name)
  const seqOf = (id: string) =>
    store.get<{ seq: number }>('SELECT seq FROM inbox_messages WHERE seq = ? AND id = ?', seqInId(id), id)?.seq
  const removeSeq = (seq: number) => {
    for (const table of ['inbox_raw', 'inbox_digests', 'inbox_tags', 'inbox_messages']) {
      store.run(`DELETE FROM ${table} WHERE seq = ?`, seq)
    }
  }

  let lastSeq = store.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'inbox_messages'")?.seq ?? 0

  return {
    nextSeq: () => ++lastSeq,
    insert(seq, message, raw) {
      store.run(
        `INSERT INTO inbox_messages
           (seq, id, message_id, created, sent_from, sent_to, cc, bcc, reply_to, subject, username, size)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        seq,
        message.id,
        message.messageId,
        message.created,
        pack([message.from]),
        pack(message.to),
        pack(message.cc),
        pack(message.bcc),
        pack(message.replyTo),
        message.subject,
        message.username,
        message.size,
      )
      store.run('INSERT INTO inbox_raw (seq, raw) VALUES (?, ?)', seq, raw)
      for (const name of message.tags) tag(seq, name)
    },
    byId(id) {
      const row = store.get<Row>(`${selection} WHERE m.seq = ? AND m.id = ?`, seqInId(id), id)
      return row === undefined ? undefined : messageOf(row)
    },
    raw(seq) {
      const row = store.get<{ raw: Uint8Array }>('SELECT raw FROM inbox_raw WHERE seq = ?', seq)
      return row === undefined ? undefined : Buffer.from(row.raw.buffer, row.raw.byteOffset, row.raw.byteLength)
    },
    holds: (messageId) =>
      store.get('SELECT 1 FROM inbox_messages WHERE message_id = ? LIMIT 1', messageId) !== undefined,
    page(where, start, limit) {
      const { sql, values } = whereOf(where)
      return store
        .all<Row>(`${selection} ${sql} ORDER BY m.seq DESC LIMIT ? OFFSET ?`, ...values, limit ?? -1, start)
        .map(messageOf)
    },
    count(where) {
      if (where.length === 0) {
        const total = store.get<{ n: number }>('SELECT COUNT(*) AS n FROM inbox_messages')?.n ?? 0
        const unread = store.get<{ n: number }>('SELECT COUNT(*) AS n FROM inbox_messages WHERE read = 0')?.n ?? 0
        return { total, unread }
      }
      const { sql, values } = whereOf(where)
      return (
        store.get<{ total: number; unread: number }>(
          `SELECT COUNT(*) AS total, COALESCE(SUM(m.read = 0), 0) AS unread ${joined} ${sql}`,
          ...values,
        ) ?? { total: 0, unread: 0 }
      )
    },
    bytes: () => store.get<{ n: number }>('SELECT COALESCE(SUM(size), 0) AS n FROM inbox_messages')?.n ?? 0,
    undigested(where) {
      const { sql, values } = whereOf([...where, { sql: 'd.seq IS NULL', values: [], digest: true }])
      return store.all<{ seq: number }>(`SELECT m.seq ${joined} ${sql} ORDER BY m.seq`, ...values).map(({ seq }) => seq)
    },
    keepDigests(digests) {
      store.tx(() => {
        for (const { seq, attachments, inline, snippet, text } of digests) {
          // Not for a message that was deleted while it was being parsed.
          store.run(
            `INSERT OR REPLACE INTO inbox_digests
             SELECT seq, ?, ?, ?, ? FROM inbox_messages WHERE seq = ?`,
            attachments,
            inline,
            snippet,
            text,
            seq,
          )
        }
      })
    },
    idsWhere(where) {
      const { sql, values } = whereOf(where)
      return store.all<{ id: string }>(`SELECT m.id ${joined} ${sql}`, ...values).map(({ id }) => id)
    },
    setRead(ids, read) {
      store.tx(() => {
        if (ids === undefined)
          store.run('UPDATE inbox_messages SET read = ? WHERE read <> ?', Number(read), Number(read))
        else {
          for (const id of ids) {
            store.run('UPDATE inbox_messages SET read = ? WHERE seq = ? AND id = ?', Number(read), seqInId(id), id)
          }
        }
      })
    },
    remove: (ids) =>
      store.tx(() => {
        if (ids === undefined) {
          for (const table of ['inbox_raw', 'inbox_digests', 'inbox_tags']) store.run(`DELETE FROM ${table}`)
          return store.run('DELETE FROM inbox_messages').changes
        }
        const known = ids.map(seqOf).filter((seq) => seq !== undefined)
        for (const seq of known) removeSeq(seq)
        return known.length
      }),
    removeSent: (messageIds) =>
      store.tx(() => {
        const sent = messageIds.flatMap((messageId) =>
          store.all<{ seq: number }>('SELECT seq FROM inbox_messages WHERE message_id = ?', messageId),
        )
        for (const { seq } of sent) removeSeq(seq)
        return sent.length
      }),
    tags: () =>
      store.all<{ tag: string; messages: number }>(
        'SELECT tag, COUNT(*) AS messages FROM inbox_tags GROUP BY tag ORDER BY tag',
      ),
    setTags(ids, names) {
      store.tx(() => {
        for (const seq of ids.map(seqOf).filter((one) => one !== undefined)) {
          store.run('DELETE FROM inbox_tags WHERE seq = ?', seq)
          for (const name of cleanTags(names)) tag(seq, name)
        }
      })
    },
    renameTag: (from, to) => void store.run('UPDATE OR IGNORE inbox_tags SET tag = ? WHERE tag = ?', to, from),
    dropTag: (name) => void store.run('DELETE FROM inbox_tags WHERE tag = ?', name),
  }
}
