import type { Clock } from '../kernel/clock.ts'

/** Where the time goes: calls and summed wall milliseconds a stage; stages run side by side, so sums exceed the run. */
export function createStages(clock: Clock) {
  const sums = new Map<string, { calls: number; milliseconds: number }>()
  return {
    async measure<T>(name: string, run: () => Promise<T>): Promise<T> {
      const began = clock.monotonic()
      try {
        return await run()
      } finally {
        const sum = sums.get(name) ?? { calls: 0, milliseconds: 0 }
        sum.calls++
        sum.milliseconds += clock.monotonic() - began
        sums.set(name, sum)
      }
    },
    totals: () => Object.fromEntries(sums),
  }
}
