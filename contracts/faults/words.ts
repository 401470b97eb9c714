import type { Effect } from './rule.ts'

const seconds = (ms: number) => (Math.abs(ms) < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`)

/** What a fault does, for the log; `delayMs` is what was drawn. */
export function effectInWords(effect: Effect, delayMs: number): string {
  switch (effect.kind) {
    case 'error':
      return `error ${effect.code}`
    case 'throttle':
      return `throttled, retry after ${seconds(effect.retryAfterMs)}`
    case 'delay':
      return `delayed by ${seconds(delayMs)}`
    case 'late':
    case 'reorder':
    case 'out-of-order':
      return `${effect.kind}, put off by ${seconds(delayMs)}`
    case 'clock-skew':
      return `clock ${seconds(Math.abs(effect.ms))} ${effect.ms < 0 ? 'behind' : 'ahead'}`
    case 'crash':
      return `the worker dies ${effect.when} it`
    case 'bounce':
      return `${effect.bounce} bounce ${effect.told === 'at-once' ? 'at once' : 'after sent'}`
    default:
      return effect.kind
  }
}
