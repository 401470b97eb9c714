import { createSecretKey, type KeyObject } from 'node:crypto'
import { encodePath, signingKey, type Credentials, type Scope } from '../../../contracts/sigv4.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { ObjectsPort } from '../../worker/ports.ts'
import { verifyQuery } from './authorization.ts'
import { createBuckets, type Buckets } from './buckets.ts'
import { checksumHeaders, checksumOf, partHeaders, type ChecksumAlgorithm } from './checksums.ts'
import {
  createContents,
  type ObjectHead,
  type Removal,
  type StoredBytes,
  type Upload,
  type WriteConditions,
} from './contents.ts'
import { ObjectsError } from './errors.ts'
import { listKeys, type Listing, type ListRequest } from './listing.ts'
import { presignQuery, type WireRequest } from './sigv4.ts'
import { createUploads, type Uploads } from './uploads.ts'

export type { ObjectHead, WireRequest }

/** A copy of one object as another. */
export interface Copy {
  readonly from: { readonly bucket: string; readonly key: string }
  readonly key: string
  /** Throws where the source is not what the client wants to copy. */
  readonly check: (source: ObjectHead) => void
  /** What replaces the source's own metadata. */
  readonly replacement?:
    { readonly contentType: string; readonly headers: Readonly<Record<string, string>> } | undefined
  /** The source's own unless given. */
  readonly checksumAlgorithm?: ChecksumAlgorithm | undefined
  readonly conditions?: WriteConditions
}

/** The buckets: the worker's port, and what the S3 protocol needs. Methods throw ObjectsError. */
export interface Objects extends ObjectsPort {
  presign(key: string, ttlSeconds: number): string
  readonly buckets: Buckets
  readonly uploads: Uploads
  upload(bucket: string, object: Upload): Promise<ObjectHead>
  copy(bucket: string, copy: Copy): Promise<ObjectHead>
  head(bucket: string, key: string): ObjectHead
  read(bucket: string, key: string): StoredBytes
  /** Deletes those that are what the client takes them for; for each, why it was not. */
  remove(bucket: string, removals: readonly Removal[]): Promise<readonly (ObjectsError | undefined)[]>
  list(bucket: string, request: ListRequest): Listing<ObjectHead>
  /**
   * Checks a request that is authenticated by its query, for the Host it came to or any of `aliases`. With an access
   * key that is not ours the signature cannot be checked: such a request passes unless signatures are to be verified,
   * but its expiry always counts.
   */
  authorize(
    request: WireRequest,
    version: 'query-v4' | 'query-v2',
    to: { readonly bucket: string; readonly bucketOfHost: string | undefined; readonly aliases: readonly string[] },
  ): void
  /** Deletes a tenant's certificates, or everything but the emulator's own buckets, which it empties. */
  reset(tenant?: number): void
}

