import { EmulatorError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailFeedback, MailPort, MailResult, OutgoingMail } from '../../worker/ports.ts'
import { identifierHeader, scanHeaders } from '../inbox/headers.ts'
import { checkAddress, parseMailbox, type Mailbox } from './address.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import { createPacer } from './allowance.ts'
import { bounceOfDelay, bounceOfReply, isHardBounce } from './bounce.ts'
import { deliveryOfReply, verdictOfFate } from './fate.ts'
import { jobTag } from './job-tag.ts'
import { composeMime } from './mime.ts'
import { contentHash } from './raw-message.ts'
import { createReports, type ReportedMail, type ReportListener } from './reports.ts'
import {
  feedbackOf,
  isSimulator,
  reportedAfterMs,
  suppressed,
  verdictOf,
  type Consequence,
  type Verdict,
} from './simulator.ts'
import { createSpool, expiresAfter, splitDelivery, type Settled } from './spool.ts'
import { createStatistics, type Statistics } from './statistics.ts'
import { createSuppression, type Suppression, type SuppressionReason } from './suppression.ts'
import type { Delivery, MailTransport } from './transport.ts'

export type ProviderName = 'ses' | 'sendgrid' | 'mailgun' | 'mailchannels' | 'cloudflare'

/** A message that a caller outside hands over, checked by its face: addresses, sizes, rate and quota. */
export interface OutsideMail extends Omit<ReportedMail, 'to' | 'sentAt'> {
  /** Bare addresses as `checkAddress` gives them: To, Cc and Bcc, each once. */
  readonly recipients: readonly string[]
  /** The whole message as it goes over SMTP, without Bcc. */
  readonly raw: Buffer
  /** Writes what belongs to the acceptance, in its transaction. */
  readonly alongside?: () => void
}

/** `suppressed`: held back; `bounced`: the address does not take mail; `queued`: its server is to be tried again. */
export type Fate = 'delivered' | 'queued' | 'bounced' | 'suppressed'

export interface AcceptedMail {
  /** One for each recipient, in order. */
  readonly recipients: readonly { readonly address: string; readonly fate: Fate }[]
}

/** A message from outside as its header names it. */
export interface AcceptedMessage {
  /** The Message-ID, without angle brackets. */
  readonly messageId: string
  readonly addresses: readonly string[]
  /** Those of `X-Tags`. */
  readonly tags: readonly string[]
}

/** What stands before SMTP, whichever provider's protocol was spoken. */
export interface MailProvider extends MailPort {
  /**
   * Delivers a message from outside and schedules the reports about it; durable when it resolves. Whatever a mail server
   * says, the message is accepted: what is refused comes back as a bounce, what is put off is tried again for 14 hours.
   */
  accept(mail: OutsideMail): Promise<AcceptedMail>
  readonly suppression: Suppression
  readonly statistics: Statistics
  /** Who is told what became of a provider's mails; one listener each. */
  listen(provider: ProviderName, listener: ReportListener): void
  /** Begins with what is due: reports and mails that are to be tried again. */
  start(): void
  /** Lets those that wait for the worker's rate go without sending (untried), so that a worker can stop at once. */
  endWaits(): void
  /** Ends the waits, and what is due later. */
  stop(): Promise<void>
  /** Forgets what is under way, the statistics and the suppression list. */
  reset(): void
}

export interface MailProviderOptions {
  readonly transport: MailTransport
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly journal: Journal
  /** `Name <address>`: who the worker's mails are from, in the header and on the envelope. */
  readonly from: string
  /** Asks where the mails arrive whether one with this Message-ID is there. */
  readonly find: MailPort['find']
  /** What is to go wrong with mails from outside; what is to go wrong with the worker's comes with them. */
  readonly faults?: Faults | undefined
  /** Mails a second that our own worker may send; without it, as many as it can. */
  readonly workerRate?: number | undefined
  /** Called with each message from outside before it is delivered, and whatever becomes of it. */
  readonly onAccepted?: ((mail: AcceptedMessage) => void) | undefined
  readonly onError: (error: unknown) => void
}

