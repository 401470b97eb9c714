import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import {
  configurationSetExists,
  configurationSetInvalid,
  configurationSetNotFound,
  eventDestinationExists,
  eventDestinationNotFound,
  limitExceeded,
  topicInvalid,
} from './errors.ts'

/** As SES v1 writes them; v2 writes `DELIVERY_DELAY` for `deliveryDelay`. Nobody opens or clicks here. */
export const eventTypes = [
  'send',
  'reject',
  'bounce',
  'complaint',
  'delivery',
  'open',
  'click',
  'renderingFailure',
  'deliveryDelay',
  'subscription',
] as const
export type EventType = (typeof eventTypes)[number]

export interface EventDestination {
  readonly name: string
  readonly enabled: boolean
  readonly eventTypes: readonly EventType[]
  /** `arn:aws:sns:us-east-1:000000000000:name`. */
  readonly topicArn: string
}

export interface ConfigurationSets {
  create(name: string, settings?: { readonly sendingEnabled?: boolean | undefined }): void
  /** Throws `configuration-set-not-found`, as everything below that names a set. */
  get(name: string): { readonly name: string; readonly sendingEnabled: boolean }
  enableSending(name: string, enabled: boolean): void
  remove(name: string): void
  /** Names, after `after`. */
  list(query: { after?: string | undefined; limit: number }): string[]
  destinations(name: string): EventDestination[]
  addDestination(name: string, destination: EventDestination): void
  updateDestination(name: string, destination: EventDestination): void
  removeDestination(name: string, destination: string): void
  /** Topics that want an event of this type; none where the set has gone. */
  topicsFor(name: string, type: EventType): string[]
  reset(): void
}

interface DestinationRow {
  name: string
  enabled: number
  event_types: string
  topic_arn: string
}

const destinationOf = ({ name, enabled, event_types, topic_arn }: DestinationRow): EventDestination => ({
  name,
  enabled: enabled !== 0,
  eventTypes: JSON.parse(event_types) as EventType[],
  topicArn: topic_arn,
})

/** SES keeps so many of an account, and so many of a set. */
const mostSets = 10_000
const mostDestinations = 10

/** The name of a topic; undefined where it is no ARN of one. */
export const topicNameOf = (arn: string): string | undefined =>
  /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:([A-Za-z0-9_-]{1,256})$/.exec(arn)?.[1]

/** Configuration sets and where their events go. Source: https://docs.aws.amazon.com/ses/latest/dg/using-configuration-sets.html */
export function createConfigurationSets({
  store,
  clock,
  always,
  onTopic,
}: {
  store: Store
  clock: Clock
  /** Names of sets that are there from the start. */
  always: readonly string[]
  /** A destination names this topic from now on. */
  onTopic: (arn: string) => void
}): ConfigurationSets {
  store.define(`
    CREATE TABLE IF NOT EXISTS ses_configuration_sets (
      name TEXT PRIMARY KEY,
      sending_enabled INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ses_event_destinations (
      configuration_set TEXT NOT NULL,
      name TEXT NOT NULL,
      enabled INTEGER NOT NULL,
      event_types TEXT NOT NULL,
      topic_arn TEXT NOT NULL,
      PRIMARY KEY (configuration_set, name)
    ) WITHOUT ROWID;
  `)
  const insert = (name: string, sendingEnabled: boolean): boolean =>
    store.run(
      'INSERT OR IGNORE INTO ses_configuration_sets VALUES (?, ?, ?)',
      name,
      sendingEnabled ? 1 : 0,
      clock.now(),
    ).changes > 0
  const seed = () => {
    for (const name of always) insert(name, true)
  }
  seed()
  const get = (name: string) => {
    const row = store.get<{ sending_enabled: number }>(
      'SELECT sending_enabled FROM ses_configuration_sets WHERE name = ?',
      name,
    )
    if (row === undefined) throw configurationSetNotFound(name)
    return { name, sendingEnabled: row.sending_enabled !== 0 }
  }
  const rowsOf = (name: string) =>
    store.all<DestinationRow>('SELECT * FROM ses_event_destinations WHERE configuration_set = ? ORDER BY name', name)
  const put = (set: string, { name, enabled, eventTypes: types, topicArn }: EventDestination) => {
    if (topicNameOf(topicArn) === undefined) throw topicInvalid(topicArn)
    if (types.length === 0) throw configurationSetInvalid('At least one event type must be specified.')
    store.run(
      'INSERT OR REPLACE INTO ses_event_destinations VALUES (?, ?, ?, ?, ?)',
      set,
      name,
      enabled ? 1 : 0,
      JSON.stringify([...new Set(types)].toSorted()),
      topicArn,
    )
    onTopic(topicArn)
  }

  return {
    create(name, { sendingEnabled = true } = {}) {
      checkName('configuration set', name)
      const held = store.get<{ held: number }>('SELECT count(*) AS held FROM ses_configuration_sets')?.held ?? 0
      if (held >= mostSets) throw limitExceeded('configuration sets', mostSets)
      if (!insert(name, sendingEnabled)) throw configurationSetExists(name)
    },
    get,
    enableSending(name, enabled) {
      get(name)
      store.run('UPDATE ses_configuration_sets SET sending_enabled = ? WHERE name = ?', enabled ? 1 : 0, name)
    },
    remove(name) {
      get(name)
      store.tx(() => {
        store.run('DELETE FROM ses_configuration_sets WHERE name = ?', name)
        store.run('DELETE FROM ses_event_destinations WHERE configuration_set = ?', name)
      })
    },
    list: ({ after = '', limit }) =>
      store
        .all<{
          name: string
        }>('SELECT name FROM ses_configuration_sets WHERE name > ? ORDER BY name LIMIT ?', after, limit)
        .map(({ name }) => name),
    destinations(name) {
      get(name)
      return rowsOf(name).map(destinationOf)
    },
    addDestination(name, destination) {
      get(name)
      checkName('event destination', destination.name)
      const known = rowsOf(name)
      if (known.some((row) => row.name === destination.name)) throw eventDestinationExists(destination.name, name)
      if (known.length >= mostDestinations) throw limitExceeded('event destinations in this set', mostDestinations)
      put(name, destination)
    },
    updateDestination(name, destination) {
      get(name)
      if (!rowsOf(name).some((row) => row.name === destination.name)) throw eventDestinationNotFound(name)
      put(name, destination)
    },
    removeDestination(name, destination) {
      get(name)
      const { changes } = store.run(
        'DELETE FROM ses_event_destinations WHERE configuration_set = ? AND name = ?',
        name,
        destination,
      )
      if (changes === 0) throw eventDestinationNotFound(name)
    },
    topicsFor: (name, type) =>
      rowsOf(name)
        .map(destinationOf)
        .filter((one) => one.enabled && one.eventTypes.includes(type))
        .map(({ topicArn }) => topicArn),
    reset() {
      store.run('DELETE FROM ses_configuration_sets')
      store.run('DELETE FROM ses_event_destinations')
      seed()
    },
  }
}

function checkName(of: 'configuration set' | 'event destination', name: string): void {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw configurationSetInvalid(
      `Invalid ${of} name <${name.slice(0, 80)}>: only alphanumeric ASCII characters, '_', and '-' are allowed.`,
    )
  }
  if (name.length > 64) {
    throw configurationSetInvalid(
      `${of.replace(/^./, (first) => first.toUpperCase())} name cannot exceed 64 characters.`,
    )
  }
}
