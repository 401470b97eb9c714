import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { AcceptedMail } from '../mail/provider.ts'
import type { MailReport } from '../mail/reports.ts'
import type { EventBatches } from './event-batches.ts'

/** What MailChannels' events repeat of the request. */
export interface MailchannelsContext {
  readonly requestId: string
}

/** A message as events tell of it. */
interface Told extends MailchannelsContext {
  readonly from: string
  readonly messageId: string
}

/**
 * MailChannels' webhooks: batches of events, signed in the headers (RFC 9421).
 * Source: https://docs.mailchannels.com/email-api/webhooks, https://docs.mailchannels.com/email-api/webhook-schema
 */
export interface MailchannelsEvents {
  /** In a transaction. */
  accepted(mail: Told, recipients: AcceptedMail['recipients']): void
  /** In a transaction. */
  reported(report: MailReport): void
}

type Occurrence = Readonly<Record<string, Json>> & { readonly event: string }

/** The account, as `customer_handle` names it. */
const account = 'offload'

export function createMailchannelsEvents({
  batches,
  clock,
}: {
  batches: Pick<EventBatches, 'add'> | undefined
  clock: Clock
}): MailchannelsEvents {
  const add = ({ from, messageId, requestId }: Told, recipients: readonly string[], what: Occurrence, at: number) =>
    batches?.add(
      {
        email: from,
        customer_handle: account,
        timestamp: Math.floor(at / 1000),
        request_id: requestId,
        smtp_id: `<${messageId}>`,
        recipients: [...recipients],
        ...what,
      },
      at,
    )
  return {
    accepted(mail, recipients) {
      const now = clock.now()
      for (const { address, fate } of recipients) {
        const what: Occurrence = fate === 'suppressed' ? dropped : { event: 'processed' }
        add(mail, [address], what, now)
      }
    },
    reported(report) {
      const what = occurrenceOf(report)
      const { requestId = '' } = (report.context ?? {}) as Partial<MailchannelsContext>
      if (what !== undefined) add({ ...report, requestId }, report.recipients, what, report.at)
    },
  }
}

const dropped: Occurrence = { event: 'dropped', status: '550', reason: 'the recipient is on the suppression list' }

function occurrenceOf(report: MailReport): Occurrence | undefined {
  switch (report.kind) {
    case 'delivery':
      return { event: 'delivered' }
    case 'complaint':
      return { event: 'complained' }
    case 'bounce': {
      const { type, subType, diagnostic } = report.bounce
      // It was told as `dropped` when it was taken.
      if (subType === 'OnAccountSuppressionList') return undefined
      const reason = diagnostic.replace(/^smtp; /, '')
      const [status = type === 'Permanent' ? '550' : '450'] = /^\d{3}/.exec(reason) ?? []
      return { event: type === 'Permanent' ? 'hard-bounced' : 'soft-bounced', status, reason }
    }
    case 'delay': {
      const [status = '450'] = /^4\d\d/.exec(report.reply) ?? []
      return { event: 'soft-bounced', status, reason: report.reply }
    }
  }
}

export interface MailchannelsSigner {
  /** As `GET /tx/v1/webhook/public-key` answers it: base64 of the DER of the public key. */
  readonly publicKey: string
  readonly keyId: string
  /** The headers for one attempt. */
  sign(body: string): Readonly<Record<string, string>>
}

/** The key pair belongs to the installation: the same after each start, and nowhere on disk. */
export function createMailchannelsSigner({ clock, ids }: { clock: Clock; ids: Ids }): MailchannelsSigner {
  const d = Buffer.from(ids.stable(64, 'mailchannels-webhook-key'), 'hex').toString('base64url')
  // As JWK, whose public part Node works out itself: reading DER fails where an operation before it, of whomever, has left
  // an error in OpenSSL's queue.
  const privateKey = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x: '' } })
  const keyId = 'mckey'
  return {
    publicKey: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).toString('base64'),
    keyId,
    sign(body) {
      const created = Math.floor(clock.now() / 1000)
      const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
      const parameters = `("content-digest");created=${created};alg="ed25519";keyid="${keyId}"`
      const signed = `"content-digest": ${digest}\n"@signature-params": ${parameters}`
      return {
        'Content-Digest': digest,
        'Signature-Input': `sig_${created}=${parameters}`,
        Signature: `sig_${created}=:${sign(null, Buffer.from(signed), privateKey).toString('base64')}:`,
      }
    },
  }
}
