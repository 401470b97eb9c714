import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { createAlarm } from '../../kernel/alarm.ts'
import { describeBounce, isHardBounce } from './bounce.ts'
import type { ProviderName } from './provider.ts'
import { isSimulator, type Consequence } from './simulator.ts'
import type { Statistics } from './statistics.ts'
import type { Suppression } from './suppression.ts'

/** The message that a report is about. */
export interface ReportedMail {
  readonly provider: ProviderName
  /** The provider's own id, as its API answered it. */
  readonly messageId: string
  readonly from: string
  /** All its recipients. */
  readonly to: readonly string[]
  /** Epoch milliseconds. */
  readonly sentAt: number
  /** What the face gave with the message: tags, custom arguments. */
  readonly context?: Json
}

/** What became of a message for some of its recipients, told after it was accepted. */
export type MailReport = ReportedMail & {
  readonly id: string
  readonly recipients: readonly string[]
  /** When it happened, epoch milliseconds. */
  readonly at: number
} & Consequence

export interface ReportListener {
  /** Whether a mail's deliveries and delays are wanted too; bounces and complaints always come. */
  readonly wants: (kind: 'delivery' | 'delay', mail: ReportedMail) => boolean
  /** Milliseconds (a delay, scaled by `--speed`) by which this report comes later than it happened. */
  readonly delay?: (report: MailReport) => number
  /** Inside the transaction that removes the report: it may write, and nothing else. */
  readonly receive: (report: MailReport) => void
}

export interface Reports {
  listen(provider: ProviderName, listener: ReportListener): void
  /** Adds a report in the caller's transaction, `afterMs` (a delay) from now. */
  schedule(mail: ReportedMail, consequence: Consequence, recipients: readonly string[], afterMs: number): void
  start(): void
  stop(): Promise<void>
  reset(): void
}

interface Row {
  id: number
  due_at: number
  phase: Phase
  body: string
}

/** First a thing happens, with its effect on the account; then, late where that is configured, the listener is told. */
type Phase = 'happens' | 'told'

const atOnce = 500

/** The provider's word on what it accepted, durable until it was passed on. */
export function createReports({
  store,
  clock,
  ids,
  journal,
  statistics,
  suppression,
  onError,
}: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  statistics: Statistics
  suppression: Suppression
  onError: (error: unknown) => void
}): Reports {
  store.define(`
    CREATE TABLE IF NOT EXISTS mail_reports (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      due_at INTEGER NOT NULL,
      phase TEXT NOT NULL,
      body TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS mail_reports_due ON mail_reports (due_at, id);
  `)
  const listeners = new Map<ProviderName, ReportListener>()

  const insert = (dueAt: number, phase: Phase, report: MailReport) => {
    // Whole milliseconds: a timer must not fire before the row is due.
    const at = Math.ceil(dueAt)
    store.run('INSERT INTO mail_reports (due_at, phase, body) VALUES (?, ?, ?)', at, phase, JSON.stringify(report))
    store.afterCommit(() => alarm.wakeAt(at))
  }

  const happen = (report: MailReport) => {
    const { provider, messageId, kind, recipients } = report
    // Nothing has become of it yet.
    if (kind === 'delay') return
    if (kind === 'bounce') {
      statistics.count(provider, 'bounces', recipients.length)
      for (const address of recipients) {
        if (!isHardBounce(report.bounce) || isSimulator(address) || suppression.holds(address)) continue
        if (!suppression.reasons().includes('BOUNCE')) continue
        suppression.put({ address, reason: 'BOUNCE', messageId, feedbackId: report.id })
      }
    }
    if (kind === 'complaint') {
      statistics.count(provider, 'complaints', recipients.length)
      for (const address of recipients) {
        if (isSimulator(address) || !suppression.reasons().includes('COMPLAINT')) continue
        suppression.put({ address, reason: 'COMPLAINT', messageId, feedbackId: report.id })
      }
    }
    const detail = kind === 'bounce' ? describeBounce(report.bounce) : kind === 'delivery' ? report.response : 'abuse'
    journal.record({
      type: 'mail.reported',
      provider,
      messageId,
      kind,
      addresses: recipients.map((address) => ids.stable(16, 'address', address)),
      // Servers repeat the address in what they say.
      detail: recipients.reduce((text, address) => text.replaceAll(address, '(address)'), detail),
    })
  }

  const tell = (report: MailReport) => {
    try {
      store.tx(() => listeners.get(report.provider)?.receive(report))
    } catch (error) {
      // Told to nobody, and not again: one report that cannot be passed on must not hold up the others.
      onError(error)
    }
  }

  const handle = ({ phase, body, due_at }: Row) => {
    const stored = JSON.parse(body) as MailReport
    if (phase === 'told') return tell(stored)
    const report = { ...stored, at: due_at }
    happen(report)
    const delay = listeners.get(report.provider)?.delay?.(report) ?? 0
    if (delay > 0) insert(clock.deadline(delay), 'told', report)
    else tell(report)
  }

  const alarm = createAlarm({
    clock,
    onError,
    run: () =>
      store.write(() => {
        const rows = store.all<Row>(
          'SELECT * FROM mail_reports WHERE due_at <= ? ORDER BY due_at, id LIMIT ?',
          clock.now(),
          atOnce,
        )
        for (const row of rows) {
          store.run('DELETE FROM mail_reports WHERE id = ?', row.id)
          handle(row)
        }
        return store.get<{ at: number | null }>('SELECT min(due_at) AS at FROM mail_reports')?.at ?? undefined
      }),
  })

  return {
    listen: (provider, listener) => void listeners.set(provider, listener),
    schedule(mail, consequence, recipients, afterMs) {
      if (recipients.length === 0) return
      const { kind } = consequence
      const optional = kind === 'delivery' || kind === 'delay'
      if (optional && listeners.get(mail.provider)?.wants(kind, mail) !== true) return
      const dueAt = clock.deadline(afterMs)
      // A bounce and a delivery of one message have ids of their own; so have two bounces for different reasons.
      const id = feedbackId(ids, mail, consequence, recipients)
      insert(dueAt, 'happens', { ...mail, ...consequence, id, recipients, at: Math.ceil(dueAt) })
    },
    start: alarm.start,
    stop: alarm.stop,
    reset: () => void store.run('DELETE FROM mail_reports'),
  }
}

/** In the form of SES's own: `0108017ba6864a22-<uuid>-000000`. */
function feedbackId(ids: Ids, mail: ReportedMail, consequence: Consequence, recipients: readonly string[]): string {
  const uuid = ids.uuid('mail-report', mail.messageId, consequence.kind, JSON.stringify(consequence), ...recipients)
  return `${idPrefix(mail.sentAt)}-${uuid}-000000`
}

/** Four hex digits of the region and twelve of the time: how SES's ids begin. */
export const idPrefix = (at: number): string => `0108${Math.floor(at).toString(16).padStart(12, '0')}`
