import { setImmediate as nextTurn } from 'node:timers/promises'

export interface Timer {
  cancel(): void
}

/** Time, and the only way to wait for it. All times are epoch milliseconds. */
export interface Clock {
  /** What goes on the wire: timestamps, TTLs, signatures. Never scaled. */
  now(): number
  /** When a delay of `delayMs` that begins now ends; `--speed` scales delays, and only them. */
  deadline(delayMs: number): number
  /** Runs `run` once, at `at` or soon after; never synchronously. */
  at(at: number, run: () => void): Timer
  /** Milliseconds from an arbitrary origin, for measuring how long something took. */
  monotonic(): number
}

// setTimeout fires at once when its delay does not fit into 31 bits.
const longestTimeout = 2 ** 31 - 1

export function systemClock({ speed = 1 }: { speed?: number } = {}): Clock {
  return {
    now: () => Date.now(),
    deadline: (delayMs) => Date.now() + delayMs / speed,
    monotonic: () => performance.now(),
    at(at, run) {
      let handle: NodeJS.Timeout
      const arm = () => {
        const left = Math.max(0, Math.ceil(at - Date.now()))
        handle = left > longestTimeout ? setTimeout(arm, longestTimeout) : setTimeout(run, left)
      }
      arm()
      return { cancel: () => clearTimeout(handle) }
    },
  }
}

/** Resolves after a (scaled) delay, or as soon as `signal` is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return sleepUntil(clock, clock.deadline(delayMs), signal)
}

function sleepUntil(clock: Clock, at: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.at(at, done)
    signal?.addEventListener('abort', done)
  })
}

export interface VirtualClock extends Clock {
  /** Moves time forward by `ms`, running each timer at its own time and letting its work settle before the next. */
  advance(ms: number): Promise<void>
}

/** A clock that stands still until it is told to move; equal times fire in the order in which they were set. */
export function virtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = start
  let sequence = 0
  const timers = new Map<number, { at: number; run: () => void }>()
  const earliest = (until: number) => {
    let found: number | undefined
    let foundAt = until
    for (const [id, timer] of timers) {
      if (timer.at < foundAt || (timer.at <= until && found === undefined)) {
        found = id
        foundAt = timer.at
      }
    }
    return found
  }
  const settle = async () => {
    for (let turn = 0; turn < 4; turn++) await nextTurn()
  }
  return {
    now: () => now,
    deadline: (delayMs) => now + delayMs,
    monotonic: () => now - start,
    at(at, run) {
      const id = sequence++
      timers.set(id, { at, run })
      return { cancel: () => void timers.delete(id) }
    },
    async advance(ms) {
      const until = now + ms
      await settle()
      for (let id = earliest(until); id !== undefined; id = earliest(until)) {
        const timer = timers.get(id)!
        timers.delete(id)
        now = Math.max(now, timer.at)
        timer.run()
        await settle()
      }
      now = until
      await settle()
    },
  }
}
