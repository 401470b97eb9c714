import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailchannelsEvents, MailchannelsSigner } from './mailchannels-events.ts'
import { readMailchannelsRequest } from './mailchannels-request.ts'
import type { Submission } from './model.ts'
import type { ProviderMessage } from './outgoing.ts'
import type { RateWindow } from './rate-window.ts'
import type { Senders } from './senders.ts'

export interface MailchannelsAnswer {
  readonly request_id: string
  /** One a personalization; `reason` where it was not sent. */
  readonly results: readonly {
    readonly index: number
    readonly message_id: string
    readonly status: 'sent' | 'failed'
    readonly reason: string
  }[]
}

/** MailChannels' mail service. Throws a `ProviderError`. */
export interface Mailchannels {
  send(body: unknown): Promise<MailchannelsAnswer>
  /** What the provider says to a request, without sending or counting it. */
  check(body: unknown): readonly ProviderMessage[]
  /** With which webhooks are verified: base64 of DER; undefined where there is no key of this id. */
  publicKey(id: string): string | undefined
}

export function createMailchannels({
  store,
  ids,
  rate,
  submission,
  events,
  senders,
  signer,
}: {
  store: Store
  ids: Ids
  rate: RateWindow
  submission: Submission
  events: MailchannelsEvents
  senders: Senders
  signer: Pick<MailchannelsSigner, 'keyId' | 'publicKey'>
}): Mailchannels {
  const check: Mailchannels['check'] = (body) => {
    const messages = readMailchannelsRequest(body)
    for (const { from } of messages) senders.check(from.address)
    return messages
  }
  return {
    check,
    publicKey: (id) => (id === signer.keyId ? signer.publicKey : undefined),
    async send(body) {
      rate.take()
      const messages = check(body)
      const requestId = ids.next('mailchannels-request')
      const results = await Promise.all(
        messages.map(async (message, index) => {
          const domain = message.from.address.slice(message.from.address.lastIndexOf('@') + 1)
          const message_id = `${ids.next('mailchannels')}@${domain}`
          const { recipients } = await submission.submit(message, {
            messageId: message_id,
            header: message_id,
            context: { requestId },
          })
          const told = { from: message.from.address, messageId: message_id, requestId }
          await store.write(() => events.accepted(told, recipients))
          const held = recipients.every(({ fate }) => fate === 'suppressed')
          return held
            ? { index, message_id, status: 'failed' as const, reason: 'all recipients are on the suppression list' }
            : { index, message_id, status: 'sent' as const, reason: '' }
        }),
      )
      return { request_id: requestId, results }
    },
  }
}