export function createObjects({
  store,
  clock,
  region,
  credentials,
  bucket: ownName,
  r2Buckets = [],
  baseUrl,
  verifySignatures = false,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly region: string
  readonly credentials: Credentials
  /** The worker's bucket. */
  readonly bucket: string
  /** The names of buckets that behave as R2's; they are there from the beginning. */
  readonly r2Buckets?: readonly string[]
  /** Where clients reach us, such as `http://127.0.0.1:4566`; called when a URL is made, since the port may be late. */
  readonly baseUrl: () => string
  readonly verifySignatures?: boolean
}): Objects {
  const buckets = createBuckets({ store, clock, region, own: ownName, r2: r2Buckets })
  const contents = createContents({ store, clock })
  const uploads = createUploads({ store, clock, contents })
  const own = buckets.require(ownName)
  // Deriving a day's key costs many times the signature.
  let signing: { readonly day: string; readonly key: KeyObject } | undefined
  const keyOf = (scope: Scope) => {
    if (signing?.day !== scope.day) {
      const key = createSecretKey(signingKey({ secret: credentials.secretAccessKey, scope }))
      signing = { day: scope.day, key }
    }
    return signing.key
  }

  return {
    buckets,
    uploads,

    put: (objects) =>
      store.write(() => {
        const shared = new Map<Uint8Array, number>()
        for (const object of objects) contents.insertOwn(own, object, shared)
      }),

    async existing(keys) {
      const rows = store.all<{ key: string }>(
        'SELECT key FROM objects WHERE bucket = ? AND key IN (SELECT value FROM json_each(?))',
        own.name,
        JSON.stringify(keys),
      )
      return new Set(rows.map(({ key }) => key))
    },

    async get(key) {
      return contents.bytes(own, key)
    },

    presign(key, ttlSeconds) {
      const { host, origin, pathname } = new URL(baseUrl())
      const path = `${pathname.replace(/\/$/, '')}/${encodePath(`${own.name}/${key}`)}`
      const at = clock.now()
      const query = presignQuery({ method: 'GET', host, path, credentials, region: own.region, ttlSeconds, at, keyOf })
      return `${origin}${path}?${query}`
    },

    async upload(name, object) {
      const bucket = buckets.require(name)
      return await store.write(() => contents.insert(bucket, object))
    },

    async copy(name, { from, key, check, replacement, checksumAlgorithm, conditions = {} }) {
      const [origin, target] = [buckets.require(from.bucket), buckets.require(name)]
      if (replacement === undefined && origin.name === target.name && from.key === key) {
        throw new ObjectsError('copy-onto-itself', 'the copy would be what is there already')
      }
      return await store.write(() => {
        const { bytes, ...head } = contents.read(origin, from.key)
        check(head)
        const source = partHeaders(head.headers)
        const algorithm = checksumAlgorithm ?? source.algorithm
        return contents.insert(target, {
          key,
          bytes,
          contentType: replacement?.contentType ?? head.contentType,
          // A copy is of one piece, also where its source had parts: ETag and checksum are of all its bytes.
          headers: {
            ...(replacement?.headers ?? source.rest),
            ...(algorithm === undefined
              ? {}
              : checksumHeaders({ algorithm, value: checksumOf(algorithm, bytes) }, 'FULL_OBJECT')),
          },
          conditions,
        })
      })
    },

    head: (name, key) => contents.head(buckets.require(name), key),
    read: (name, key) => contents.read(buckets.require(name), key),

    async remove(name, removals) {
      const bucket = buckets.require(name)
      return await store.write(() =>
        removals.map((removal) => {
          try {
            contents.remove(bucket, removal)
            return undefined
          } catch (error) {
            if (error instanceof ObjectsError) return error
            throw error
          }
        }),
      )
    },

    list(name, request) {
      const bucket = buckets.require(name)
      return listKeys(request, (from, before, limit) => contents.scan(bucket, from, before, limit))
    },

    authorize(request, version, { bucket, bucketOfHost, aliases }) {
      verifyQuery(
        request,
        version,
        {
          bucketOfHost,
          isR2: buckets.find(bucket)?.isR2 === true,
          hosts: [...new Set([request.headers['host'] ?? '', new URL(baseUrl()).host, ...aliases])],
        },
        {
          now: clock.now(),
          secretOf: (accessKeyId) =>
            accessKeyId === credentials.accessKeyId ? credentials.secretAccessKey : undefined,
          strict: verifySignatures,
        },
      )
    },

    reset(tenant) {
      store.tx(() => {
        if (tenant === undefined) {
          store.run('DELETE FROM objects')
          store.run('DELETE FROM uploads')
          store.run(
            'DELETE FROM buckets WHERE name NOT IN (SELECT value FROM json_each(?))',
            JSON.stringify([ownName, ...r2Buckets]),
          )
        } else {
          // See certificateKey. '0' is the character after '/': the range is every key with this prefix.
          store.run(
            'DELETE FROM objects WHERE bucket = ? AND key >= ? AND key < ?',
            own.name,
            `certificates/${tenant}/`,
            `certificates/${tenant}0`,
          )
        }
      })
    },
  }
}
