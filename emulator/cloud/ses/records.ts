import type { MailReport } from '../mail/reports.ts'

/** What SES tells of a bounce, a complaint, a delivery or a delay, in its notifications and its events alike. */

type Of<Kind extends MailReport['kind']> = Extract<MailReport, { kind: Kind }>

const time = (at: number) => new Date(at).toISOString()

export interface MailRecord {
  readonly messageId: string
  readonly from: string
  readonly to: readonly string[]
  readonly sentAt: number
}

/** The object `mail`, without what only events have. */
export function mailRecord(mail: MailRecord, { account, region }: { account: string; region: string }) {
  return {
    timestamp: time(mail.sentAt),
    source: mail.from,
    sourceArn: `arn:aws:ses:${region}:${account}:identity/${mail.from.slice(mail.from.lastIndexOf('@') + 1)}`,
    sendingAccountId: account,
    messageId: mail.messageId,
    destination: mail.to,
  }
}

export function bounceRecord(report: Of<'bounce'>) {
  const { type, subType, status, diagnostic, reportingMta } = report.bounce
  return {
    feedbackId: report.id,
    bounceType: type,
    bounceSubType: subType,
    bouncedRecipients: report.recipients.map((emailAddress) => ({
      emailAddress,
      // An automatic answer carries no delivery status.
      ...(status === '' ? {} : { action: 'failed', status, diagnosticCode: diagnostic }),
    })),
    timestamp: time(report.at),
    ...(reportingMta === '' ? {} : { reportingMTA: reportingMta }),
  }
}

export const complaintRecord = (report: Of<'complaint'>) => ({
  feedbackId: report.id,
  complaintSubType: null,
  complainedRecipients: report.recipients.map((emailAddress) => ({ emailAddress })),
  timestamp: time(report.at),
  userAgent: 'Amazon SES Mailbox Simulator',
  complaintFeedbackType: 'abuse',
  arrivalDate: time(report.at),
})

export const deliveryRecord = (report: Of<'delivery'>) => ({
  timestamp: time(report.at),
  processingTimeMillis: report.at - report.sentAt,
  recipients: report.recipients,
  smtpResponse: report.response,
  reportingMTA: 'a8-70.smtp-out.amazonses.com',
})

/** Only events tell of delays. */
export function delayRecord(report: Of<'delay'>) {
  // The transport's own words where no server answered.
  const answered = /^4\d\d/.test(report.reply)
  const status = /^4\d\d[ -](4\.\d{1,3}\.\d{1,3})/.exec(report.reply)?.[1] ?? (answered ? '4.0.0' : '4.4.1')
  const diagnosticCode = `smtp; ${answered ? report.reply : '421 4.4.1 Unable to connect to remote host'}`
  return {
    timestamp: time(report.at),
    delayType: delayTypeOf(status),
    expirationTime: time(report.expiresAt),
    delayedRecipients: report.recipients.map((emailAddress) => ({ emailAddress, status, diagnosticCode })),
  }
}

function delayTypeOf(status: string): string {
  if (status === '4.2.2') return 'MailboxFull'
  if (status.startsWith('4.3.')) return 'RecipientServerError'
  if (status.startsWith('4.4.')) return 'TransientCommunicationFailure'
  return 'General'
}
