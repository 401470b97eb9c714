import type { Clock } from '../../kernel/clock.ts'

export interface DueRow {
  readonly seq: number
  readonly due_at: number
}

export interface Taken {
  readonly lane: string
  readonly seq: number
}

/**
 * Who is next. A lane is one tenant's callbacks to one host; the lane whose tenant has the fewest in flight goes first,
 * then the one that was served longest ago. Rows stay in the state file; a lane knows the next few and the next due time.
 */
export interface Lanes {
  /** A row of this lane is due at `dueAt`. */
  touch(lane: string, tenant: number, dueAt: number): void
  /** The next row that is due, which now occupies one of its lane's places until `answered`. */
  take(): Taken | undefined
  /** Frees the place; the row stays out of reach until `done`. */
  answered(taken: Taken): void
  /** The row's new state is in the state file (or it was not sent at all): the lane may read it again. */
  done(taken: Taken): void
  /** When the earliest row that was not due at `now` becomes due; Infinity where none waits. */
  nextDue(now: number): number
  hasDue(): boolean
}

interface Lane {
  readonly key: string
  readonly tenant: number
  inFlight: number
  /** Rows that were read and are not `done`. */
  readonly taken: Set<number>
  ready: number[]
  /** No row outside `ready` and `taken` is due earlier. */
  nextDue: number
  served: number
}

const readAhead = 64

export function createLanes({
  clock,
  perLane,
  rowsOf,
}: {
  clock: Clock
  /** Places for requests in flight in one lane. */
  perLane: number
  /** The lane's first waiting rows by due time. */
  rowsOf: (lane: string, limit: number) => readonly DueRow[]
}): Lanes {
  const lanes = new Map<string, Lane>()
  const inFlightOf = new Map<number, number>()
  let turn = 0

  const readRows = (lane: Lane) => {
    const now = clock.now()
    const limit = readAhead + lane.taken.size
    const rows = rowsOf(lane.key, limit)
    lane.nextDue = rows.length < limit ? Infinity : now
    for (const { seq, due_at } of rows) {
      if (lane.taken.has(seq)) continue
      if (due_at > now) {
        lane.nextDue = due_at
        break
      }
      lane.ready.push(seq)
      lane.taken.add(seq)
    }
  }

  const hasRow = (lane: Lane) => {
    if (lane.ready.length === 0 && lane.nextDue <= clock.now()) readRows(lane)
    return lane.ready.length > 0
  }

  const goesBefore = (a: Lane, b: Lane) => {
    const busy = (inFlightOf.get(a.tenant) ?? 0) - (inFlightOf.get(b.tenant) ?? 0)
    return busy < 0 || (busy === 0 && a.served < b.served)
  }

  const forgetIfEmpty = (lane: Lane) => {
    if (lane.taken.size === 0 && lane.nextDue === Infinity) lanes.delete(lane.key)
  }

  return {
    touch(key, tenant, dueAt) {
      const lane = lanes.get(key)
      if (lane !== undefined) lane.nextDue = Math.min(lane.nextDue, dueAt)
      else lanes.set(key, { key, tenant, inFlight: 0, taken: new Set(), ready: [], nextDue: dueAt, served: 0 })
    },
    take() {
      let best: Lane | undefined
      for (const lane of lanes.values()) {
        if (lane.inFlight >= perLane || (best !== undefined && !goesBefore(lane, best))) continue
        if (hasRow(lane)) best = lane
        else forgetIfEmpty(lane)
      }
      const seq = best?.ready.shift()
      if (best === undefined || seq === undefined) return undefined
      best.inFlight++
      best.served = ++turn
      inFlightOf.set(best.tenant, (inFlightOf.get(best.tenant) ?? 0) + 1)
      return { lane: best.key, seq }
    },
    answered({ lane: key }) {
      const lane = lanes.get(key)
      if (lane === undefined) return
      lane.inFlight--
      const left = (inFlightOf.get(lane.tenant) ?? 0) - 1
      if (left > 0) inFlightOf.set(lane.tenant, left)
      else inFlightOf.delete(lane.tenant)
    },
    done({ lane: key, seq }) {
      const lane = lanes.get(key)
      if (lane === undefined) return
      lane.taken.delete(seq)
      forgetIfEmpty(lane)
    },
    nextDue(now) {
      let next = Infinity
      for (const lane of lanes.values()) if (lane.nextDue > now) next = Math.min(next, lane.nextDue)
      return next
    },
    hasDue() {
      const now = clock.now()
      for (const lane of lanes.values()) if (lane.ready.length > 0 || lane.nextDue <= now) return true
      return false
    },
  }
}
