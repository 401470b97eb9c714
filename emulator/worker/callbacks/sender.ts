import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Addressed, CallbackTarget, Place } from './addressing.ts'
import type { Outcome } from './attempt.ts'
import type { FaultyAttempt } from './faulty-attempt.ts'
import { createLanes, type Taken } from './lanes.ts'
import type { Due, Outbox } from './outbox.ts'
import type { CallbackRow } from './tables.ts'
import type { CallbackTransport } from './transport.ts'

/** Requests in flight in all, where no host may have more. */
const leastInFlight = 16
/** Answered callbacks whose result is not on disk yet: a slow disk slows the sender, it does not fill the memory. */
const unwrittenLimit = 256
const stopWithinMs = 2000
/** Results are written so many at a time, or after so long, or when nothing is in flight: one sync to disk for all. */
const groupLimit = 64
const groupWithinMs = 10

/** The side in memory: what is in flight, who is next, and one timer for what is due later. */
export interface Sender {
  /** Callbacks in flight, and those whose result is not on disk yet. */
  readonly delivering: ReadonlySet<number>
  /** A row has become durable that waits until its due time. */
  due(due: Due): void
  hold(tenant: number, job: string): void
  release(tenant: number, job: string): void
  start(): void
  /** Sends what the dead left. */
  recover(): void
  stop(): Promise<void>
  idle(): boolean
  whenIdle(): Promise<void>
}

interface Hold {
  holds: number
  /** Some of its callbacks were made under the hold, or reached it. */
  met: boolean
  readonly aside: { readonly taken: Taken; readonly tenant: number }[]
}

/** An outcome to be written; `write` returns when the callback is due again, if it is. */
interface Result {
  readonly write: () => number | undefined
  readonly resolve: (dueAt: number | undefined) => void
  readonly reject: (error: unknown) => void
}

