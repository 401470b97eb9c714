import { createHash } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { ObjectsPort } from '../../worker/ports.ts'
import { ObjectsError } from './errors.ts'
import { encodePath, presignQuery, verifyPresigned, type Credentials, type WireRequest } from './sigv4.ts'

export type { Credentials, WireRequest }

/** What is known of an object beside its bytes. */
export interface ObjectHead {
  readonly key: string
  readonly contentType: string
  /** MD5 of the bytes in hex, without quotes. */
  readonly etag: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly created: number
  /** The headers that come back with it: `cache-control`, `content-disposition`, `x-amz-meta-…`; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Upload {
  readonly key: string
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

/** The bucket: the worker's port, and what the S3 protocol needs. Methods throw ObjectsError. */
export interface Objects extends ObjectsPort {
  readonly bucket: string
  /** The host, with its port, that presigned URLs name. */
  host(): string
  /** Throws `no-such-bucket`. */
  requireBucket(bucket: string): void
  upload(bucket: string, object: Upload): Promise<{ readonly etag: string }>
  head(bucket: string, key: string): ObjectHead
  read(bucket: string, key: string): ObjectHead & { readonly bytes: Uint8Array }
  /** Succeeds where there was nothing. */
  remove(bucket: string, key: string): Promise<void>
  /**
   * Checks a request that is authenticated by its query, for the Host it came to or any of `aliases`. With an access
   * key that is not ours the signature cannot be checked: such a request passes unless signatures are to be verified,
   * but its expiry always counts.
   */
  authorize(request: WireRequest, aliases: readonly string[]): void
  /** Deletes a tenant's certificates, or everything. */
  reset(tenant?: number): void
}

interface Row {
  key: string
  content_type: string
  etag: string
  size: number
  created: number
  headers: string
}

const columns = 'key, content_type, etag, size, created, headers'
const longestKey = 1024

export function createObjects({
  store,
  clock,
  region,
  credentials,
  bucket,
  baseUrl,
  verifySignatures = false,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly region: string
  readonly credentials: Credentials
  readonly bucket: string
  /** Where clients reach us, such as `http://127.0.0.1:4566`; called when a URL is made, since the port may be late. */
  readonly baseUrl: () => string
  readonly verifySignatures?: boolean
}): Objects {
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
      bytes BLOB NOT NULL,
      UNIQUE (bucket, key)
    )
  `)

  const requireBucket = (name: string) => {
    if (name === bucket) return
    throw new ObjectsError('no-such-bucket', `there is no bucket ${name}; there is ${bucket}`, { bucket: name })
  }

  const insert = ({ key, contentType, bytes, headers = {} }: Upload): string => {
    const length = Buffer.byteLength(key)
    if (length === 0 || length > longestKey) {
      throw new ObjectsError('key-too-long', `a key has 1 to ${longestKey} bytes, not ${length}`, {
        length,
        longestKey,
      })
    }
    const etag = createHash('md5').update(bytes).digest('hex')
    store.run(
      `INSERT INTO objects (bucket, key, content_type, etag, size, created, headers, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (bucket, key) DO UPDATE SET content_type = excluded.content_type, etag = excluded.etag,
         size = excluded.size, created = excluded.created, headers = excluded.headers, bytes = excluded.bytes`,
      bucket,
      key,
      contentType,
      etag,
      bytes.byteLength,
      clock.now(),
      JSON.stringify(headers),
      bytes,
    )
    return etag
  }

  const headOf = (row: Row): ObjectHead => ({
    key: row.key,
    contentType: row.content_type,
    etag: row.etag,
    size: row.size,
    created: row.created,
    headers: JSON.parse(row.headers) as Record<string, string>,
  })

  const find = <Found>(select: string, name: string, key: string): Found => {
    requireBucket(name)
    const found = store.get<Found>(`SELECT ${select} FROM objects WHERE bucket = ? AND key = ?`, bucket, key)
    if (found === undefined) throw new ObjectsError('no-such-key', `there is no object ${key}`, { key })
    return found
  }

  return {
    bucket,
    host: () => new URL(baseUrl()).host,
    requireBucket,

    put: (objects) =>
      store.write(() => {
        for (const object of objects) insert(object)
      }),

    async existing(keys) {
      const rows = store.all<{ key: string }>(
        'SELECT key FROM objects WHERE bucket = ? AND key IN (SELECT value FROM json_each(?))',
        bucket,
        JSON.stringify(keys),
      )
      return new Set(rows.map(({ key }) => key))
    },

    async get(key) {
      return store.get<{ bytes: Uint8Array }>('SELECT bytes FROM objects WHERE bucket = ? AND key = ?', bucket, key)
        ?.bytes
    },

    presign(key, ttlSeconds) {
      const { host, origin, pathname } = new URL(baseUrl())
      const path = `${pathname.replace(/\/$/, '')}/${encodePath(`${bucket}/${key}`)}`
      const query = presignQuery({ method: 'GET', host, path, credentials, region, ttlSeconds, at: clock.now() })
      return `${origin}${path}?${query}`
    },

    async upload(name, object) {
      requireBucket(name)
      return { etag: await store.write(() => insert(object)) }
    },

    head: (name, key) => headOf(find<Row>(columns, name, key)),

    read(name, key) {
      const row = find<Row & { bytes: Uint8Array }>(`${columns}, bytes`, name, key)
      return { ...headOf(row), bytes: row.bytes }
    },

    async remove(name, key) {
      requireBucket(name)
      await store.write(() => store.run('DELETE FROM objects WHERE bucket = ? AND key = ?', bucket, key))
    },

    authorize(request, aliases) {
      verifyPresigned(request, {
        hosts: [...new Set([request.headers['host'] ?? '', new URL(baseUrl()).host, ...aliases])],
        now: clock.now(),
        secretOf: (accessKeyId) => (accessKeyId === credentials.accessKeyId ? credentials.secretAccessKey : undefined),
        strict: verifySignatures,
      })
    },

    reset(tenant) {
      store.tx(() => {
        if (tenant === undefined) {
          store.run('DELETE FROM objects WHERE bucket = ?', bucket)
        } else {
          // See certificateKey. '0' is the character after '/': the range is every key with this prefix.
          store.run(
            'DELETE FROM objects WHERE bucket = ? AND key >= ? AND key < ?',
            bucket,
            `certificates/${tenant}/`,
            `certificates/${tenant}0`,
          )
        }
      })
    },
  }
}
