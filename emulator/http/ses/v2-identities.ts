import { z } from 'zod'
import { identityNotFound } from '../../cloud/ses/errors.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import { pageOf, readInput, readToken } from './input.ts'
import type { Route } from './route.ts'
import { nextToken, optional, page } from './v2-members.ts'

const wireType = { EmailAddress: 'EMAIL_ADDRESS', Domain: 'DOMAIN' } as const
const dkim = (token: string) => ({
  SigningEnabled: true,
  Status: 'SUCCESS',
  Tokens: [0, 1, 2].map((index) => `${index}${token.slice(0, 31)}`),
  SigningAttributesOrigin: 'AWS_SES',
})

function listIdentities(ses: Ses, given: unknown) {
  const { NextToken, PageSize } = readInput(z.object(page(1000, 1000)), given)
  const found = ses.identities.list({ after: readToken(NextToken), limit: PageSize + 1 })
  const { items, token } = pageOf(found, PageSize, ({ name }) => name)
  return {
    EmailIdentities: items.map(({ name, type }) => ({
      IdentityType: wireType[type],
      IdentityName: name,
      SendingEnabled: true,
      VerificationStatus: 'SUCCESS',
    })),
    ...nextToken(token),
  }
}

function mailFromAttributes(ses: Ses, name: string) {
  const found = ses.mailFroms.get(name)
  if (found === undefined) return {}
  return {
    MailFromAttributes: {
      MailFromDomain: found.domain,
      MailFromDomainStatus: found.status.toUpperCase(),
      BehaviorOnMxFailure: found.onMxFailure === 'RejectMessage' ? 'REJECT_MESSAGE' : 'USE_DEFAULT_VALUE',
    },
  }
}

/** Identities and their MAIL FROM domains, among SES v2's calls. */
export const identityRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/identities',
    answer({ ses, body }) {
      const { EmailIdentity } = readInput(z.object({ EmailIdentity: z.string() }), body)
      const { type, token } = ses.identities.create(EmailIdentity)
      return { IdentityType: wireType[type], VerifiedForSendingStatus: true, DkimAttributes: dkim(token) }
    },
  },
  { method: 'GET', path: '/identities', answer: ({ ses, query }) => listIdentities(ses, query) },
  // As SDKs of 2026 ask, with the same members in the body.
  { method: 'POST', path: '/list-identities', answer: ({ ses, body }) => listIdentities(ses, body) },
  {
    method: 'GET',
    path: '/identities/:name',
    answer({ ses, name }) {
      const { type, token } = ses.identities.get(name)
      return {
        IdentityType: wireType[type],
        FeedbackForwardingStatus: true,
        VerifiedForSendingStatus: true,
        VerificationStatus: 'SUCCESS',
        DkimAttributes: dkim(token),
        ...mailFromAttributes(ses, name),
        Policies: {},
        Tags: [],
      }
    },
  },
  {
    method: 'PUT',
    path: '/identities/:name/mail-from',
    answer({ ses, name, body }) {
      const schema = z.object({
        MailFromDomain: optional,
        BehaviorOnMxFailure: z.enum(['USE_DEFAULT_VALUE', 'REJECT_MESSAGE']).default('USE_DEFAULT_VALUE'),
      })
      const { MailFromDomain, BehaviorOnMxFailure } = readInput(schema, body)
      const onMxFailure = BehaviorOnMxFailure === 'REJECT_MESSAGE' ? 'RejectMessage' : 'UseDefaultValue'
      ses.mailFroms.set(name, MailFromDomain === '' ? undefined : MailFromDomain, onMxFailure)
      return {}
    },
  },
  {
    method: 'DELETE',
    path: '/identities/:name',
    answer({ ses, name }) {
      if (!ses.identities.remove(name)) throw identityNotFound(name)
      return {}
    },
  },
]
