import { domainToASCII } from 'node:url'
import addressparser from 'nodemailer/lib/addressparser'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { MailPort, MailResult, OutgoingMail } from '../../worker/ports.ts'
import { jobTag } from './job-tag.ts'
import { composeMime } from './mime.ts'
import { verdictOf } from './simulator.ts'
import type { Delivery, MailTransport } from './transport.ts'

export interface MailProviderOptions {
  readonly transport: MailTransport
  readonly clock: Clock
  /** `Name <address>`: who the mails are from, in the header and on the envelope. */
  readonly from: string
  /** Asks where the mails arrive whether one with this Message-ID is there. */
  readonly find: MailPort['find']
}

const wellFormed = /^([\x21-\x7e]+)@([^\s@<>()[\]\\,;:"\u0000-\u0020\u007f]+)$/
const unsafeInLocalPart = /[<>()[\]\\,;:"@]/

/** The address as it goes on the wire, or why SES would not take it (its own words). */
function deliverableAddress(address: string): { readonly address: string } | { readonly error: string } {
  const at = address.lastIndexOf('@')
  if (at < 0) return { error: `Missing final '@domain': ${JSON.stringify(address)}` }
  if (at === 0) return { error: `Missing local name: ${JSON.stringify(address)}` }
  if (at === address.length - 1) return { error: `Missing domain: ${JSON.stringify(address)}` }
  const [, local = '', domain = ''] = wellFormed.exec(address) ?? []
  const ascii = domain === '' ? '' : domainToASCII(domain)
  if (ascii === '' || unsafeInLocalPart.test(local) || local.length > 64 || ascii.length > 253) {
    return {
      error: `Local or domain part contains control, whitespace or non-ASCII characters: ${JSON.stringify(address)}`,
    }
  }
  return { address: `${local}@${ascii}` }
}

/** The sender from the configuration; an error that names the setting where it is no address. */
export function parseSender(from: string): { readonly name: string; readonly address: string } {
  const [parsed] = addressparser(from, { flatten: true })
  const checked = deliverableAddress(parsed?.address ?? '')
  if (parsed === undefined || 'error' in checked) {
    throw new EmulatorError(
      'mail-from-invalid',
      `mail_from is ${JSON.stringify(from)}: write an address, or "Name <address>"`,
    )
  }
  return { name: parsed.name ?? '', address: checked.address }
}

const asResult = (delivery: Delivery): MailResult =>
  delivery.outcome === 'accepted' ? { outcome: 'accepted' } : delivery

/**
 * Stands before SMTP as a provider does; SES for now. `send` is the order of its decisions: is the address acceptable,
 * (rate and quota: here, once there are any), what becomes of it, delivery.
 */
export function createMailProvider({ transport, clock, from, find }: MailProviderOptions): MailPort {
  const sender = parseSender(from)

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

  return {
    async send(mail) {
      const checked = deliverableAddress(mail.to.address)
      if ('error' in checked) return { outcome: 'rejected', error: checked.error }
      const { delivered, feedback } = verdictOf(checked.address)
      const result: MailResult = delivered
        ? asResult(
            await transport.deliver({ from: sender.address, to: [checked.address] }, compose(mail, checked.address)),
          )
        : { outcome: 'accepted' }
      return result.outcome === 'accepted' && feedback !== undefined ? { ...result, feedback } : result
    },
    find,
  }
}
