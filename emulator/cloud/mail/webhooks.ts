import type { Clock } from '../../kernel/clock.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { messageOf } from '../../kernel/errors.ts'
import { createAlarm } from '../../kernel/alarm.ts'
import type { ProviderName } from './provider.ts'

/** Posts over HTTP and follows no redirect; rejects where no answer came or the host is not allowed. */
export type PostPort = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
) => Promise<{ readonly status: number }>

export interface Webhooks {
  /** Adds a post in the caller's transaction; it is sent until it is answered with 2xx, four times at most. */
  add(post: { provider: ProviderName; url: string; body: string; contentType: string }): void
  /** Headers that are made anew for each attempt, such as a signature over the time. */
  sign(provider: ProviderName, headersOf: (body: string) => Readonly<Record<string, string>>): void
  start(): void
  stop(): Promise<void>
  reset(): void
}

interface Row {
  id: number
  provider: ProviderName
  url: string
  content_type: string
  body: string
  attempts: number
}

/** As SNS does for HTTP subscribers: three retries, 20 seconds apart. */
const retryAfter = 20_000
const mostAttempts = 4
const atOnce = 16

/** The providers' reports on their way to an HTTP address, durable until it took them. */
export function createWebhooks({
  store,
  clock,
  journal,
  post,
  onError,
}: {
  store: Store
  clock: Clock
  journal: Journal
  post: PostPort
  onError: (error: unknown) => void
}): Webhooks {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_webhooks (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      due_at INTEGER NOT NULL,
      provider TEXT NOT NULL,
      url TEXT NOT NULL,
      content_type TEXT NOT NULL,
      body TEXT NOT NULL,
      attempts INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS mail_webhooks_due ON mail_webhooks (due_at, id);
  `)
  const signers = new Map<ProviderName, (body: string) => Readonly<Record<string, string>>>()

  const attempt = async ({ id, provider, url, content_type, body, attempts }: Row) => {
    let answer: string
    try {
      const headers = { 'content-type': content_type, ...signers.get(provider)?.(body) }
      const { status } = await post(url, headers, body)
      answer = status >= 200 && status < 300 ? '' : `it answered ${status}`
    } catch (error) {
      answer = messageOf(error)
    }
    await store.write(() => {
      if (answer !== '' && attempts + 1 < mostAttempts) {
        const dueAt = Math.ceil(clock.deadline(retryAfter))
        store.run('UPDATE mail_webhooks SET due_at = ?, attempts = attempts + 1 WHERE id = ?', dueAt, id)
        return
      }
      store.run('DELETE FROM mail_webhooks WHERE id = ?', id)
      if (answer === '') return
      const { origin, pathname } = new URL(url)
      // The URL may hold a password or a token.
      journal.record({
        type: 'mail.webhook-lost',
        provider,
        url: `${origin}${pathname}`,
        attempts: attempts + 1,
        reason: answer,
      })
    })
  }

  const alarm = createAlarm({
    clock,
    onError,
    async run() {
      const rows = store.all<Row>(
        'SELECT * FROM mail_webhooks WHERE due_at <= ? ORDER BY due_at, id LIMIT ?',
        clock.now(),
        atOnce,
      )
      await Promise.all(rows.map(attempt))
      return store.get<{ at: number | null }>('SELECT min(due_at) AS at FROM mail_webhooks')?.at ?? undefined
    },
  })

  return {
    add({ provider, url, body, contentType }) {
      const dueAt = clock.now()
      store.run(
        'INSERT INTO mail_webhooks (due_at, provider, url, content_type, body, attempts) VALUES (?, ?, ?, ?, ?, 0)',
        dueAt,
        provider,
        url,
        contentType,
        body,
      )
      store.afterCommit(() => alarm.wakeAt(dueAt))
    },
    sign: (provider, headersOf) => void signers.set(provider, headersOf),
    start: alarm.start,
    stop: alarm.stop,
    reset: () => void store.run('DELETE FROM mail_webhooks'),
  }
}
