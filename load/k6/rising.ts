/** One rate of a scenario that raises it. */
export interface Rise {
  /** Its name in tags: the rate. */
  readonly name: string
  /** Calls a second. */
  readonly rate: number
  readonly startMs: number
  readonly durationMs: number
  /** The number of its first call. */
  readonly first: number
  readonly calls: number
}

const leastStepMs = 3000

/** Each step twice as fast as the one before: the last `highest` calls a second, the first no less than `lowest`. */
export function risesOf({
  durationMs,
  highest,
  lowest,
}: {
  readonly durationMs: number
  readonly highest: number
  readonly lowest: number
}): Rise[] {
  const doublings = Math.max(0, Math.floor(Math.log2(Math.max(1, highest / lowest))))
  const count = Math.max(1, Math.min(doublings + 1, Math.floor(durationMs / leastStepMs)))
  const each = Math.floor(durationMs / count)
  let first = 0
  return Array.from({ length: count }, (_, index) => {
    // Evenly between both, where there is no time for every doubling.
    const share = count === 1 ? 1 : index / (count - 1)
    const rate = Math.max(1, Math.round(lowest * (Math.max(highest, lowest) / lowest) ** share))
    const calls = Math.floor((rate * each) / 1000)
    const rise = { name: String(rate), rate, startMs: index * each, durationMs: each, first, calls }
    first += calls
    return rise
  })
}

/** How it is told to k6. */
export function risingScenarios(rises: readonly Rise[], exec: string) {
  return Object.fromEntries(
    rises.map(({ name, rate, startMs, durationMs }) => [
      `rate_${name}`,
      {
        executor: 'constant-arrival-rate' as const,
        rate,
        timeUnit: '1s',
        startTime: `${startMs}ms`,
        duration: `${durationMs}ms`,
        preAllocatedVUs: Math.min(100, Math.max(2, Math.ceil(rate / 10))),
        maxVUs: Math.min(400, Math.max(10, rate)),
        exec,
        tags: { step: name },
        gracefulStop: '10s',
      },
    ]),
  )
}
