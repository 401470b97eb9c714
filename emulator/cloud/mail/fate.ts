import type { MailFate } from '../../worker/ports.ts'
import type { Bounce } from './bounce.ts'
import type { Consequence, Verdict } from './simulator.ts'
import type { Delivery } from './transport.ts'

const reportingMta = 'dns; amazonses.com'

const hard: Bounce = {
  type: 'Permanent',
  subType: 'General',
  status: '5.1.1',
  diagnostic: 'smtp; 550 5.1.1 user unknown',
  reportingMta,
}

const soft: Bounce = {
  type: 'Transient',
  subType: 'MailboxFull',
  status: '4.2.2',
  diagnostic: 'smtp; 452 4.2.2 mailbox full',
  reportingMta,
}

const received: Consequence = { kind: 'delivery', response: '250 2.6.0 Message received' }

const bounces = { hard, soft }

/** What a decided fate means, in the terms in which the simulator's addresses are. */
export function verdictOfFate(fate: MailFate): Verdict {
  if (fate === 'complaint') return { delivered: true, consequences: [received, { kind: 'complaint' }] }
  return { delivered: false, consequences: [{ kind: 'bounce', bounce: bounces[fate] }] }
}

/** What a server's answer means that nobody had to ask for. */
export const deliveryOfReply = (reply: string): Delivery =>
  reply.startsWith('5')
    ? { outcome: 'rejected', error: reply }
    : { outcome: 'deferred', error: reply, ambiguous: false }
