import { createHash } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Bucket } from './buckets.ts'
import {
  checksumHeaders,
  checksumOf,
  compositeChecksum,
  type Checksum,
  type ChecksumAlgorithm,
  type ChecksumType,
} from './checksums.ts'
import { checkKey, checkSize, type Contents, type ObjectHead, type Upload, type WriteConditions } from './contents.ts'
import { ObjectsError } from './errors.ts'
import { endOf } from './listing.ts'

/** What the object will be, once its parts are there. */
export interface NewUpload extends Omit<Upload, 'bytes' | 'etag' | 'conditions'> {
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined
}

export interface UploadHead {
  readonly id: string
  readonly key: string
  /** Epoch milliseconds. */
  readonly created: number
  readonly checksum: NewUpload['checksum']
}

export interface Part {
  readonly number: number
  /** MD5 of the bytes in hex, without quotes. */
  readonly etag: string
  readonly size: number
  readonly created: number
  readonly checksum: Checksum | undefined
}

/** A part as the client names it to complete an upload. */
export interface NamedPart {
  readonly number: number
  readonly etag: string
  readonly checksum?: Checksum | undefined
}

/** Uploads in parts, until they are completed or aborted. Methods throw ObjectsError. */
export interface Uploads {
  create(bucket: Bucket, upload: NewUpload): Promise<UploadHead>
  /** Replaces the part that has this number. */
  put(
    bucket: Bucket,
    key: string,
    id: string,
    part: { number: number; bytes: Uint8Array; checksum?: Checksum },
  ): Promise<Part>
  complete(
    bucket: Bucket,
    key: string,
    id: string,
    parts: readonly NamedPart[],
    expected: { readonly conditions: WriteConditions; readonly checksum?: Checksum | undefined },
  ): Promise<ObjectHead>
  abort(bucket: Bucket, key: string, id: string): Promise<void>
  find(bucket: Bucket, key: string, id: string): UploadHead
  /** The parts after the one with this number. */
  parts(bucket: Bucket, key: string, id: string, after: number, limit: number): Part[]
  /** The uploads after this one, in the order of keys and of their beginning. */
  list(bucket: Bucket, prefix: string, after: { key: string; id: string }, limit: number): UploadHead[]
}

interface UploadRow {
  number: number
  id: string
  key: string
  content_type: string
  headers: string
  checksum_algorithm: ChecksumAlgorithm | null
  checksum_type: ChecksumType | null
  created: number
}

interface PartRow {
  part: number
  etag: string
  size: number
  created: number
  checksum: string | null
}

const partColumns = 'part, etag, size, created, checksum'
const smallestPart = 5 * 1024 * 1024
/** How many can be open, in all buckets together. */
export const mostUploads = 1000

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')

