import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import type { Addressed, CallbackTarget, Place } from './addressing.ts'
import { attempt, type Outcome } from './attempt.ts'
import { createLanes, type Taken } from './lanes.ts'
import type { Due, Outbox } from './outbox.ts'
import type { CallbackRow } from './tables.ts'
import type { CallbackTransport } from './transport.ts'

/** Requests in flight: in all, and to one host for one tenant. */
const inFlightLimit = 16
const perLaneLimit = 4
/** Answered callbacks whose result is not on disk yet: a slow disk slows the sender, it does not fill the memory. */
const unwrittenLimit = 256
const stopWithinMs = 2000

/** The side in memory: what is in flight, who is next, and one timer for what is due later. */
export interface Sender {
  readonly inFlight: ReadonlySet<number>
  /** A row has become durable that waits until its due time. */
  due(due: Due): void
  hold(tenant: number, job: string): void
  release(tenant: number, job: string): void
  start(): void
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

export function createSender({
  store,
  clock,
  outbox,
  placeOf,
  targetOf,
  delayMs,
  errorDelayMs,
  transport,
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
}): Sender {
  const lanes = createLanes({ clock, perLane: perLaneLimit, rowsOf: outbox.rowsOf })
  const inFlight = new Set<number>()
  const held = new Map<string, Hold>()
  const keyOf = (tenant: number, job: string) => `${tenant} ${job}`

  let running = false
  let unwritten = 0
  let pumpWaits = false
  let timer: { readonly at: number; readonly handle: Timer } | undefined
  let idleWaiters: (() => void)[] = []

  const idle = () => inFlight.size === 0 && unwritten === 0 && (!running || (!pumpWaits && !lanes.hasDue()))

  const whenIdle = () => (idle() ? Promise.resolve() : new Promise<void>((resolve) => idleWaiters.push(resolve)))

  const wake = () => {
    if (pumpWaits) return
    pumpWaits = true
    setImmediate(pump)
  }

  const disarm = () => {
    timer?.handle.cancel()
    timer = undefined
  }

  const arm = () => {
    const at = lanes.nextDue()
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
    while (running && inFlight.size < inFlightLimit && unwritten < unwrittenLimit) {
      const taken = lanes.take()
      if (taken === undefined) break
      begin(taken)
    }
    if (running) arm()
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
    inFlight.add(row.seq)
    void deliver(taken, row)
  }

  const deliver = async (taken: Taken, row: CallbackRow) => {
    const place = placeOf(row)
    const outcome: Outcome =
      place.state === 'parked'
        ? { result: 'parked', reason: place.reason }
        : await attempt(row, place, { clock, keys: targetOf(row.tenant), send: transport })
    inFlight.delete(row.seq)
    unwritten++
    lanes.answered(taken)
    wake()
    let dueAt: number | undefined
    try {
      if (outcome.result === 'attempted') dueAt = await store.write(() => outbox.writeAttempt(row, outcome))
      else if (outcome.result === 'parked') await store.write(() => outbox.park(row, outcome.reason, place.on))
    } catch {
      // The state file refuses (a full disk): the callback still waits there, and is sent again.
      dueAt = clock.deadline(errorDelayMs)
    }
    unwritten--
    lanes.done(taken)
    if (dueAt !== undefined) lanes.touch(taken.lane, row.tenant, dueAt)
    wake()
  }

  return {
    inFlight,
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
      for (const { lane, tenant, dueAt } of outbox.recover()) lanes.touch(lane, tenant, dueAt)
      wake()
    },
    async stop() {
      running = false
      disarm()
      const limit = clock.at(clock.now() + stopWithinMs, () => transport.close?.())
      await whenIdle()
      limit.cancel()
      transport.close?.()
    },
  }
}
