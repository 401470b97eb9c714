import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { ObjectsError } from './errors.ts'

export interface Bucket {
  readonly name: string
  /** Epoch milliseconds. */
  readonly created: number
  /** Whether it behaves as one of Cloudflare R2's. */
  readonly isR2: boolean
  /** `auto` for R2. */
  readonly region: string
}

/** The buckets there are. Methods throw ObjectsError. */
export interface Buckets {
  /** In the order of their names. */
  list(): Bucket[]
  find(name: string): Bucket | undefined
  /** Throws `no-such-bucket`. */
  require(name: string): Bucket
  /** Creates a bucket, or finds it where it is there already, as us-east-1 does. */
  create(name: string): Bucket
  /** Removes an empty bucket. Throws `bucket-not-empty` or, for those of the emulator itself, `bucket-in-use`. */
  remove(name: string): void
}

const mostBuckets = 1000

/** 3 to 63 lower-case letters, digits, hyphens and dots; neither an address nor one of the prefixes that AWS keeps. */
function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !/^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3)$/.test(name)
  )
}

export function createBuckets({
  store,
  clock,
  region,
  own,
  r2,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly region: string
  /** The bucket of the emulator's own worker. */
  readonly own: string
  readonly r2: readonly string[]
}): Buckets {
  store.define('CREATE TABLE IF NOT EXISTS buckets (name TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID')
  const kept = new Set([own, ...r2])

  const insert = (name: string) =>
    store.run('INSERT INTO buckets (name, created) VALUES (?, ?) ON CONFLICT DO NOTHING', name, clock.now())
  for (const name of kept) insert(name)

  const bucketOf = ({ name, created }: { name: string; created: number }): Bucket => {
    const isR2 = r2.includes(name)
    return { name, created, isR2, region: isR2 ? 'auto' : region }
  }
  const find = (name: string) => {
    const row = store.get<{ name: string; created: number }>('SELECT name, created FROM buckets WHERE name = ?', name)
    return row === undefined ? undefined : bucketOf(row)
  }
  const names = () => store.all<{ name: string }>('SELECT name FROM buckets ORDER BY name').map(({ name }) => name)
  const require = (name: string) => {
    const found = find(name)
    if (found !== undefined) return found
    throw new ObjectsError('no-such-bucket', `there is no bucket ${name}; there is ${names().join(', ')}`, {
      bucket: name,
    })
  }

  return {
    list: () =>
      store.all<{ name: string; created: number }>('SELECT name, created FROM buckets ORDER BY name').map(bucketOf),
    find,
    require,

    create(name) {
      if (!isBucketName(name)) {
        throw new ObjectsError('bucket-name', `${name} cannot be a bucket's name`, { bucket: name })
      }
      return store.tx(() => {
        if (find(name) === undefined && names().length >= mostBuckets) {
          throw new ObjectsError('too-many-buckets', `there are ${mostBuckets} buckets already`)
        }
        insert(name)
        return require(name)
      })
    },

    remove(name) {
      store.tx(() => {
        require(name)
        if (kept.has(name)) {
          throw new ObjectsError('bucket-in-use', `${name} is the emulator's own; it is emptied by "offload reset"`)
        }
        const some =
          'EXISTS (SELECT 1 FROM objects WHERE bucket = ?) OR EXISTS (SELECT 1 FROM uploads WHERE bucket = ?)'
        if (store.get<{ some: number }>(`SELECT ${some} AS some`, name, name)?.some === 1) {
          throw new ObjectsError('bucket-not-empty', `there are objects or uploads in ${name}`, { bucket: name })
        }
        store.run('DELETE FROM buckets WHERE name = ?', name)
      })
    },
  }
}
