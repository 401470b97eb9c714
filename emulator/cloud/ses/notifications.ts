import type { Ids } from '../../kernel/ids.ts'
import type { MailProvider } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { Webhooks } from '../mail/webhooks.ts'
import { eventContextOf, type Events } from './events.ts'
import { bounceRecord, complaintRecord, deliveryRecord, mailRecord } from './records.ts'
import { snsContentType } from './topics.ts'

export interface NotificationSettings {
  /** A queue's name. */
  readonly queue?: string | undefined
  readonly url?: string | undefined
  /** Milliseconds (a delay) by which a notification or event may be late; they then come out of order. */
  readonly delay?: number | undefined
}

export interface NotificationDeps {
  readonly mail: MailProvider
  readonly webhooks: Webhooks
  readonly ids: Ids
  readonly events: Events
  readonly account: string
  readonly region: string
  readonly settings: NotificationSettings
  /** Sends a message to a queue in the caller's transaction. */
  readonly publish: (queue: string, body: string) => void
}

/**
 * Publishes what became of SES's mails, in SES's JSON, as SNS does with raw message delivery; and the events of those
 * that were sent with a configuration set.
 */
export function publishNotifications(deps: NotificationDeps): void {
  const { mail, webhooks, ids, events, account, region, settings, publish } = deps
  const { queue, url, delay = 0 } = settings
  const notify = (report: MailReport) => {
    if (queue === undefined && url === undefined) return
    const notification = notificationOf(report)
    if (notification === undefined) return
    const body = JSON.stringify({ ...notification, mail: mailRecord(report, { account, region }) })
    if (queue !== undefined) publish(queue, body)
    if (url !== undefined) webhooks.add({ provider: 'ses', url, body, contentType: snsContentType })
  }
  mail.listen('ses', {
    wants(kind, { context }) {
      if (kind === 'delivery' && (queue !== undefined || url !== undefined)) return true
      const set = eventContextOf(context)?.configurationSet
      return set !== undefined && events.wanted(set, kind === 'delay' ? 'deliveryDelay' : kind)
    },
    // By identity, so that the same run has the same disorder.
    delay: ({ id }) => (delay * parseInt(ids.stable(8, 'ses-notification', id), 16)) / 0xffffffff,
    receive(report) {
      events.reported(report)
      notify(report)
    },
  })
}

/** Notifications tell it of the server that answered, events do not. */
const remote = { remoteMtaIp: '127.0.0.1' }

/** Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html */
function notificationOf(report: MailReport): Record<string, unknown> | undefined {
  switch (report.kind) {
    case 'bounce':
      return {
        notificationType: 'Bounce',
        bounce: { ...bounceRecord(report), ...(report.bounce.diagnostic.startsWith('smtp;') ? remote : {}) },
      }
    case 'complaint':
      return { notificationType: 'Complaint', complaint: complaintRecord(report) }
    case 'delivery':
      return { notificationType: 'Delivery', delivery: { ...deliveryRecord(report), ...remote } }
    // Only events tell of delays.
    case 'delay':
      return undefined
  }
}
