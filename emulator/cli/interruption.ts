import type { Clock } from '../kernel/clock.ts'

export interface Interruption {
  /** Resolves with the first SIGINT or SIGTERM. */
  readonly happened: Promise<'SIGINT' | 'SIGTERM'>
  /** Aborted with it. */
  readonly signal: AbortSignal
}

// npm passes on the Ctrl-C that the terminal has already sent to everybody: that is one interruption, not two.
const sameKeyMs = 500

/** Lets a command stop in its own time; a second Ctrl-C ends the process at once. */
export function listenForInterruption(clock: Clock): Interruption {
  const controller = new AbortController()
  let first: number | undefined
  const happened = new Promise<'SIGINT' | 'SIGTERM'>((resolve) => {
    process.removeAllListeners('SIGINT')
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        const now = clock.monotonic()
        if (first === undefined) {
          first = now
          controller.abort()
          resolve(name)
        } else if (now - first > sameKeyMs) {
          process.exit(130)
        }
      })
    }
  })
  return { happened, signal: controller.signal }
}
