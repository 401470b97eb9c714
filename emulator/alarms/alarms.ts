import { alarmNames, type AlarmName, type AlarmState } from '../../contracts/alarms.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Journal, JournalEntry } from '../kernel/journal.ts'
import type { Store } from '../kernel/store.ts'
import { createFigures, type FiguresDeps, type Judgement, type Thresholds } from './figures.ts'

export interface Alarm {
  readonly name: AlarmName
  readonly state: AlarmState
  /** Since when it is in this state, epoch milliseconds. */
  readonly since: number
  /** What was found, with its figures. */
  readonly reason: string
  /** What is compared with the threshold: a number of things, or a share from 0 to 1; null where there is nothing to say. */
  readonly value: number | null
  readonly threshold: number
}

export interface AlarmChange {
  readonly alarm: AlarmName
  readonly at: number
  readonly from: AlarmState
  readonly to: AlarmState
  readonly reason: string
}

/** Says when something is wrong that nobody sees by looking at one job. */
export interface Alarms {
  /** All of them, as they stand now. */
  list(): Alarm[]
  /** The newest first; the last 1,000 are kept. */
  history(limit: number): AlarmChange[]
  /** A queue, or any where it is not named, may be deeper or emptier than before; looked at once in this turn of the loop. */
  queuesChanged(queue?: string): void
  start(): void
  stop(): void
  reset(tenant?: number): void
}

export interface AlarmsDeps extends Omit<FiguresDeps, 'changed'> {
  /** How full one queue is; undefined where there is none of this name. */
  readonly queueDepth: (
    queue: string,
  ) => { readonly visible: number; readonly total: number; readonly takesDeadLetters: boolean } | undefined
  readonly store: Store
  readonly clock: Clock
  readonly journal: Journal
  readonly thresholds: Thresholds
  readonly onError: (error: unknown) => void
}

interface Row {
  readonly name: AlarmName
  readonly state: AlarmState
  readonly since: number
  readonly reason: string
}

const kept = 1000
/** How much of the journal is read at a start for the figures of the last hour. */
const readBack = [1000, 20_000] as const

const byQueue: readonly AlarmName[] = ['queue-depth', 'dead-letters']

/** Evaluated by what happens, never by polling: by the journal, by changes of queues, and by one timer a figure. */
export function createAlarms(deps: AlarmsDeps): Alarms {
  const { store, clock, journal, thresholds, onError } = deps
  store.define(`
    CREATE TABLE IF NOT EXISTS alarms (
      name TEXT PRIMARY KEY,
      state TEXT NOT NULL,
      since INTEGER NOT NULL,
      reason TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS alarm_changes (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      alarm TEXT NOT NULL,
      at INTEGER NOT NULL,
      from_state TEXT NOT NULL,
      to_state TEXT NOT NULL,
      reason TEXT NOT NULL
    );
  `)
  const figures = createFigures({ ...deps, changed: (name) => look(name) })
  const states = new Map<AlarmName, Row>()
  let unsubscribe = () => {}
  let running = false
  let looking = false
  /** Which queues have changed in this turn; undefined: any. */
  let changed: Set<string> | undefined = new Set()

  const load = () => {
    states.clear()
    for (const row of store.all<Row>('SELECT * FROM alarms')) states.set(row.name, row)
  }
  load()

  const write = (row: Row) =>
    store.run('INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?)', row.name, row.state, row.since, row.reason)

  const change = (name: AlarmName, { state, reason, value }: Judgement) => {
    const before = states.get(name)
    const row: Row = { name, state, reason: reason(), since: clock.now() }
    states.set(name, row)
    const written = store.write(() => {
      write(row)
      // What an alarm is from the beginning is no change.
      if (before === undefined) return
      store.run(
        'INSERT INTO alarm_changes (alarm, at, from_state, to_state, reason) VALUES (?, ?, ?, ?, ?)',
        name,
        row.since,
        before.state,
        state,
        row.reason,
      )
      store.run('DELETE FROM alarm_changes WHERE id <= (SELECT max(id) FROM alarm_changes) - ?', kept)
      journal.record({
        type: 'alarm.changed',
        alarm: name,
        from: before.state,
        to: state,
        reason: row.reason,
        ...(value === undefined ? {} : { value }),
        threshold: figures.thresholdOf(name),
      })
    })
    written.catch(onError)
  }

  const look = (name: AlarmName): Judgement => {
    const judgement = figures.judge(name)
    if (running && states.get(name)?.state !== judgement.state) change(name, judgement)
    return judgement
  }

  /** Whether a change of one queue can be one of an alarm: thousands of messages a second pass by here. */
  const matters = (queue: string) => {
    const depth = deps.queueDepth(queue)
    if (depth === undefined || states.get('dead-letters')?.state !== 'OK') return true
    if (depth.takesDeadLetters) return depth.total > 0
    return depth.visible > thresholds.queue_depth !== (states.get('queue-depth')?.state === 'ALARM')
  }

  const queuesChanged = (queue?: string) => {
    if (queue === undefined) changed = undefined
    else changed?.add(queue)
    if (looking || !running) return
    looking = true
    setImmediate(() => {
      looking = false
      const queues = changed
      changed = new Set()
      if (!running) return
      try {
        if (queues !== undefined && ![...queues].some(matters)) return
        for (const name of byQueue) look(name)
      } catch (error) {
        onError(error)
      }
    })
  }

  const heard = ({ event, at }: JournalEntry) => {
    if (event.type === 'alarm.changed') return
    for (const name of figures.heard(event, at)) look(name)
    if (event.type === 'job.accepted' || event.type === 'pass.ended' || event.type === 'message.dead') queuesChanged()
    if (event.type === 'state.reset') for (const name of alarmNames) look(name)
  }

  const remember = () => {
    const since = clock.now() - (clock.deadline(thresholds.window) - clock.now())
    const [few, many] = readBack
    let entries = journal.read({ last: few })
    if (entries.length === few && (entries[0]?.at ?? 0) > since) entries = journal.read({ last: many })
    for (const { event, at } of entries) if (at > since && event.type !== 'alarm.changed') figures.recall(event, at)
  }

  return {
    list: () =>
      alarmNames.map((name) => {
        const { state, reason, value } = look(name)
        const since = states.get(name)?.since ?? clock.now()
        return { name, state, since, reason: reason(), value: value ?? null, threshold: figures.thresholdOf(name) }
      }),
    history: (limit) =>
      store.all<AlarmChange>(
        `SELECT alarm, at, from_state AS "from", to_state AS "to", reason FROM alarm_changes ORDER BY id DESC LIMIT ?`,
        limit,
      ),
    queuesChanged,
    start() {
      remember()
      figures.start()
      running = true
      for (const name of alarmNames) look(name)
      unsubscribe = journal.subscribe(heard)
    },
    stop() {
      running = false
      unsubscribe()
      figures.stop()
    },
    reset(tenant) {
      if (tenant === undefined) {
        store.run('DELETE FROM alarms')
        store.run('DELETE FROM alarm_changes')
      }
      store.afterCommit(() => {
        figures.reset(tenant)
        load()
      })
    },
  }
}
