import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import {
  invalidAttributeValue,
  invalidParameter,
  invalidValue,
  queueDeletedRecently,
  queueExists,
  queueNotFound,
} from './errors.ts'
import {
  attributeRules,
  mergeAttributes,
  readQueueAttributes,
  settingsOf,
  withDefaults,
  type QueueAttributes,
  type QueueSettings,
  type Rule,
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
  readonly tags: Readonly<Record<string, string>>
  /** Until when another purge is refused; epoch milliseconds. */
  readonly purgedUntil: number
}

/** The queues that exist. Read from memory; written to the store first. */
export interface Registry {
  find(name: string): Queue | undefined
  findArn(arn: string): Queue | undefined
  /** Throws where there is none of this name, with the names that exist. */
  get(name: string): Queue
  byId(id: number): Queue | undefined
  /** In the order of their names. */
  all(): readonly Queue[]
  /** The queues whose dead letters go to this one. */
  sourcesOf(deadLetters: Queue): readonly Queue[]
  /** Whether any queue's dead letters go to the one of this name. */
  isTarget(name: string): boolean
  /** The attributes that a queue of this kind can have. */
  rulesOf(queue: Queue): Readonly<Record<string, Rule>>
  create(name: string, attributes: Readonly<Record<string, string>>, tags?: Readonly<Record<string, string>>): Queue
  setAttributes(queue: Queue, changes: Readonly<Record<string, string>>): void
  setTags(queue: Queue, tags: Readonly<Record<string, string>>): void
  /** Refuses further purges until then. */
  setPurged(queue: Queue, until: number): void
  /** Forgets the queue; its name is refused for 60 seconds. */
  remove(queue: Queue): void
}

interface Row {
  id: number
  name: string
  created_at: number
  modified_at: number
  attributes: string
  tags: string
  purged_until: number
}

export interface RegistryOptions {
  readonly store: Store
  readonly clock: Clock
  readonly account: string
  readonly region: string
  readonly maximumMessageSize: number
}

const queueArn = (region: string, account: string, name: string): string => `arn:aws:sqs:${region}:${account}:${name}`

function checkName(name: string, fifo: boolean): void {
  if (fifo && !/^[A-Za-z0-9_-]{1,75}\.fifo$/.test(name)) {
    throw invalidParameter(
      'The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.',
    )
  }
  if (!fifo && !/^[A-Za-z0-9_-]{1,80}$/.test(name)) {
    throw invalidParameter('Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length')
  }
}

export function createRegistry({ store, clock, account, region, maximumMessageSize }: RegistryOptions): Registry {
  store.define(`
    CREATE TABLE IF NOT EXISTS queues (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL UNIQUE,
      created_at INTEGER NOT NULL,
      modified_at INTEGER NOT NULL,
      attributes TEXT NOT NULL,
      tags TEXT NOT NULL,
      purged_until INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS deleted_queues (name TEXT PRIMARY KEY, refused_until INTEGER NOT NULL) WITHOUT ROWID;
  `)
  const rules = { standard: attributeRules(maximumMessageSize, false), fifo: attributeRules(maximumMessageSize, true) }
  const rulesFor = (fifo: boolean) => (fifo ? rules.fifo : rules.standard)
  const byName = new Map<string, Queue>()
  const byId = new Map<number, Queue>()

  const keep = (row: Row): Queue => {
    const own = JSON.parse(row.attributes) as QueueAttributes
    const attributes = withDefaults(own, rulesFor(own.FifoQueue === 'true'))
    const queue: Queue = {
      id: row.id,
      name: row.name,
      arn: queueArn(region, account, row.name),
      createdAt: row.created_at,
      modifiedAt: row.modified_at,
      attributes,
      settings: settingsOf(attributes),
      tags: JSON.parse(row.tags) as Record<string, string>,
      purgedUntil: row.purged_until,
    }
    byName.set(queue.name, queue)
    byId.set(queue.id, queue)
    return queue
  }
  const load = (id: number) => keep(store.get<Row>('SELECT * FROM queues WHERE id = ?', id) as Row)
  for (const row of store.all<Row>('SELECT * FROM queues')) keep(row)

  const all = () => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const findArn = (arn: string) => {
    const found = byName.get(arn.split(':').at(-1) ?? '')
    return found?.arn === arn ? found : undefined
  }

  /** What a request wants to set, checked together with what the queue has already. */
  const read = (name: string, fifo: boolean, before: QueueAttributes, input: Readonly<Record<string, string>>) => {
    const attributes = readQueueAttributes(input, rulesFor(fifo))
    checkRedrive(name, fifo, attributes.RedrivePolicy)
    const after = withDefaults(mergeAttributes(before, attributes), rulesFor(fifo))
    if (after.FifoThroughputLimit === 'perMessageGroupId' && after.DeduplicationScope !== 'messageGroup') {
      throw invalidAttributeValue(
        'FifoThroughputLimit',
        'perMessageGroupId is allowed only when DeduplicationScope is messageGroup.',
      )
    }
    return attributes
  }

  const checkRedrive = (name: string, fifo: boolean, policy: string | undefined) => {
    const target = policy ? settingsOf({ RedrivePolicy: policy }).redrive?.target : undefined
    if (target === undefined) return
    const refuse = (reason: string) => invalidValue(policy, 'RedrivePolicy', reason)
    // The second full stop is AWS's.
    if (target.endsWith('.fifo') !== fifo) {
      throw refuse('Dead-letter queue must be same type of queue as the source..')
    }
    const queue = byName.get(target)
    if (queue === undefined) throw refuse('Dead letter target does not exist.')
    const { permission, sources } = queue.settings.redriveAllow
    if (permission === 'denyAll' || (permission === 'byQueue' && !sources.includes(queueArn(region, account, name)))) {
      throw refuse('Queue does not have permission to use this dead-letter queue: its RedriveAllowPolicy forbids it.')
    }
  }

  return {
    find: (name) => byName.get(name),
    findArn,
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
    sourcesOf: ({ name }) => all().filter(({ settings }) => settings.redrive?.target === name),
    isTarget: (name) => [...byName.values()].some(({ settings }) => settings.redrive?.target === name),
    rulesOf: ({ settings }) => rulesFor(settings.fifo !== undefined),
    create(name, input, tags = {}) {
      const fifo = input.FifoQueue === 'true'
      checkName(name, fifo)
      const attributes = read(name, fifo, {}, input)
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
          'INSERT INTO queues (name, created_at, modified_at, attributes, tags) VALUES (?, ?, ?, ?, ?)',
          name,
          now,
          now,
          JSON.stringify(mergeAttributes({}, attributes)),
          JSON.stringify(tags),
        ).lastInsertRowid
      })
      return load(id)
    },
    setAttributes(queue, input) {
      const { attributes } = store.get<Row>('SELECT * FROM queues WHERE id = ?', queue.id) as Row
      const before = JSON.parse(attributes) as QueueAttributes
      const changes = read(queue.name, queue.settings.fifo !== undefined, before, input)
      store.run(
        'UPDATE queues SET attributes = ?, modified_at = ? WHERE id = ?',
        JSON.stringify(mergeAttributes(before, changes)),
        clock.now(),
        queue.id,
      )
      load(queue.id)
    },
    setTags(queue, tags) {
      store.run('UPDATE queues SET tags = ? WHERE id = ?', JSON.stringify(tags), queue.id)
      load(queue.id)
    },
    setPurged(queue, until) {
      store.run('UPDATE queues SET purged_until = ? WHERE id = ?', until, queue.id)
      store.afterCommit(() => load(queue.id))
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
