import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { createAlarm } from '../../kernel/alarm.ts'
import type { ReportedMail } from './reports.ts'
import type { Delivery, MailTransport } from './transport.ts'

/** How a delivery ended for some of a message's recipients. */
export interface Settled {
  readonly mail: ReportedMail
  readonly recipients: readonly string[]
  readonly result: 'delivered' | 'refused' | 'expired'
  /** What the server said last. */
  readonly reply: string
}

export interface Spool {
  /** Keeps a message for recipients that could not be reached, in the caller's transaction. */
  add(mail: ReportedMail, recipients: readonly string[], raw: Buffer): void
  start(): void
  stop(): Promise<void>
  reset(): void
}

interface Row {
  id: number
  mail: string
  recipients: string
  attempts: number
  first_at: number
  raw: Uint8Array
}

const minute = 60_000
/** SES does not say when it tries again; it gives up after 840 minutes. */
const retryAfter = [1, 2, 5, 10, 20, 30, 60].map((minutes) => minutes * minute)
export const expiresAfter = 840 * minute
const atOnce = 16

/** The answer for each recipient, by what it means. */
export function splitDelivery(delivery: Delivery, recipients: readonly string[]) {
  const delivered: string[] = []
  const refused = new Map<string, string[]>()
  const deferred = new Map<string, string[]>()
  const add = (to: Map<string, string[]>, reply: string, address: string) => {
    const known = to.get(reply)
    if (known === undefined) to.set(reply, [address])
    else known.push(address)
  }
  const refusals = delivery.outcome === 'accepted' ? (delivery.refused ?? []) : []
  const replies = new Map(refusals.map(({ address, response }) => [address, response] as const))
  for (const address of recipients) {
    const reply = delivery.outcome === 'accepted' ? replies.get(address) : delivery.error
    if (reply === undefined) delivered.push(address)
    else if (delivery.outcome === 'rejected' || reply.startsWith('5')) add(refused, reply, address)
    else add(deferred, reply, address)
  }
  return { delivered, refused, deferred }
}

/** What was accepted and could not be delivered yet: tried again for 14 hours, as SES does, and durable meanwhile. */
export function createSpool({
  store,
  clock,
  transport,
  settled,
  onError,
}: {
  store: Store
  clock: Clock
  transport: MailTransport
  /** Inside the transaction that removes the recipients from the spool. */
  settled: (result: Settled) => void
  onError: (error: unknown) => void
}): Spool {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_spool (
      id INTEGER PRIMARY KEY,
      due_at INTEGER NOT NULL,
      attempts INTEGER NOT NULL,
      first_at INTEGER NOT NULL,
      mail TEXT NOT NULL,
      recipients TEXT NOT NULL,
      raw BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS mail_spool_due ON mail_spool (due_at, id);
  `)

  const attempt = async (row: Row) => {
    const mail = JSON.parse(row.mail) as ReportedMail
    const recipients = JSON.parse(row.recipients) as string[]
    const delivery = await transport.deliver({ from: mail.from, to: recipients }, Buffer.from(row.raw))
    const { delivered, refused, deferred } = splitDelivery(delivery, recipients)
    const reply = delivery.outcome === 'accepted' ? delivery.response : delivery.error
    await store.write(() => {
      settled({ mail, recipients: delivered, result: 'delivered', reply })
      for (const [said, addresses] of refused) settled({ mail, recipients: addresses, result: 'refused', reply: said })
      const left = [...deferred.values()].flat()
      const next = Math.ceil(clock.deadline(retryAfter[Math.min(row.attempts, retryAfter.length - 1)] ?? minute))
      if (left.length > 0 && next - row.first_at < clock.deadline(expiresAfter) - clock.now()) {
        store.run(
          'UPDATE mail_spool SET due_at = ?, attempts = attempts + 1, recipients = ? WHERE id = ?',
          next,
          JSON.stringify(left),
          row.id,
        )
        return
      }
      for (const [said, addresses] of deferred) settled({ mail, recipients: addresses, result: 'expired', reply: said })
      store.run('DELETE FROM mail_spool WHERE id = ?', row.id)
    })
  }

  const alarm = createAlarm({
    clock,
    onError,
    async run() {
      const rows = store.all<Row>(
        'SELECT * FROM mail_spool WHERE due_at <= ? ORDER BY due_at, id LIMIT ?',
        clock.now(),
        atOnce,
      )
      await Promise.all(rows.map(attempt))
      return store.get<{ at: number | null }>('SELECT min(due_at) AS at FROM mail_spool')?.at ?? undefined
    },
  })

  return {
    add(mail, recipients, raw) {
      if (recipients.length === 0) return
      const dueAt = Math.ceil(clock.deadline(retryAfter[0] ?? minute))
      store.run(
        'INSERT INTO mail_spool (due_at, attempts, first_at, mail, recipients, raw) VALUES (?, 1, ?, ?, ?, ?)',
        dueAt,
        mail.sentAt,
        JSON.stringify(mail),
        JSON.stringify(recipients),
        raw,
      )
      store.afterCommit(() => alarm.wakeAt(dueAt))
    },
    start: alarm.start,
    stop: alarm.stop,
    reset: () => void store.run('DELETE FROM mail_spool'),
  }
}
