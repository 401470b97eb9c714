import type { Clock, Timer } from './clock.ts'

export interface Alarm {
  /** Sees to it that the work is looked at no later than at `at` (epoch milliseconds). */
  wakeAt(at: number): void
  start(): void
  /** Nothing begins any more; resolves when the run that is under way has ended. */
  stop(): Promise<void>
}

/** Durable work that falls due: one timer for the earliest, no polling. `run` does what is due and says what comes next. */
export function createAlarm({
  clock,
  run,
  onError,
}: {
  clock: Clock
  run: () => Promise<number | undefined>
  onError: (error: unknown) => void
}): Alarm {
  let timer: Timer | undefined
  let dueAt = Infinity
  let started = false
  let running: Promise<void> | undefined

  const arm = () => {
    if (!started || running !== undefined || dueAt === Infinity) return
    timer?.cancel()
    timer = clock.at(dueAt, ring)
  }
  const ring = () => {
    dueAt = Infinity
    running = run()
      .catch((error: unknown) => {
        onError(error)
        return clock.deadline(1000)
      })
      .then((next) => {
        running = undefined
        // What was asked for while the run went on is kept.
        dueAt = Math.min(dueAt, next ?? Infinity)
        arm()
      })
  }

  return {
    wakeAt(at) {
      if (at >= dueAt) return
      dueAt = at
      arm()
    },
    start() {
      started = true
      dueAt = Math.min(dueAt, clock.now())
      arm()
    },
    async stop() {
      started = false
      timer?.cancel()
      await running
    },
  }
}
