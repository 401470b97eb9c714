import { createHash } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Bucket } from './buckets.ts'
import { ObjectsError } from './errors.ts'
import type { StoredObject } from '../../worker/ports.ts'

/** What is known of an object beside its bytes. */
export interface ObjectHead {
  readonly key: string
  readonly contentType: string
  /** MD5 of the bytes in hex, without quotes; for an object of N parts the MD5 of the parts' MD5s, a hyphen and N. */
  readonly etag: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly created: number
  /**
   * The headers that come back with it: `cache-control`, `content-disposition`, `x-amz-meta-…`, `x-amz-checksum-…`;
   * names in lower case.
   */
  readonly headers: Readonly<Record<string, string>>
}

export type StoredBytes = ObjectHead & { readonly bytes: Uint8Array }

/** ETags without quotes, or `*` for any object. */
export interface WriteConditions {
  /** Write only over the object that has one of these. */
  readonly ifMatch?: readonly string[]
  /** Do not write over the object that has one of these. */
  readonly ifNoneMatch?: readonly string[]
}

export interface Upload {
  readonly key: string
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Where it is not the MD5 of the bytes. */
  readonly etag?: string
  readonly conditions?: WriteConditions
}

/** One object to delete. */
export interface Removal {
  readonly key: string
  /** Only where it has one of these ETags. */
  readonly ifMatch?: readonly string[] | undefined
}

/** The objects' table. Methods throw ObjectsError; those that write belong into a transaction. */
export interface Contents {
  insert(bucket: Bucket, object: Upload): ObjectHead
  /**
   * The worker's own way in: it is not slowed down as R2's callers are. `shared`, the same for a whole put, has the first
   * pieces that were written, with their ids.
   */
  insertOwn(bucket: Bucket, object: StoredObject, shared: Map<Uint8Array, number>): void
  head(bucket: Bucket, key: string): ObjectHead
  read(bucket: Bucket, key: string): StoredBytes
  bytes(bucket: Bucket, key: string): Uint8Array | undefined
  /** Succeeds where there was nothing, unless the client says what it must be. */
  remove(bucket: Bucket, removal: Removal): void
  /** The next objects in the order of their keys, from `from` on and before `before`. */
  scan(bucket: Bucket, from: string, before: string | undefined, limit: number): ObjectHead[]
}

interface Row {
  key: string
  content_type: string
  etag: string
  size: number
  created: number
  headers: string
}

/** The largest object, also of many parts: the state file holds certificates, and an object is held in memory. */
export const largestObject = 64 * 1024 * 1024

const columns = 'key, content_type, etag, size, created, headers'
const longestKey = 1024
/** R2 takes one write a second to the same key. */
const r2WriteIntervalMs = 1000

const objectOf = (row: Row): ObjectHead => ({
  key: row.key,
  contentType: row.content_type,
  etag: row.etag,
  size: row.size,
  created: row.created,
  headers: JSON.parse(row.headers) as Record<string, string>,
})

const missing = (key: string) => new ObjectsError('no-such-key', `there is no object ${key}`, { key })

/** Throws `key-too-long` or `malformed-uri`. */
export function checkKey(key: string): void {
  const length = Buffer.byteLength(key)
  if (length === 0 || length > longestKey) {
    throw new ObjectsError('key-too-long', `a key has 1 to ${longestKey} bytes, not ${length}`, { length, longestKey })
  }
  if (key.includes('\0')) throw new ObjectsError('malformed-uri', 'a key has no NUL character')
}

export function checkSize(size: number): void {
  if (size <= largestObject) return
  throw new ObjectsError('too-large', `${size} bytes are more than ${largestObject}`, { size, limit: largestObject })
}

