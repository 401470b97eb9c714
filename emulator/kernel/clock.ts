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
  /** How virtual time waits for work from outside; see `outside`. */
  readonly outside?: <T>(work: () => Promise<T>) => Promise<T>
}

/** Work that the process waits for from outside its own loop, such as reading a file: virtual time stands still meanwhile. */
export function outside<T>(clock: Clock, work: () => Promise<T>): Promise<T> {
  return clock.outside === undefined ? work() : clock.outside(work)
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

export { virtualClock, type VirtualClock } from './virtual-clock.ts'
