import type { Json } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import { composeMime } from '../mail/mime.ts'
import type { AcceptedMail, MailProvider, ProviderName } from '../mail/provider.ts'
import { recipientsOf, type ProviderMessage } from './outgoing.ts'

/** Hands a provider's checked messages to the one model that all providers share. */
export interface Submission {
  /** `messageId` is the provider's own id; `header` the Message-ID, without angle brackets. */
  submit(
    message: ProviderMessage,
    about: { readonly messageId: string; readonly header: string; readonly context: Json },
  ): Promise<AcceptedMail>
}

export function createSubmission({
  provider,
  mail,
  clock,
}: {
  provider: ProviderName
  mail: Pick<MailProvider, 'accept'>
  clock: Clock
}): Submission {
  return {
    async submit(message, { messageId, header, context }) {
      const { given = header, others } = ownHeaders(message.headers)
      const raw = composeMime({
        from: message.from,
        to: message.to,
        cc: message.cc,
        replyTo: message.replyTo,
        subject: message.subject,
        messageId: given,
        date: clock.now(),
        headers: others,
        text: message.text,
        html: message.html,
        attachments: message.attachments.map((one) => ({ ...one, inline: one.contentId !== undefined })),
      })
      const everybody = recipientsOf(message)
      const from = message.from.address
      const fates: AcceptedMail['recipients'][number][] = []
      for (let at = 0; at < everybody.length; at += atOnce) {
        const recipients = everybody.slice(at, at + atOnce)
        fates.push(...(await mail.accept({ provider, messageId, from, recipients, raw, context })).recipients)
      }
      return { recipients: fates }
    },
  }
}

/** Recipients of one SMTP transaction: mail servers take 100. */
const atOnce = 50

/** A caller's own Message-ID is kept; what composing writes itself is not written twice. */
function ownHeaders(headers: ProviderMessage['headers']): {
  readonly given: string | undefined
  readonly others: Record<string, string>
} {
  let given: string | undefined
  const others: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase()
    if (key === 'message-id') given = /^\s*<?([!-;=?-~]{1,200}@[!-;=?-~]{1,200})>?\s*$/.exec(value)?.[1]
    else if (key !== 'date' && key !== 'mime-version') others[name] = value
  }
  return { given, others }
}