/** The sender from the configuration; an error that names the setting where it is no address. */
export function parseSender(from: string): Mailbox {
  const { name, address } = parseMailbox(from)
  const checked = checkAddress(address)
  if ('error' in checked) {
    throw new EmulatorError(
      'mail-from-invalid',
      `mail_from is ${JSON.stringify(from)}: write an address, or "Name <address>"`,
    )
  }
  return { name, address: checked.address }
}

const asResult = (delivery: Delivery): MailResult =>
  delivery.outcome === 'accepted' ? { outcome: 'accepted' } : delivery

const stopping: MailResult = { outcome: 'untried' }

/**
 * The order of its decisions, for our own worker (`send`) and for callers outside (`accept`): is the address acceptable,
 * is it suppressed, may it go now (rate and quota; outside, the face has asked its allowance), what becomes of it, delivery.
 */
export function createMailProvider(options: MailProviderOptions): MailProvider {
  const { transport, store, clock, ids, journal, from, find, faults, workerRate = Infinity, onError } = options
  const sender = parseSender(from)
  const suppression = createSuppression({ store, clock })
  const statistics = createStatistics({ store, clock })
  const reports = createReports({ store, clock, ids, journal, statistics, suppression, onError })
  const pacer = createPacer({ clock, perSecond: workerRate })

  const settled = ({ mail, recipients, result, reply }: Settled, afterMs = 0) => {
    const consequence: Consequence =
      result === 'delivered'
        ? { kind: 'delivery', response: reply }
        : { kind: 'bounce', bounce: result === 'refused' ? bounceOfReply(reply) : bounceOfDelay(reply) }
    reports.schedule(mail, consequence, recipients, afterMs)
  }
  const spool = createSpool({ store, clock, transport, settled, onError })

  const compose = (mail: OutgoingMail, address: string) =>
    composeMime({
      from: sender,
      to: { name: mail.to.name, address },
      subject: mail.subject,
      messageId: mail.messageId,
      date: clock.now(),
      headers: { 'X-Tags': jobTag(mail.job) },
      text: mail.text,
      html: mail.html,
      ...(mail.attachments && { attachments: mail.attachments }),
    })

  const accepted = (feedback: MailFeedback | undefined): MailResult => ({
    outcome: 'accepted',
    ...(feedback === undefined ? {} : { feedback }),
  })

  const suppress = async (address: string, reason: SuppressionReason, messageId: string) => {
    if (!suppression.reasons().includes(reason) || isSimulator(address)) return
    await store.write(() => suppression.put({ address, reason, messageId }))
  }

  const send = async (mail: OutgoingMail): Promise<MailResult> => {
    const checked = checkAddress(mail.to.address)
    if ('error' in checked) {
      return { outcome: 'rejected', error: `${checked.error}: ${JSON.stringify(mail.to.address)}` }
    }
    const { address } = checked
    if (workerRate !== Infinity && !(await pacer.turn(mail.signal))) return stopping
    if (suppression.holds(address)) {
      return accepted(feedbackOf([{ kind: 'bounce', bounce: suppressed('OnAccountSuppressionList') }]))
    }
    const { delivered, consequences } = mail.fate === undefined ? verdictOf(address) : verdictOfFate(mail.fate)
    const feedback = feedbackOf(consequences)
    if (mail.fate === 'hard' || mail.fate === 'complaint') {
      await suppress(address, mail.fate === 'hard' ? 'BOUNCE' : 'COMPLAINT', mail.messageId)
    }
    if (!delivered) return accepted(feedback)
    const delivery =
      mail.reply === undefined
        ? await transport.deliver({ from: sender.address, to: [address] }, compose(mail, address))
        : deliveryOfReply(mail.reply)
    const result = asResult(delivery)
    if (result.outcome === 'accepted') return accepted(feedback)
    if (result.outcome === 'rejected' && isHardBounce(bounceOfReply(result.error)) && !isSimulator(address)) {
      await suppress(address, 'BOUNCE', mail.messageId)
    }
    return result
  }

  /** An address decides by itself what becomes of a mail to it, or a fault rule does, or its server. */
  const outsideVerdict = (address: string): Verdict => {
    const effect = faults?.strike('mail.accept', { addresses: [address], identity: address.toLowerCase() })?.effect
    if (effect?.kind === 'complaint') return verdictOfFate('complaint')
    return effect?.kind === 'bounce' ? verdictOfFate(effect.bounce) : verdictOf(address)
  }

  const accept = async ({ recipients, raw, alongside, ...message }: OutsideMail): Promise<AcceptedMail> => {
    const mail: ReportedMail = { ...message, to: recipients, sentAt: clock.now() }
    options.onAccepted?.(acceptedMessage(recipients, raw))
    const held = recipients.filter((address) => suppression.holds(address))
    const verdicts = new Map(recipients.map((address) => [address, outsideVerdict(address)]))
    const verdict = (address: string) => verdicts.get(address) ?? verdictOf(address)
    const simulated = recipients.filter((address) => !held.includes(address) && verdict(address).consequences.length)
    const out = recipients.filter((address) => !held.includes(address) && verdict(address).delivered)
    const delivery: Delivery =
      out.length === 0
        ? { outcome: 'accepted', response: '' }
        : await transport.deliver({ from: mail.from, to: out }, raw)
    const { delivered, refused, deferred } = splitDelivery(delivery, out)
    const queued = [...deferred.values()].flat()

    await store.write(() => {
      journal.record({
        type: 'mail.submitted',
        provider: mail.provider,
        messageId: mail.messageId,
        addresses: recipients.map((address) => ids.stable(16, 'address', address)),
        content: ids.stable(16, 'content', contentHash(raw)),
        suppressed: held.length,
        queued: queued.length,
      })
      statistics.count(mail.provider, 'attempts', recipients.length)
      reports.schedule(mail, { kind: 'bounce', bounce: suppressed('OnAccountSuppressionList') }, held, reportedAfterMs)
      for (const { consequence, addresses, afterMs } of consequencesOf(simulated, verdict)) {
        reports.schedule(mail, consequence, addresses, afterMs)
      }
      const ordinary = delivered.filter((address) => !simulated.includes(address))
      const reply = delivery.outcome === 'accepted' ? delivery.response : ''
      settled({ mail, recipients: ordinary, result: 'delivered', reply }, reportedAfterMs)
      for (const [said, addresses] of refused) {
        settled({ mail, recipients: addresses, result: 'refused', reply: said }, reportedAfterMs)
      }
      const expiresAt = Math.ceil(clock.deadline(expiresAfter))
      for (const [reply, addresses] of deferred) {
        reports.schedule(mail, { kind: 'delay', reply, expiresAt }, addresses, reportedAfterMs)
      }
      spool.add(mail, queued, raw)
      alongside?.()
    })

    const refusals = [...refused.values()].flat()
    const fateOf = (address: string): Fate =>
      held.includes(address)
        ? 'suppressed'
        : queued.includes(address)
          ? 'queued'
          : refusals.includes(address) || !delivered.includes(address)
            ? 'bounced'
            : 'delivered'
    return { recipients: recipients.map((address) => ({ address, fate: fateOf(address) })) }
  }

  return {
    send,
    find,
    accept,
    suppression,
    statistics,
    listen: reports.listen,
    start() {
      reports.start()
      spool.start()
    },
    endWaits: pacer.close,
    async stop() {
      pacer.close()
      await Promise.all([reports.stop(), spool.stop()])
    },
    reset() {
      store.tx(() => {
        reports.reset()
        spool.reset()
        statistics.reset()
        suppression.reset()
      })
    },
  }
}

function acceptedMessage(addresses: readonly string[], raw: Buffer): AcceptedMessage {
  const headers = scanHeaders(raw)
  const tags = (headers.get('x-tags') ?? []).flatMap((value) => value.split(',')).map((tag) => tag.trim())
  return { messageId: identifierHeader(headers, 'message-id'), addresses, tags }
}

/** The simulator's consequences, one for all recipients that share it. */
function consequencesOf(addresses: readonly string[], verdict: (address: string) => Verdict) {
  const shared = new Map<string, { consequence: Consequence; addresses: string[]; afterMs: number }>()
  for (const address of addresses) {
    verdict(address).consequences.forEach((consequence, index) => {
      const key = `${index} ${JSON.stringify(consequence)}`
      const known = shared.get(key)
      if (known === undefined) {
        shared.set(key, { consequence, addresses: [address], afterMs: (index + 1) * reportedAfterMs })
      } else known.addresses.push(address)
    })
  }
  return shared.values()
}
