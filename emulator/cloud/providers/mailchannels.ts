import type { Ids } from '../../kernel/ids.ts'
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
}

export function createMailchannels({
  ids,
  rate,
  submission,
  senders,
}: {
  ids: Ids
  rate: RateWindow
  submission: Submission
  senders: Senders
}): Mailchannels {
  const check: Mailchannels['check'] = (body) => {
    const messages = readMailchannelsRequest(body)
    for (const { from } of messages) senders.check(from.address)
    return messages
  }
  return {
    check,
    async send(body) {
      rate.take()
      const messages = check(body)
      const results = await Promise.all(
        messages.map(async (message, index) => {
          const domain = message.from.address.slice(message.from.address.lastIndexOf('@') + 1)
          const message_id = `${ids.next('mailchannels')}@${domain}`
          const { recipients } = await submission.submit(message, {
            messageId: message_id,
            header: message_id,
            context: {},
          })
          const held = recipients.every(({ fate }) => fate === 'suppressed')
          return held
            ? { index, message_id, status: 'failed' as const, reason: 'all recipients are on the suppression list' }
            : { index, message_id, status: 'sent' as const, reason: '' }
        }),
      )
      return { request_id: ids.next('mailchannels-request'), results }
    },
  }
}
