import type { Clock } from './clock.ts'

export interface VirtualClock extends Clock {
  readonly outside: <T>(work: () => Promise<T>) => Promise<T>
  /** Lets all ready work end: what is left waits for a timer. */
  settle(): Promise<void>
  /** Moves time forward by `ms`, running each timer at its own time and letting its work settle before the next. */
  advance(ms: number): Promise<void>
  /**
   * Goes from timer to timer until `until` says that it is enough (`true`), or until no timer is left or the next one is
   * more than `limitMs` from now (`false`; time stays at the last timer that ran).
   */
  run(options: { readonly until: () => boolean; readonly limitMs?: number }): Promise<boolean>
}

export function isVirtual(clock: Clock): clock is VirtualClock {
  return 'settle' in clock
}

interface Waiting {
  readonly at: number
  readonly sequence: number
  readonly run: () => void
  cancelled: boolean
}

const before = (a: Waiting, b: Waiting) => a.at < b.at || (a.at === b.at && a.sequence < b.sequence)

/** A binary heap by (time, sequence). What is cancelled stays in it until its turn, or until it is half of all. */
function createTimers() {
  let heap: Waiting[] = []
  let cancelled = 0

  const up = (timer: Waiting) => {
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || before(parent, timer)) break
      heap[at] = parent
      at = above
    }
    heap[at] = timer
  }
  const down = (timer: Waiting) => {
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = heap[below]
      if (child === undefined) break
      const other = heap[below + 1]
      if (other !== undefined && before(other, child)) {
        child = other
        below++
      }
      if (before(timer, child)) break
      heap[at] = child
      at = below
    }
    heap[at] = timer
  }
  const pop = () => {
    const first = heap[0]
    const last = heap.pop()
    if (last !== undefined && heap.length > 0) down(last)
    return first
  }
  const purge = () => {
    const kept = heap.filter((timer) => !timer.cancelled)
    heap = []
    cancelled = 0
    for (const timer of kept) up(timer)
  }

  return {
    add: up,
    cancel(timer: Waiting) {
      if (timer.cancelled) return
      timer.cancelled = true
      cancelled++
      if (cancelled > 64 && cancelled * 2 > heap.length) purge()
    },
    /** Takes the first timer if it is not later than `until`. */
    take(until: number): Waiting | undefined {
      while (heap[0]?.cancelled === true) {
        pop()
        cancelled--
      }
      return heap[0] !== undefined && heap[0].at <= until ? pop() : undefined
    },
  }
}

/** Turns of the loop that are given at least, for those who have an answer under way on a socket. */
const leastTurns = 4

// The loop is the whole process's, and so is this: who looks whether it is drained must not be taken for work by another.
let looking = 0

const isReady = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length > looking

/** A clock that stands still until it is told to move; equal times fire in the order in which they were set. */
export function virtualClock(start = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = start
  let sequence = 0
  let settling = 0
  let outsiders: { readonly ended: Promise<void>; readonly deliver: () => void }[] = []
  const timers = createTimers()

  // How long work from outside takes is chance: it ends when all else is drained, and in the order of its beginning.
  const outside = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = work()
    await new Promise<void>((deliver) => {
      const ended = result.then(
        () => undefined,
        () => undefined,
      )
      const open = { ended, deliver }
      outsiders.push(open)
      void ended.then(() => {
        if (settling > 0) return
        outsiders = outsiders.filter((other) => other !== open)
        deliver()
      })
    })
    return await result
  }

  // An immediate begins when all promises and ticks of what ran before it have ended: where no other one waits by then,
  // nothing is left that could run by itself.
  const turns = () =>
    new Promise<void>((resolve) => {
      let turn = 0
      const later = () => {
        looking++
        setImmediate(look)
      }
      const look = () => {
        looking--
        if (++turn >= leastTurns && !isReady()) resolve()
        else later()
      }
      later()
    })
  const settle = async () => {
    settling++
    await turns()
    for (let first = outsiders[0]; first !== undefined; first = outsiders[0]) {
      await first.ended
      if (outsiders[0] === first) outsiders.shift()
      first.deliver()
      await turns()
    }
    settling--
  }

  /** Runs the next timer that is not later than `until`, and what follows from it; false where there is none. */
  const step = async (until: number) => {
    const timer = timers.take(until)
    if (timer === undefined) return false
    // One that fires is no longer there to be cancelled.
    timer.cancelled = true
    // Whole milliseconds, as the system's clock has them, and never before the timer's time.
    now = Math.max(now, Math.ceil(timer.at))
    timer.run()
    await settle()
    return true
  }

  return {
    now: () => now,
    deadline: (delayMs) => now + delayMs,
    monotonic: () => now - start,
    outside,
    settle,
    at(at, run) {
      const timer: Waiting = { at, sequence: sequence++, run, cancelled: false }
      timers.add(timer)
      return { cancel: () => timers.cancel(timer) }
    },
    async advance(ms) {
      const until = now + ms
      await settle()
      while (await step(until));
      now = Math.max(now, until)
      await settle()
    },
    async run({ until, limitMs = Infinity }) {
      const last = now + limitMs
      await settle()
      while (!until()) if (!(await step(last))) return false
      return true
    },
  }
}
