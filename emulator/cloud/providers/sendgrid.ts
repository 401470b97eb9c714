import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { Submission } from './model.ts'
import type { RateState, RateWindow } from './rate-window.ts'
import { smtpHost, type SendgridEvents } from './sendgrid-events.ts'
import { readSendgridRequest, type SendgridRequest } from './sendgrid-request.ts'
import type { SendgridTemplates } from './sendgrid-templates.ts'
import type { Senders } from './senders.ts'

export interface SendgridAnswer {
  /** `X-Message-Id`; the messages of several personalizations share it. */
  readonly messageId: string
  readonly sandbox: boolean
  readonly rate: RateState | undefined
}

/** SendGrid's mail service. Throws a `ProviderError`. */
export interface Sendgrid {
  /** `body` is the request's JSON. */
  send(body: unknown): Promise<SendgridAnswer>
  /** What the provider says to a request, without sending or counting it. */
  check(body: unknown): SendgridRequest
  readonly templates: SendgridTemplates
}

export function createSendgrid({
  store,
  clock,
  ids,
  rate,
  submission,
  events,
  senders,
  templates,
}: {
  store: Store
  clock: Clock
  ids: Ids
  rate: RateWindow
  submission: Submission
  events: SendgridEvents
  senders: Senders
  templates: SendgridTemplates
}): Sendgrid {
  const check: Sendgrid['check'] = (body) => {
    const read = readSendgridRequest(body, clock.now(), templates.render)
    for (const { message } of read.messages) senders.check(message.from.address)
    return read
  }
  return {
    check,
    templates,
    async send(body) {
      const state = rate.take()
      const { messages, sandbox } = check(body)
      const messageId = Buffer.from(ids.next('sendgrid').replaceAll('-', ''), 'hex').toString('base64url')
      if (!sandbox) {
        await Promise.all(
          messages.map(async ({ message, categories, customArgs }, index) => {
            const context = { categories: [...categories], customArgs: { ...customArgs } }
            const header = `${messageId}${messages.length === 1 ? '' : `.${index}`}@${smtpHost}`
            const { recipients } = await submission.submit(message, { messageId, header, context })
            await store.write(() => events.accepted(messageId, recipients, context))
          }),
        )
      }
      return { messageId, sandbox, rate: state }
    },
  }
}
