import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { MailgunEvents } from './mailgun-events.ts'
import { readMailgunRequest, type Form, type MailgunRequest } from './mailgun-request.ts'
import type { MailgunTemplates } from './mailgun-templates.ts'
import type { Submission } from './model.ts'
import type { RateWindow } from './rate-window.ts'
import { refuse } from './refusal.ts'
import type { Senders } from './senders.ts'

/** Mailgun's mail service. Throws a `ProviderError`. */
export interface Mailgun {
  /** Resolves with the id in angle brackets, as Mailgun answers it. */
  send(domain: string, form: Form): Promise<{ readonly id: string }>
  /** What the provider says to a request, without sending or counting it. */
  check(domain: string, form: Form): MailgunRequest
  /** Stored templates; throws `not-found` for a domain that may not send. */
  templatesOf(domain: string): MailgunTemplates
}

export function createMailgun({
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
  events: MailgunEvents
  senders: Senders
  templates: MailgunTemplates
}): Mailgun {
  const checkDomain = (domain: string) => {
    if (!senders.allows(domain) || !/^[A-Za-z0-9.-]{1,253}$/.test(domain)) {
      throw refuse('not-found', `Domain not found: ${domain.slice(0, 253)}`)
    }
  }
  const check: Mailgun['check'] = (domain, form) => {
    checkDomain(domain)
    return readMailgunRequest(form, (name, version, variables) => templates.render(domain, name, version, variables))
  }
  const newId = (domain: string) => {
    const time = new Date(clock.now()).toISOString().replace(/\D/g, '').slice(0, 14)
    return `${time}.${ids.next('mailgun').replaceAll('-', '').slice(0, 16)}@${domain}`
  }
  return {
    check,
    templatesOf(domain) {
      checkDomain(domain)
      return templates
    },
    async send(domain, form) {
      rate.take()
      const { messages, messageId, tags, variables, testMode } = check(domain, form)
      const id = messageId ?? newId(domain)
      const context = { domain, tags: [...tags], variables: { ...variables } }
      if (!testMode) {
        await Promise.all(
          messages.map(async (message) => {
            const { recipients } = await submission.submit(message, { messageId: id, header: id, context })
            await store.write(() => events.accepted(id, recipients, context))
          }),
        )
      }
      return { id: `<${id}>` }
    },
  }
}
