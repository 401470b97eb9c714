import type { Subject } from './decide.ts'
import type { OperationName } from './operations.ts'
import type { Delay, Effect, Rule } from './rule.ts'

const sends: readonly OperationName[] = [
  'worker.mail',
  'ses.SendEmail',
  'ses.SendRawEmail',
  'ses.SendTemplatedEmail',
  'sendgrid.send',
  'mailgun.send',
  'mailchannels.send',
  'cloudflare.send',
]

const threeSeconds: Delay = { kind: 'constant', ms: 3000 }

const rule = (label: string, at: readonly OperationName[], effect: Effect, times?: number): Rule => ({
  name: `+${label}`,
  at,
  when: { recipient: [`*+${label}@*`], ...(times === undefined ? {} : { times }) },
  effect,
})

/** Addresses that bring their own fault, `anybody+LABEL@any.domain`; rules like all others. */
export const magicRules: readonly Rule[] = [
  rule('bounce', ['worker.mail', 'mail.accept'], { kind: 'bounce', bounce: 'hard', told: 'after-sent' }),
  rule('softbounce', ['worker.mail'], { kind: 'bounce', bounce: 'soft', told: 'at-once' }),
  rule('softbounce', ['mail.accept'], { kind: 'bounce', bounce: 'soft', told: 'after-sent' }),
  rule('complaint', ['worker.mail', 'mail.accept'], { kind: 'complaint' }),
  rule('throttle', sends, { kind: 'throttle', retryAfterMs: 1000 }, 1),
  // The mail goes out, and its sender never hears so.
  rule('timeout', sends, { kind: 'answer-lost' }, 1),
  rule('slow', sends, { kind: 'delay', delay: threeSeconds }),
]

const label = /\+(?:bounce|softbounce|complaint|throttle|timeout|slow)@/i
// SES's own simulator has labels too, which mean nothing: bounce+throttle@simulator.amazonses.com.
const simulator = /@simulator\.amazonses\.com$/i

export const isMagic = (address: string): boolean => label.test(address) && !simulator.test(address)

/** Whether any of the subject's addresses brings a fault of its own. */
export const hasMagic = ({ addresses = [] }: Subject): boolean => addresses.some(isMagic)
