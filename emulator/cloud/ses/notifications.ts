import type { Ids } from '../../kernel/ids.ts'
import type { MailProvider } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { Webhooks } from '../mail/webhooks.ts'

export interface NotificationSettings {
  /** A queue's name. */
  readonly queue?: string | undefined
  readonly url?: string | undefined
  /** Milliseconds (a delay) by which a notification may be late; they then come out of order. */
  readonly delay?: number | undefined
}

export interface NotificationDeps {
  readonly mail: MailProvider
  readonly webhooks: Webhooks
  readonly ids: Ids
  readonly account: string
  readonly region: string
  readonly settings: NotificationSettings
  /** Sends a message to a queue in the caller's transaction. */
  readonly publish: (queue: string, body: string) => void
}

/** Publishes what became of SES's mails, in SES's JSON, as SNS does with raw message delivery. */
export function publishNotifications({
  mail,
  webhooks,
  ids,
  account,
  region,
  settings,
  publish,
}: NotificationDeps): void {
  const { queue, url, delay = 0 } = settings
  webhooks.sign('ses', () => ({ 'x-amz-sns-message-type': 'Notification', 'x-amz-sns-rawdelivery': 'true' }))
  mail.listen('ses', {
    deliveries: queue !== undefined || url !== undefined,
    // By identity, so that the same run has the same disorder.
    delay: ({ id }) => (delay * parseInt(ids.stable(8, 'ses-notification', id), 16)) / 0xffffffff,
    receive(report) {
      const body = JSON.stringify(notificationOf(report, { account, region }))
      if (queue !== undefined) publish(queue, body)
      // SNS says text/plain, also where it is JSON.
      if (url !== undefined) webhooks.add({ provider: 'ses', url, body, contentType: 'text/plain; charset=UTF-8' })
    },
  })
}

const time = (at: number) => new Date(at).toISOString()

/** Source: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html */
function notificationOf(report: MailReport, { account, region }: { account: string; region: string }) {
  const mail = {
    timestamp: time(report.sentAt),
    source: report.from,
    sourceArn: `arn:aws:ses:${region}:${account}:identity/${report.from.slice(report.from.lastIndexOf('@') + 1)}`,
    sendingAccountId: account,
    messageId: report.messageId,
    destination: report.to,
  }
  switch (report.kind) {
    case 'bounce': {
      const { type, subType, status, diagnostic, reportingMta } = report.bounce
      const bouncedRecipients = report.recipients.map((emailAddress) => ({
        emailAddress,
        // An automatic answer carries no delivery status.
        ...(status === '' ? {} : { action: 'failed', status, diagnosticCode: diagnostic }),
      }))
      return {
        notificationType: 'Bounce',
        bounce: {
          feedbackId: report.id,
          bounceType: type,
          bounceSubType: subType,
          bouncedRecipients,
          timestamp: time(report.at),
          ...(diagnostic.startsWith('smtp;') ? { remoteMtaIp: '127.0.0.1' } : {}),
          ...(reportingMta === '' ? {} : { reportingMTA: reportingMta }),
        },
        mail,
      }
    }
    case 'complaint':
      return {
        notificationType: 'Complaint',
        complaint: {
          feedbackId: report.id,
          complaintSubType: null,
          complainedRecipients: report.recipients.map((emailAddress) => ({ emailAddress })),
          timestamp: time(report.at),
          userAgent: 'Amazon SES Mailbox Simulator',
          complaintFeedbackType: 'abuse',
          arrivalDate: time(report.at),
        },
        mail,
      }
    case 'delivery':
      return {
        notificationType: 'Delivery',
        delivery: {
          timestamp: time(report.at),
          processingTimeMillis: report.at - report.sentAt,
          recipients: report.recipients,
          smtpResponse: report.response,
          reportingMTA: 'a8-70.smtp-out.amazonses.com',
          remoteMtaIp: '127.0.0.1',
        },
        mail,
      }
  }
}
