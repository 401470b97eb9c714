import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import {
  invalidParameter,
  invalidValue,
  queueDeletedRecently,
  queueExists,
  queueNotFound,
  unsupportedOperation,
} from './errors.ts'
import {
  attributeRules,
  mergeAttributes,
  readQueueAttributes,
  settingsOf,
  withDefaults,
  type QueueAttributes,
  type QueueSettings,
} from './queue-attributes.ts'

export interface Queue {
  /** Never used twice. */
  readonly id: number
  readonly name: string
  readonly arn: string
  /** Epoch milliseconds. */
  readonly createdAt: number
  readonly modifiedAt: number
  /** Those that were set, and the defaults of the others. */
  readonly attributes: QueueAttributes
  readonly settings: QueueSettings
}

/** The queues that exist. Read from memory; written to the store first. */
export interface Registry {
  find(name: string): Queue | undefined
  /** Throws where there is none of this name, with the names that exist. */
  get(name: string): Queue
  byId(id: number): Queue | undefined
  /** In the order of their names. */
  all(): readonly Queue[]
  create(name: string, attributes: Readonly<Record<string, string>>): Queue
  setAttributes(queue: Queue, changes: Readonly<Record<string, string>>): void
  /** Forgets the queue; its name is refused for 60 seconds. */
  remove(queue: Queue): void
}

interface Row {
  id: number
  name: string
  created_at: number
  modified_at: number
  attributes: string
}

export interface RegistryOptions {
  readonly store: Store
  readonly clock: Clock
  readonly account: string
  readonly region: string
  readonly maximumMessageSize: number
}

const queueArn = (region: string, account: string, name: string): string => `arn:aws:sqs:${region}:${account}:${name}`

export function createRegistry({ store, clock, account, region, maximumMessageSize }: RegistryOptions): Registry {
  store.define(`
    CREATE TABLE IF NOT EXISTS queues (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      created_at INTEGER NOT NULL,
      modified_at INTEGER NOT NULL,
      attributes TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS deleted_queues (name TEXT PRIMARY KEY, refused_until INTEGER NOT NULL) WITHOUT ROWID;
  `)
  const rules = attributeRules(maximumMessageSize)
  const byName = new Map<string, Queue>()
  const byId = new Map<number, Queue>()

  const keep = (row: Row): Queue => {
    const attributes = withDefaults(JSON.parse(row.attributes) as QueueAttributes, rules)
    const queue: Queue = {
      id: row.id,
      name: row.name,
      arn: queueArn(region, account, row.name),
      createdAt: row.created_at,
      modifiedAt: row.modified_at,
      attributes,
      settings: settingsOf(attributes),
    }
    byName.set(queue.name, queue)
    byId.set(queue.id, queue)
    return queue
  }
  const load = (id: number) => keep(store.get<Row>('SELECT * FROM queues WHERE id = ?', id) as Row)
  for (const row of store.all<Row>('SELECT * FROM queues')) keep(row)

  const all = () => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))

  const read = (input: Readonly<Record<string, string>>) => {
    if (input.FifoQueue === 'true')
      throw unsupportedOperation('FIFO queues are not supported by this version of Offload.')
    const attributes = readQueueAttributes(input, rules)
    const policy = attributes.RedrivePolicy
    const target = policy ? settingsOf({ RedrivePolicy: policy }).redrive?.target : undefined
    if (target !== undefined && !byName.has(target)) {
      throw invalidValue(policy, 'RedrivePolicy', 'Dead letter target does not exist.')
    }
    return attributes
  }

  const checkName = (name: string) => {
    if (name.endsWith('.fifo')) throw unsupportedOperation('FIFO queues are not supported by this version of Offload.')
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
      throw invalidParameter('Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length')
    }
  }

  return {
    find: (name) => byName.get(name),
    get(name) {
      const queue = byName.get(name)
      if (queue === undefined)
        throw queueNotFound(
          name,
          all().map((existing) => existing.name),
        )
      return queue
    },
    byId: (id) => byId.get(id),
    all,
    create(name, input) {
      checkName(name)
      const attributes = read(input)
      const existing = byName.get(name)
      if (existing !== undefined) {
        const different = Object.keys(attributes).find((key) => (existing.attributes[key] ?? '') !== attributes[key])
        if (different !== undefined) throw queueExists(different)
        return existing
      }
      const now = clock.now()
      const id = store.tx(() => {
        const deleted = store.get<{ until: number }>(
          'SELECT refused_until AS until FROM deleted_queues WHERE name = ?',
          name,
        )
        if (deleted !== undefined && deleted.until > now) throw queueDeletedRecently()
        store.run('DELETE FROM deleted_queues WHERE name = ?', name)
        return store.run(
          'INSERT INTO queues (name, created_at, modified_at, attributes) VALUES (?, ?, ?, ?)',
          name,
          now,
          now,
          JSON.stringify(mergeAttributes({}, attributes)),
        ).lastInsertRowid
      })
      return load(id)
    },
    setAttributes(queue, input) {
      const changes = read(input)
      const { attributes } = store.get<Row>('SELECT * FROM queues WHERE id = ?', queue.id) as Row
      store.tx(() =>
        store.run(
          'UPDATE queues SET attributes = ?, modified_at = ? WHERE id = ?',
          JSON.stringify(mergeAttributes(JSON.parse(attributes) as QueueAttributes, changes)),
          clock.now(),
          queue.id,
        ),
      )
      load(queue.id)
    },
    remove(queue) {
      store.tx(() => {
        store.run('DELETE FROM queues WHERE id = ?', queue.id)
        store.run('INSERT OR REPLACE INTO deleted_queues VALUES (?, ?)', queue.name, Math.ceil(clock.deadline(60_000)))
      })
      byName.delete(queue.name)
      byId.delete(queue.id)
    },
  }
}