export function createUploads({
  store,
  clock,
  contents,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly contents: Contents
}): Uploads {
  store.define(`
    CREATE TABLE IF NOT EXISTS uploads (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      bucket TEXT NOT NULL,
      key TEXT NOT NULL,
      content_type TEXT NOT NULL,
      headers TEXT NOT NULL,
      checksum_algorithm TEXT,
      checksum_type TEXT,
      created INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS uploads_of_bucket ON uploads (bucket, key, number);
    CREATE TABLE IF NOT EXISTS upload_parts (
      upload INTEGER NOT NULL REFERENCES uploads (number) ON DELETE CASCADE,
      part INTEGER NOT NULL,
      etag TEXT NOT NULL,
      size INTEGER NOT NULL,
      created INTEGER NOT NULL,
      checksum TEXT,
      bytes BLOB NOT NULL,
      PRIMARY KEY (upload, part)
    );
  `)

  const headOf = (row: UploadRow): UploadHead => ({
    id: row.id,
    key: row.key,
    created: row.created,
    checksum:
      row.checksum_algorithm === null || row.checksum_type === null
        ? undefined
        : { algorithm: row.checksum_algorithm, type: row.checksum_type },
  })
  const partOf = (row: PartRow): Part => ({
    number: row.part,
    etag: row.etag,
    size: row.size,
    created: row.created,
    checksum: row.checksum === null ? undefined : (JSON.parse(row.checksum) as Checksum),
  })

  const require = (bucket: Bucket, key: string, id: string): UploadRow => {
    const row = store.get<UploadRow>(
      'SELECT * FROM uploads WHERE id = ? AND bucket = ? AND key = ?',
      id,
      bucket.name,
      key,
    )
    if (row === undefined) throw new ObjectsError('no-such-upload', `there is no upload ${id}`, { uploadId: id })
    return row
  }

  /** The stored parts that the client names, in order. */
  const chosen = (bucket: Bucket, upload: UploadRow, named: readonly NamedPart[]): PartRow[] => {
    const stored = new Map(
      store
        .all<PartRow>(`SELECT ${partColumns} FROM upload_parts WHERE upload = ? ORDER BY part`, upload.number)
        .map((row) => [row.part, row]),
    )
    const rows = named.map((part, index) => {
      const before = named[index - 1]
      if (before !== undefined && before.number >= part.number) {
        throw new ObjectsError('invalid-part-order', `part ${part.number} comes after part ${before.number}`, {
          uploadId: upload.id,
        })
      }
      const row = stored.get(part.number)
      const given = part.checksum
      const kept = row === undefined ? undefined : partOf(row).checksum
      const wrong = given !== undefined && (kept?.algorithm !== given.algorithm || kept.value !== given.value)
      if (row === undefined || row.etag !== part.etag || wrong) {
        throw new ObjectsError('invalid-part', `part ${part.number} is not there, or another`, {
          uploadId: upload.id,
          part: part.number,
          etag: part.etag,
        })
      }
      return row
    })
    for (const row of rows.slice(0, -1)) {
      if (row.size < smallestPart) {
        throw new ObjectsError('part-too-small', `part ${row.part} has ${row.size} bytes`, {
          size: row.size,
          smallestPart,
          part: row.part,
          etag: row.etag,
        })
      }
      if (bucket.isR2 && row.size !== rows[0]?.size) {
        // R2 wants all parts but the last to be of one size.
        throw new ObjectsError('invalid-part', `part ${row.part} is not as large as the first`, {
          uploadId: upload.id,
          part: row.part,
          etag: row.etag,
        })
      }
    }
    checkSize(rows.reduce((sum, { size }) => sum + size, 0))
    return rows
  }

  return {
    create: (bucket, { key, contentType, headers = {}, checksum }) =>
      store.write(() => {
        checkKey(key)
        const count = store.get<{ count: number }>('SELECT count(*) AS count FROM uploads')?.count ?? 0
        if (count >= mostUploads) {
          throw new ObjectsError('too-many-uploads', `${mostUploads} uploads are open: complete or abort some`)
        }
        const created = clock.now()
        const { lastInsertRowid: number } = store.run(
          `INSERT INTO uploads (id, bucket, key, content_type, headers, checksum_algorithm, checksum_type, created)
           VALUES ('', ?, ?, ?, ?, ?, ?, ?)`,
          bucket.name,
          key,
          contentType,
          JSON.stringify(headers),
          checksum?.algorithm ?? null,
          checksum?.type ?? null,
          created,
        )
        // The number is never used twice, so neither is its hash.
        const id = createHash('sha256')
          .update(JSON.stringify(['upload', number, created]))
          .digest('base64url')
        store.run('UPDATE uploads SET id = ? WHERE number = ?', id, number)
        return { id, key, created, checksum }
      }),

    put: (bucket, key, id, { number, bytes, checksum }) =>
      store.write(() => {
        const upload = require(bucket, key, id)
        const others = store.get<{ size: number }>(
          'SELECT coalesce(sum(size), 0) AS size FROM upload_parts WHERE upload = ? AND part <> ?',
          upload.number,
          number,
        )
        checkSize((others?.size ?? 0) + bytes.byteLength)
        const algorithm = upload.checksum_algorithm
        const kept = checksum ?? (algorithm === null ? undefined : { algorithm, value: checksumOf(algorithm, bytes) })
        const row: PartRow = {
          part: number,
          etag: md5(bytes),
          size: bytes.byteLength,
          created: clock.now(),
          checksum: kept === undefined ? null : JSON.stringify(kept),
        }
        store.run(
          `INSERT OR REPLACE INTO upload_parts (upload, part, etag, size, created, checksum, bytes)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          upload.number,
          row.part,
          row.etag,
          row.size,
          row.created,
          row.checksum,
          bytes,
        )
        return partOf(row)
      }),

    complete: (bucket, key, id, named, expected) =>
      store.write(() => {
        const upload = require(bucket, key, id)
        const rows = chosen(bucket, upload, named)
        const bytes = Buffer.concat(
          rows.map(
            ({ part }) =>
              store.get<{ bytes: Uint8Array }>(
                'SELECT bytes FROM upload_parts WHERE upload = ? AND part = ?',
                upload.number,
                part,
              )?.bytes ?? new Uint8Array(),
          ),
        )
        const { checksum } = headOf(upload)
        const value = checksum === undefined ? undefined : wholeChecksum(checksum, bytes, rows.map(partOf))
        if (expected.checksum?.algorithm === checksum?.algorithm && expected.checksum?.value !== undefined) {
          const given = expected.checksum.value
          if (value?.split('-')[0] !== given.split('-')[0]) {
            throw new ObjectsError(
              'bad-digest',
              `The ${expected.checksum.algorithm} you specified did not match the calculated checksum.`,
              { expected: given, calculated: value },
            )
          }
        }
        const head = contents.insert(bucket, {
          key,
          contentType: upload.content_type,
          bytes,
          etag: `${md5(Buffer.from(rows.map(({ etag }) => etag).join(''), 'hex'))}-${rows.length}`,
          headers: {
            ...(JSON.parse(upload.headers) as Record<string, string>),
            ...(checksum === undefined || value === undefined
              ? {}
              : checksumHeaders({ algorithm: checksum.algorithm, value }, checksum.type)),
          },
          conditions: expected.conditions,
        })
        store.run('DELETE FROM uploads WHERE number = ?', upload.number)
        return head
      }),

    abort: (bucket, key, id) =>
      store.write(() => void store.run('DELETE FROM uploads WHERE number = ?', require(bucket, key, id).number)),

    find: (bucket, key, id) => headOf(require(bucket, key, id)),

    parts: (bucket, key, id, after, limit) =>
      store
        .all<PartRow>(
          `SELECT ${partColumns} FROM upload_parts WHERE upload = ? AND part > ? ORDER BY part LIMIT ?`,
          require(bucket, key, id).number,
          after,
          limit,
        )
        .map(partOf),

    list(bucket, prefix, after, limit) {
      const before = endOf(prefix)
      const begun =
        store.get<{ number: number }>('SELECT number FROM uploads WHERE id = ?', after.id)?.number ??
        Number.MAX_SAFE_INTEGER
      return store
        .all<UploadRow>(
          `SELECT * FROM uploads WHERE bucket = ? AND key >= ? AND (? IS NULL OR key < ?) AND (key, number) > (?, ?)
           ORDER BY key, number LIMIT ?`,
          bucket.name,
          prefix,
          before ?? null,
          before ?? null,
          after.key,
          begun,
          limit,
        )
        .map(headOf)
    },
  }
}

function wholeChecksum(
  { algorithm, type }: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType },
  bytes: Uint8Array,
  parts: readonly Part[],
): string {
  if (type === 'FULL_OBJECT') return checksumOf(algorithm, bytes)
  return compositeChecksum(
    algorithm,
    parts.map(({ checksum }) => (checksum?.algorithm === algorithm ? checksum.value : '')),
  )
}
