import type { MailFeedback } from '../../worker/ports.ts'

/** What SES does with a message to one address. */
export interface Verdict {
  /** Whether it goes out over SMTP: what bounces does not. */
  readonly delivered: boolean
  readonly feedback?: MailFeedback
}

const afterMs = 500

/**
 * The mailbox simulator's addresses, `name+label@simulator.amazonses.com`.
 * Source: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
 */
const mailboxes: Readonly<Record<string, Verdict>> = {
  success: { delivered: true, feedback: { kind: 'delivery', detail: '250 2.6.0 Message received', afterMs } },
  bounce: {
    delivered: false,
    feedback: { kind: 'bounce', detail: 'Permanent/General 5.1.1 smtp; 550 5.1.1 user unknown', afterMs },
  },
  // Accepted by the remote server; the out-of-office answer that follows is seen as a transient bounce.
  ooto: {
    delivered: true,
    feedback: {
      kind: 'delivery',
      detail: '250 2.6.0 Message received; then an automatic answer (Transient/General)',
      afterMs,
    },
  },
  complaint: { delivered: true, feedback: { kind: 'complaint', detail: 'abuse', afterMs } },
  suppressionlist: {
    delivered: false,
    feedback: {
      kind: 'bounce',
      detail:
        'Permanent/Suppressed 5.1.1 Amazon SES has suppressed sending to this address because it has a recent history of bouncing',
      afterMs,
    },
  },
}

const ordinary: Verdict = { delivered: true }

export function verdictOf(address: string): Verdict {
  const [, mailbox = ''] = /^([a-z]+)(?:\+[^@]*)?@simulator\.amazonses\.com$/i.exec(address) ?? []
  return mailboxes[mailbox.toLowerCase()] ?? ordinary
}
