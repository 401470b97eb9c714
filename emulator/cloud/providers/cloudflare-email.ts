import type { Ids } from '../../kernel/ids.ts'
import { readCloudflareEmail } from './cloudflare-email-request.ts'
import type { Submission } from './model.ts'
import type { ProviderMessage } from './outgoing.ts'
import type { RateWindow } from './rate-window.ts'
import type { Senders } from './senders.ts'

export interface CloudflareEmailAnswer {
  readonly delivered: readonly string[]
  readonly permanent_bounces: readonly string[]
  readonly queued: readonly string[]
  /** In angle brackets. */
  readonly message_id: string
}

/** Cloudflare Email Sending. Throws a `ProviderError`. */
export interface CloudflareEmail {
  send(body: unknown): Promise<CloudflareEmailAnswer>
  /** What the provider says to a request, without sending or counting it. */
  check(body: unknown): ProviderMessage
}

export function createCloudflareEmail({
  ids,
  rate,
  submission,
  senders,
}: {
  ids: Ids
  rate: RateWindow
  submission: Submission
  senders: Senders
}): CloudflareEmail {
  const check: CloudflareEmail['check'] = (body) => {
    const message = readCloudflareEmail(body)
    senders.check(message.from.address)
    return message
  }
  return {
    check,
    async send(body) {
      rate.take()
      const message = check(body)
      const domain = message.from.address.slice(message.from.address.lastIndexOf('@') + 1)
      const id = `${ids.next('cloudflare-email').replaceAll('-', '')}@${domain}`
      const { recipients } = await submission.submit(message, { messageId: id, header: id, context: {} })
      const having = (...fates: readonly string[]) =>
        recipients.filter(({ fate }) => fates.includes(fate)).map(({ address }) => address)
      return {
        delivered: having('delivered'),
        permanent_bounces: having('bounced', 'suppressed'),
        queued: having('queued'),
        message_id: `<${id}>`,
      }
    },
  }
}
