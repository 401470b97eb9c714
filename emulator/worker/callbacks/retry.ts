/** The longest wait that a receiver may ask for. */
const longestRetryAfterMs = 3_600_000

/**
 * `Retry-After` as a delay in milliseconds: seconds or an HTTP date (read against `now`), at most an hour. 0 where
 * there is none that can be read.
 */
export function retryAfterMs(value: string | undefined, now: number): number {
  if (value === undefined) return 0
  const text = value.trim()
  const delay = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(delay) ? 0 : Math.min(Math.max(0, delay), longestRetryAfterMs)
}

export type Step = { readonly state: 'delivered' | 'dead' } | { readonly state: 'waiting'; readonly delayMs: number }

/** What follows an attempt. `tries` counts the attempts since the callback was created or replayed, this one included. */
export function stepAfter(
  answer: { readonly status: number; readonly retryAfter?: string | undefined } | undefined,
  { tries, scheduleMs, now }: { tries: number; scheduleMs: readonly number[]; now: number },
): Step {
  if (answer !== undefined && answer.status >= 200 && answer.status < 300) return { state: 'delivered' }
  const scheduled = scheduleMs[tries - 1]
  if (answer?.status === 410 || scheduled === undefined) return { state: 'dead' }
  return { state: 'waiting', delayMs: Math.max(scheduled, retryAfterMs(answer?.retryAfter, now)) }
}
