import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'

const day = 86_400_000
const minute = 60_000

export interface Bucket {
  /** Takes `count` if anything is left, be it less: the rest is owed, and nothing is granted until it has been refilled. */
  take(count: number): boolean
  /** When the next `take` will be granted (epoch milliseconds); now or earlier where it is at once. */
  freeAt(): number
}

/**
 * A token bucket with debt, as SES's rate is: one second's worth may go at once, and a message to several recipients is
 * accepted while there is one token. `perSecond` follows `--speed`, as delays do.
 */
export function createBucket({ clock, perSecond }: { clock: Clock; perSecond: number }): Bucket {
  const size = Math.max(1, perSecond)
  // When the bucket will be full again, if nothing more is taken.
  let fullAt = -Infinity
  // Measured once: two looks at the clock may have a tick between them.
  const wallTime = (clock.deadline(1_000_000) - clock.now()) / 1_000_000
  const lasting = (count: number) => (count * 1000 * wallTime) / perSecond
  const freeAt = () => fullAt - lasting(size - 1)
  return {
    take(count) {
      const now = clock.now()
      // A thousandth of a millisecond: what divisions leave over.
      if (freeAt() > now + 0.001) return false
      fullAt = Math.max(fullAt, now) + lasting(count)
      return true
    },
    freeAt,
  }
}

export interface Pacer {
  /** Resolves when it is this caller's turn, first come, first served; `false` where it is gone, or the emulator stops, before. */
  turn(signal?: AbortSignal): Promise<boolean>
  close(): void
}

/** Makes senders wait for the rate instead of refusing them. */
export function createPacer({ clock, perSecond }: { clock: Clock; perSecond: number }): Pacer {
  if (perSecond === Infinity) return { turn: () => Promise.resolve(true), close: () => undefined }
  const bucket = createBucket({ clock, perSecond })
  let waiting: ((granted: boolean) => void)[] = []
  let timer: Timer | undefined
  let closed = false
  const serve = () => {
    timer = undefined
    let served = 0
    while (served < waiting.length && bucket.take(1)) waiting[served++]?.(true)
    waiting = waiting.slice(served)
    if (waiting.length > 0) timer = clock.at(bucket.freeAt(), serve)
  }
  return {
    turn: (signal) =>
      new Promise((resolve) => {
        if (closed || signal?.aborted === true) return resolve(false)
        if (waiting.length === 0 && bucket.take(1)) return resolve(true)
        const leave = () => {
          waiting = waiting.filter((other) => other !== settle)
          resolve(false)
        }
        const settle = (granted: boolean) => {
          signal?.removeEventListener('abort', leave)
          resolve(granted)
        }
        signal?.addEventListener('abort', leave)
        waiting.push(settle)
        if (timer === undefined) timer = clock.at(bucket.freeAt(), serve)
      }),
    close() {
      closed = true
      timer?.cancel()
      for (const resolve of waiting.splice(0)) resolve(false)
    },
  }
}

export interface Limits {
  /** Recipients a second; `Infinity` for no limit. */
  readonly rate: number
  /** Recipients in any 24 hours; `Infinity` for no limit. */
  readonly dailyQuota: number
}

export interface Allowance {
  readonly limits: Limits
  /**
   * Whether a message to so many recipients may go now. `counted` of them count against the daily quota (SES does not
   * count its simulator's). What is granted is used, whatever becomes of the message.
   */
  take(recipients: number, counted?: number): 'granted' | 'rate' | 'quota'
  /** Recipients, to the minute. */
  sentLast24Hours(): number
  /** When something falls out of the last 24 hours (epoch milliseconds); now where nothing is in them. */
  freesAt(): number
  reset(): void
}

/** What one account of a provider may send; the daily quota outlives a restart. */
export function createAllowance({
  store,
  clock,
  name,
  limits,
  onError,
}: {
  store: Store
  clock: Clock
  name: string
  limits: Limits
  onError: (error: unknown) => void
}): Allowance {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_quota (
      account TEXT NOT NULL,
      minute INTEGER NOT NULL,
      sent INTEGER NOT NULL,
      PRIMARY KEY (account, minute)
    ) WITHOUT ROWID
  `)
  const newBucket = () => createBucket({ clock, perSecond: limits.rate })
  let bucket = newBucket()
  const used = new Map(
    store
      .all<{ minute: number; sent: number }>(
        'SELECT minute, sent FROM mail_quota WHERE account = ? ORDER BY minute',
        name,
      )
      .map((row) => [row.minute, row.sent] as const),
  )
  let total = [...used.values()].reduce((sum, sent) => sum + sent, 0)

  const forgetOld = () => {
    const oldest = clock.now() - day
    for (const [at, sent] of used) {
      if (at > oldest) return
      used.delete(at)
      total -= sent
    }
  }
  const count = (recipients: number) => {
    const at = Math.floor(clock.now() / minute) * minute
    used.set(at, (used.get(at) ?? 0) + recipients)
    total += recipients
    store
      .write(() => {
        store.run('DELETE FROM mail_quota WHERE account = ? AND minute <= ?', name, at - day)
        store.run(
          'INSERT INTO mail_quota VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sent = sent + excluded.sent',
          name,
          at,
          recipients,
        )
      })
      .catch(onError)
  }

  return {
    limits,
    take(recipients, counted = recipients) {
      forgetOld()
      if (counted > 0 && total + counted > limits.dailyQuota) return 'quota'
      if (limits.rate !== Infinity && !bucket.take(recipients)) return 'rate'
      if (counted > 0) count(counted)
      return 'granted'
    },
    sentLast24Hours() {
      forgetOld()
      return total
    },
    freesAt() {
      forgetOld()
      const oldest = used.keys().next().value
      return oldest === undefined ? clock.now() : oldest + day
    },
    reset() {
      used.clear()
      total = 0
      bucket = newBucket()
      store.run('DELETE FROM mail_quota WHERE account = ?', name)
    },
  }
}
