import type { MailFeedback } from '../../worker/ports.ts'
import { describeBounce, type Bounce } from './bounce.ts'

/** What becomes of a message after it was accepted. */
export type Consequence =
  | { readonly kind: 'delivery'; readonly response: string }
  | { readonly kind: 'bounce'; readonly bounce: Bounce }
  | { readonly kind: 'complaint' }
  /** Put off, and tried again until `expiresAt` (epoch milliseconds); `reply` is what the server said. */
  | { readonly kind: 'delay'; readonly reply: string; readonly expiresAt: number }

/** What SES does with a message to one address. */
export interface Verdict {
  /** Whether it goes out over SMTP: what bounces does not. */
  readonly delivered: boolean
  /** In the order in which they happen; empty for an ordinary address, of which only its server can tell. */
  readonly consequences: readonly Consequence[]
}

/** How long after acceptance the first consequence is reported, and each further one after it. */
export const reportedAfterMs = 500

const received: Consequence = { kind: 'delivery', response: '250 2.6.0 Message received' }

/** Held back because the address is on a suppression list: the account's own, or one that SES keeps for everybody. */
export const suppressed = (subType: 'OnAccountSuppressionList' | 'Suppressed'): Bounce => ({
  type: 'Permanent',
  subType,
  status: '5.1.1',
  diagnostic:
    subType === 'Suppressed'
      ? 'Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.'
      : 'Amazon SES did not send the message to this address because it is on the suppression list for your account.',
  reportingMta: 'dns; amazonses.com',
})

/**
 * The mailbox simulator's addresses, `name+label@simulator.amazonses.com`.
 * Source: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
 */
const mailboxes: Readonly<Record<string, Verdict>> = {
  success: { delivered: true, consequences: [received] },
  bounce: {
    delivered: false,
    consequences: [
      {
        kind: 'bounce',
        bounce: {
          type: 'Permanent',
          subType: 'General',
          status: '5.1.1',
          diagnostic: 'smtp; 550 5.1.1 user unknown',
          reportingMta: 'dns; a8-50.smtp-out.amazonses.com',
        },
      },
    ],
  },
  // Accepted by the remote server; the out-of-office answer that follows is seen as a transient bounce.
  ooto: {
    delivered: true,
    consequences: [
      received,
      {
        kind: 'bounce',
        bounce: { type: 'Transient', subType: 'General', status: '', diagnostic: '', reportingMta: '' },
      },
    ],
  },
  complaint: { delivered: true, consequences: [received, { kind: 'complaint' }] },
  suppressionlist: { delivered: false, consequences: [{ kind: 'bounce', bounce: suppressed('Suppressed') }] },
}

const ordinary: Verdict = { delivered: true, consequences: [] }

const simulated = /^([a-z]+)(?:\+[^@]*)?@simulator\.amazonses\.com$/i

/** Whether mail to it counts against the rate but not against the daily quota, and never reaches a suppression list. */
export const isSimulator = (address: string): boolean => /@simulator\.amazonses\.com$/i.test(address)

export function verdictOf(address: string): Verdict {
  const mailbox = simulated.exec(address)?.[1]?.toLowerCase() ?? ''
  return (Object.hasOwn(mailboxes, mailbox) ? mailboxes[mailbox] : undefined) ?? ordinary
}

/** What our own worker is told later: one thing, the worst. */
export function feedbackOf(consequences: readonly Consequence[]): MailFeedback | undefined {
  const delivery = consequences.find(({ kind }) => kind === 'delivery')
  const last = consequences.at(-1)
  const afterMs = reportedAfterMs
  if (last === undefined) return undefined
  switch (last.kind) {
    case 'delivery':
      return { kind: 'delivery', detail: last.response, afterMs }
    case 'complaint':
      return { kind: 'complaint', detail: 'abuse', afterMs }
    case 'delay':
      return undefined
    case 'bounce':
      // An automatic answer to what was delivered is no failure of the recipient's mail.
      return delivery?.kind === 'delivery'
        ? {
            kind: 'delivery',
            detail: `${delivery.response}; then an automatic answer (${last.bounce.type}/${last.bounce.subType})`,
            afterMs,
          }
        : { kind: 'bounce', detail: describeBounce(last.bounce), afterMs }
  }
}
