import { SharedArray } from 'k6/data'
import { messageCount } from './bodies.ts'
import type { Settings } from './settings.ts'

/** The numbers of the messages to send: all, or those that a file names. */
export interface Messages {
  readonly count: number
  /** The number of the nth message; undefined after the last. */
  at(nth: number): number | undefined
}

export function messagesOf(settings: Settings): Messages {
  if (settings.messagesFile === '') {
    const count = messageCount(settings)
    return { count, at: (nth) => (nth < count ? nth : undefined) }
  }
  const named = new SharedArray('messages', () => JSON.parse(open(settings.messagesFile)) as number[])
  return { count: named.length, at: (nth) => named[nth] }
}

/** An open arrival of so many messages; a little longer than it needs, since what comes too often ends at once. */
export function arrival({ rate, batch }: Pick<Settings, 'rate' | 'batch'>, count: number) {
  // In ten seconds, since k6 takes whole numbers only.
  const perTenSeconds = Math.min(10_000, Math.max(1, Math.round((rate / batch) * 10)))
  const seconds = Math.ceil(((count + 1) / perTenSeconds) * 10) + 1
  const atOnce = Math.min(100, Math.max(2, Math.ceil(perTenSeconds / 10)))
  return {
    executor: 'constant-arrival-rate',
    rate: perTenSeconds,
    timeUnit: '10s',
    duration: `${seconds}s`,
    preAllocatedVUs: atOnce,
    maxVUs: 300,
  } as const
}