export function createSender({
  store,
  clock,
  outbox,
  placeOf,
  targetOf,
  delayMs,
  errorDelayMs,
  transport,
  attempt,
  perHost = 4,
}: {
  store: Store
  clock: Clock
  outbox: Outbox
  placeOf: (callback: Addressed) => Place
  targetOf: (tenant: number) => CallbackTarget
  delayMs: number
  /** Before a callback is sent again whose result could not be written. */
  errorDelayMs: number
  transport: CallbackTransport
  attempt: FaultyAttempt
  /** Requests in flight to one host for one tenant. */
  perHost?: number | undefined
}): Sender {
  const lanes = createLanes({ clock, perLane: perHost, rowsOf: outbox.rowsOf })
  const inFlightLimit = Math.max(leastInFlight, perHost)
  const delivering = new Set<number>()
  const held = new Map<string, Hold>()
  const keyOf = (tenant: number, job: string) => `${tenant} ${job}`

  let running = false
  let inFlight = 0
  let unwritten = 0
  let pumpWaits = false
  let timer: { readonly at: number; readonly handle: Timer } | undefined
  let idleWaiters: (() => void)[] = []
  let group: Result[] = []
  let groupTimer: Timer | undefined

  const idle = () => inFlight === 0 && unwritten === 0 && (!running || (!pumpWaits && !lanes.hasDue()))

  const whenIdle = () => (idle() ? Promise.resolve() : new Promise<void>((resolve) => idleWaiters.push(resolve)))

  const wake = () => {
    if (pumpWaits) return
    pumpWaits = true
    setImmediate(pump)
  }

  const endGroup = () => {
    groupTimer?.cancel()
    groupTimer = undefined
    const members = group
    group = []
    if (members.length === 0) return
    store
      .write(() => members.map(({ write }) => write()))
      .then(
        (dueTimes) => members.forEach(({ resolve }, nth) => resolve(dueTimes[nth])),
        (error: unknown) => members.forEach(({ reject }) => reject(error)),
      )
  }

  const writeInGroup = (write: Result['write']) =>
    new Promise<number | undefined>((resolve, reject) => {
      group.push({ write, resolve, reject })
      if (group.length >= groupLimit) endGroup()
      else groupTimer ??= clock.at(clock.now() + groupWithinMs, endGroup)
    })

  const disarm = () => {
    timer?.handle.cancel()
    timer = undefined
  }

  const arm = (now: number) => {
    const at = lanes.nextDue(now)
    if (at === Infinity || (timer !== undefined && timer.at <= at)) return
    disarm()
    const run = () => {
      timer = undefined
      wake()
    }
    timer = { at, handle: clock.at(at, run) }
  }

  const pump = () => {
    pumpWaits = false
    // What becomes due after this moment and is not taken below has its timer, also where it is due by the time that one is set.
    const began = clock.now()
    while (running && inFlight < inFlightLimit && unwritten < unwrittenLimit) {
      const taken = lanes.take()
      if (taken === undefined) break
      begin(taken)
    }
    if (running) arm(began)
    if (inFlight === 0) endGroup()
    if (!idle()) return
    const waiters = idleWaiters
    idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  const begin = (taken: Taken) => {
    const row = outbox.read(taken.seq)
    if (row === undefined || row.state !== 'waiting' || row.due_at > clock.now()) {
      // It was reset, settled or postponed after its lane had read it.
      lanes.answered(taken)
      lanes.done(taken)
      if (row?.state === 'waiting') lanes.touch(taken.lane, row.tenant, row.due_at)
      return
    }
    const hold = held.get(keyOf(row.tenant, row.job))
    if (hold !== undefined) {
      hold.met = true
      hold.aside.push({ taken, tenant: row.tenant })
      lanes.answered(taken)
      return
    }
    inFlight++
    delivering.add(row.seq)
    void deliver(taken, row)
  }

  const writeOutcome = (row: CallbackRow, place: Place, outcome: Exclude<Outcome, { result: 'stopped' }>) => {
    if (outcome.result === 'attempted') return outbox.writeAttempt(row, outcome)
    if (outcome.result === 'put-off') return outbox.putOff(row, outcome.until)
    outbox.park(row, outcome.reason, place.on)
    return undefined
  }

  const deliver = async (taken: Taken, row: CallbackRow) => {
    const place = placeOf(row)
    const outcome: Outcome =
      place.state === 'parked'
        ? { result: 'parked', reason: place.reason }
        : await attempt(row, place, { clock, keys: targetOf(row.tenant), send: transport })
    inFlight--
    unwritten++
    lanes.answered(taken)
    wake()
    let dueAt: number | undefined
    try {
      if (outcome.result !== 'stopped') dueAt = await writeInGroup(() => writeOutcome(row, place, outcome))
    } catch {
      // The state file refuses (a full disk): the callback still waits there, and is sent again.
      dueAt = clock.deadline(errorDelayMs)
    }
    unwritten--
    delivering.delete(row.seq)
    lanes.done(taken)
    if (dueAt !== undefined) lanes.touch(taken.lane, row.tenant, dueAt)
    wake()
  }

  const recover = () => {
    const lanesLeft = outbox.recover()
    for (const { lane, tenant, dueAt } of lanesLeft) lanes.touch(lane, tenant, dueAt)
    if (running && lanesLeft.length > 0) wake()
  }

  return {
    delivering,
    idle,
    whenIdle,
    due({ tenant, job, lane, dueAt }) {
      const hold = held.get(keyOf(tenant, job))
      if (hold !== undefined) hold.met = true
      lanes.touch(lane, tenant, dueAt)
      if (running) wake()
    },
    hold(tenant, job) {
      const key = keyOf(tenant, job)
      const hold = held.get(key)
      if (hold === undefined) held.set(key, { holds: 1, met: false, aside: [] })
      else hold.holds++
    },
    release(tenant, job) {
      const key = keyOf(tenant, job)
      const hold = held.get(key)
      if (hold === undefined || --hold.holds > 0) return
      const letGo = () => {
        if (hold.holds > 0) return
        held.delete(key)
        for (const { taken, tenant: owner } of hold.aside) {
          lanes.done(taken)
          lanes.touch(taken.lane, owner, clock.now())
        }
        if (running) wake()
      }
      if (!hold.met || delayMs === 0) return letGo()
      const until = Math.ceil(clock.deadline(delayMs))
      store.write(() => outbox.postpone(tenant, job, until)).then(letGo, letGo)
    },
    start() {
      if (running) return
      running = true
      recover()
      wake()
    },
    recover,
    async stop() {
      running = false
      disarm()
      await new Promise<void>((resolve) => {
        const limit = clock.at(clock.now() + stopWithinMs, resolve)
        void whenIdle().then(() => {
          limit.cancel()
          resolve()
        })
      })
      attempt.close()
      transport.close?.()
    },
  }
}
