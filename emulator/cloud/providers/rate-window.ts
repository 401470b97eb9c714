import type { Clock } from '../../kernel/clock.ts'
import { refuse } from './refusal.ts'

/** How many requests a provider takes in a window of time; the window begins with its first request. */
export interface RateLimit {
  readonly requests: number
  readonly windowMs: number
}

export interface RateState {
  readonly limit: number
  readonly windowMs: number
  readonly remaining: number
  /** Epoch milliseconds, when the window ends. */
  readonly resetsAt: number
}

export interface RateWindow {
  /** Counts one request. Throws `rate-limited`, with the state as its details. Undefined where nothing is limited. */
  take(): RateState | undefined
}

/** A fixed window, which is what the providers' headers (limit, remaining, reset) describe. */
export function createRateWindow({ clock, limit }: { clock: Clock; limit: RateLimit | undefined }): RateWindow {
  let resetsAt = 0
  let used = 0
  return {
    take() {
      if (limit === undefined) return undefined
      const now = clock.now()
      if (now >= resetsAt) {
        resetsAt = now + limit.windowMs
        used = 0
      }
      if (used >= limit.requests) {
        const state: RateState = { limit: limit.requests, windowMs: limit.windowMs, remaining: 0, resetsAt }
        throw refuse('rate-limited', 'too many requests', { rate: state })
      }
      used++
      return { limit: limit.requests, windowMs: limit.windowMs, remaining: limit.requests - used, resetsAt }
    },
  }
}

export function rateOf(details: Readonly<Record<string, unknown>>): RateState | undefined {
  return details['rate'] as RateState | undefined
}
