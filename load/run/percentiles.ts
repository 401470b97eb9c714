/** Of a stage's times, in milliseconds. */
export interface Percentiles {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** By nearest rank; undefined for no times at all. */
export function percentilesOf(times: ArrayLike<number>): Percentiles | undefined {
  const sorted = Float64Array.from(times).sort()
  const count = sorted.length
  if (count === 0) return undefined
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * count) - 1)] ?? 0
  const sum = sorted.reduce((total, time) => total + time, 0)
  return { count, mean: sum / count, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) }
}