export function createContents({ store, clock }: { readonly store: Store; readonly clock: Clock }): Contents {
  // The bytes come last: SQLite then reads what is before them without touching the pages that they overflow into.
  store.define(`
    CREATE TABLE IF NOT EXISTS objects (
      id INTEGER PRIMARY KEY,
      bucket TEXT NOT NULL,
      key TEXT NOT NULL,
      content_type TEXT NOT NULL,
      etag TEXT NOT NULL,
      size INTEGER NOT NULL,
      created INTEGER NOT NULL,
      headers TEXT NOT NULL,
      begins_with INTEGER,
      bytes BLOB NOT NULL,
      UNIQUE (bucket, key)
    );
    -- What many objects begin with: nine tenths of a certificate are the same for all that were rendered together.
    CREATE TABLE IF NOT EXISTS object_beginnings (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS objects_begins_with ON objects (begins_with) WHERE begins_with IS NOT NULL;
    CREATE TRIGGER IF NOT EXISTS objects_removed AFTER DELETE ON objects WHEN old.begins_with IS NOT NULL BEGIN
      DELETE FROM object_beginnings WHERE id = old.begins_with
        AND NOT EXISTS (SELECT 1 FROM objects WHERE begins_with = old.begins_with);
    END;
    CREATE TRIGGER IF NOT EXISTS objects_replaced AFTER UPDATE OF begins_with ON objects
      WHEN old.begins_with IS NOT NULL AND old.begins_with IS NOT new.begins_with BEGIN
      DELETE FROM object_beginnings WHERE id = old.begins_with
        AND NOT EXISTS (SELECT 1 FROM objects WHERE begins_with = old.begins_with);
    END;
  `)

  const find = <Found>(select: string, bucket: Bucket, key: string) =>
    store.get<Found>(`SELECT ${select} FROM objects WHERE bucket = ? AND key = ?`, bucket.name, key)

  const write = (bucket: Bucket, head: ObjectHead, bytes: Uint8Array, beginning: number | null) => {
    checkKey(head.key)
    checkSize(head.size)
    store.run(
      `INSERT INTO objects (bucket, key, content_type, etag, size, created, headers, begins_with, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (bucket, key) DO UPDATE SET content_type = excluded.content_type, etag = excluded.etag,
         size = excluded.size, created = excluded.created, headers = excluded.headers,
         begins_with = excluded.begins_with, bytes = excluded.bytes`,
      bucket.name,
      head.key,
      head.contentType,
      head.etag,
      head.size,
      head.created,
      JSON.stringify(head.headers),
      beginning,
      bytes,
    )
  }

  /** The bytes of an object, whatever it begins with. */
  const whole = ({ beginning, bytes }: { beginning: Uint8Array | null; bytes: Uint8Array }): Uint8Array =>
    beginning === null ? bytes : Buffer.concat([beginning, bytes])
  const pieces =
    '(SELECT b.bytes FROM object_beginnings b WHERE b.id = objects.begins_with) AS beginning, objects.bytes AS bytes'

  return {
    insertOwn(bucket, { key, contentType, pieces, md5 }, shared) {
      const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
      const etag = md5 ?? pieces.reduce((digest, piece) => digest.update(piece), createHash('md5')).digest('hex')
      const [first, ...rest] = pieces
      let beginning: number | null = null
      if (first !== undefined && rest.length > 0) {
        beginning =
          shared.get(first) ?? store.run('INSERT INTO object_beginnings (bytes) VALUES (?)', first).lastInsertRowid
        shared.set(first, beginning)
      }
      const bytes = rest.length === 0 ? (first ?? new Uint8Array()) : Buffer.concat(rest)
      write(bucket, { key, contentType, etag, size, created: clock.now(), headers: {} }, bytes, beginning)
    },

    insert(bucket, object) {
      const { key, contentType, bytes, conditions = {}, headers = {} } = object
      const present = find<{ etag: string; created: number }>('etag, created', bucket, key)
      checkConditions(conditions, key, present?.etag)
      if (bucket.isR2 && present !== undefined && clock.now() - present.created < r2WriteIntervalMs) {
        throw new ObjectsError('too-many-writes', `${key} was written less than a second ago`, { key })
      }
      const etag = object.etag ?? createHash('md5').update(bytes).digest('hex')
      const head = { key, contentType, etag, size: bytes.byteLength, created: clock.now(), headers }
      write(bucket, head, bytes, null)
      return head
    },

    head(bucket, key) {
      const row = find<Row>(columns, bucket, key)
      if (row === undefined) throw missing(key)
      return objectOf(row)
    },

    read(bucket, key) {
      const row = find<Row & { beginning: Uint8Array | null; bytes: Uint8Array }>(`${columns}, ${pieces}`, bucket, key)
      if (row === undefined) throw missing(key)
      return { ...objectOf(row), bytes: whole(row) }
    },

    bytes(bucket, key) {
      const row = find<{ beginning: Uint8Array | null; bytes: Uint8Array }>(pieces, bucket, key)
      return row === undefined ? undefined : whole(row)
    },

    remove(bucket, { key, ifMatch }) {
      if (ifMatch !== undefined) checkConditions({ ifMatch }, key, find<{ etag: string }>('etag', bucket, key)?.etag)
      store.run('DELETE FROM objects WHERE bucket = ? AND key = ?', bucket.name, key)
    },

    scan: (bucket, from, before, limit) =>
      (before === undefined
        ? store.all<Row>(
            `SELECT ${columns} FROM objects WHERE bucket = ? AND key >= ? ORDER BY key LIMIT ?`,
            bucket.name,
            from,
            limit,
          )
        : store.all<Row>(
            `SELECT ${columns} FROM objects WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?`,
            bucket.name,
            from,
            before,
            limit,
          )
      ).map(objectOf),
  }
}

function checkConditions({ ifMatch, ifNoneMatch }: WriteConditions, key: string, etag: string | undefined): void {
  const hit = (etags: readonly string[]) => etag !== undefined && (etags.includes('*') || etags.includes(etag))
  if (ifMatch !== undefined && !hit(ifMatch)) {
    if (etag === undefined) throw missing(key)
    throw new ObjectsError('precondition-failed', `${key} is another object by now`, { condition: 'If-Match' })
  }
  if (ifNoneMatch !== undefined && hit(ifNoneMatch)) {
    throw new ObjectsError('precondition-failed', `${key} is there already`, { condition: 'If-None-Match' })
  }
}
