import { z } from 'zod'
import { notSuppressed, identityNotFound, SesError, templateNotFound } from '../../cloud/ses/errors.ts'
import { readTemplateData, render } from '../../cloud/ses/rendering.ts'
import type { TemplateRef } from '../../cloud/ses/sending.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import { suppressionReasons, type Suppressed } from '../../cloud/mail/suppression.ts'
import { checkAddress } from '../../cloud/mail/address.ts'
import type { Route } from './route.ts'
import { pageOf, readBase64, readInput, readToken } from './input.ts'
import { configurationSetRoutes } from './v2-configuration-sets.ts'
import { bulkStatus } from './wire-errors.ts'

const megabyte = 1024 * 1024
const largest = 40 * megabyte

const addresses = z.array(z.string()).nullish()
const destination = z
  .object({ ToAddresses: addresses, CcAddresses: addresses, BccAddresses: addresses })
  .transform(({ ToAddresses, CcAddresses, BccAddresses }) => ({
    to: ToAddresses ?? [],
    cc: CcAddresses ?? [],
    bcc: BccAddresses ?? [],
  }))
const optional = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
const part = z.object({ Data: z.string() })
const optionalPart = part.nullish().transform((value) => value ?? undefined)
const pairs = z
  .array(
    z.object({ Name: z.string(), Value: z.string() }).transform(({ Name, Value }) => ({ name: Name, value: Value })),
  )
  .nullish()
  .transform((value) => value ?? [])
const attachments = z
  .array(
    z
      .object({
        RawContent: z.string(),
        FileName: z.string().min(1),
        ContentType: optional,
        ContentDisposition: z.enum(['ATTACHMENT', 'INLINE']).nullish(),
        ContentId: optional,
      })
      .transform((one) => ({
        filename: one.FileName,
        contentType: one.ContentType ?? 'application/octet-stream',
        content: readBase64(one.RawContent),
        inline: one.ContentDisposition === 'INLINE',
        contentId: one.ContentId,
      })),
  )
  .nullish()
  .transform((value) => value ?? [])

const templateContent = z
  .object({ Subject: optional, Text: optional, Html: optional })
  .transform(({ Subject, Text, Html }) => ({ subject: Subject, text: Text, html: Html }))
const template = z.object({
  TemplateName: optional,
  TemplateArn: optional,
  TemplateContent: templateContent.nullish(),
  TemplateData: optional,
  Headers: pairs,
  Attachments: attachments,
})

const common = {
  FromEmailAddress: optional,
  ReplyToAddresses: addresses,
  ConfigurationSetName: optional,
}
const sendEmail = z.object({
  ...common,
  Destination: destination.nullish().transform((value) => value ?? undefined),
  EmailTags: pairs,
  Content: z.object({
    Simple: z
      .object({
        Subject: part,
        Body: z.object({ Text: optionalPart, Html: optionalPart }),
        Headers: pairs,
        Attachments: attachments,
      })
      .nullish(),
    Raw: z.object({ Data: z.string() }).nullish(),
    Template: template.nullish(),
  }),
})
const sendBulkEmail = z.object({
  ...common,
  DefaultEmailTags: pairs,
  DefaultContent: z.object({ Template: template }),
  BulkEmailEntries: z.array(
    z.object({
      Destination: destination,
      ReplacementTags: pairs,
      ReplacementEmailContent: z
        .object({ ReplacementTemplate: z.object({ ReplacementTemplateData: optional }).nullish() })
        .nullish(),
    }),
  ),
})

const templateRef = ({ TemplateName, TemplateArn, TemplateContent }: z.output<typeof template>): TemplateRef => {
  if (TemplateContent !== undefined && TemplateContent !== null) return { content: TemplateContent }
  const name = TemplateName ?? TemplateArn?.split('/').at(-1)
  if (name === undefined) {
    throw new SesError('invalid-parameter', 'A template needs TemplateName, TemplateArn or TemplateContent.')
  }
  return { name }
}

const envelopeOf = (
  operation: string,
  input: {
    FromEmailAddress?: string | undefined
    ReplyToAddresses?: string[] | null | undefined
    ConfigurationSetName?: string | undefined
  },
) => ({
  operation,
  from: input.FromEmailAddress,
  replyTo: input.ReplyToAddresses ?? [],
  configurationSet: input.ConfigurationSetName,
  largest,
})

const page = (most: number, otherwise: number) => ({
  NextToken: z.string().optional(),
  PageSize: z.coerce
    .number()
    .int()
    .min(0)
    .max(most)
    .default(otherwise)
    .transform((size) => size || otherwise),
})

// Timestamps are seconds in JSON.
const seconds = (at: number) => at / 1000
const unlimited = (value: number) => (value === Infinity ? -1 : value)
const nextToken = (token: string | undefined) => (token === undefined ? {} : { NextToken: token })
const wireType = { EmailAddress: 'EMAIL_ADDRESS', Domain: 'DOMAIN' } as const
const dkim = (token: string) => ({
  SigningEnabled: true,
  Status: 'SUCCESS',
  Tokens: [0, 1, 2].map((index) => `${index}${token.slice(0, 31)}`),
  SigningAttributesOrigin: 'AWS_SES',
})

const suppressedAddress = (text: string): string => {
  const checked = checkAddress(text)
  if ('error' in checked) throw new SesError('invalid-parameter', checked.error)
  return checked.address
}
const summary = ({ address, reason, at }: Suppressed) => ({
  EmailAddress: address,
  Reason: reason,
  LastUpdateTime: seconds(at),
})
const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .optional()
const reasons = z.union([z.enum(suppressionReasons).transform((one) => [one]), z.array(z.enum(suppressionReasons))])

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

/** Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html */
export const routes: readonly Route[] = [
  ...configurationSetRoutes,
  {
    method: 'POST',
    path: '/outbound-emails',
    async answer({ ses, body }) {
      const input = readInput(sendEmail, body)
      const { Simple, Raw, Template } = input.Content
      const given = [Simple, Raw, Template].filter((one) => one !== undefined && one !== null)
      if (given.length !== 1) {
        throw new SesError('invalid-parameter', 'Content must have exactly one of Simple, Raw and Template.')
      }
      const envelope = { ...envelopeOf('SendEmail', input), destination: input.Destination, tags: input.EmailTags }
      const send = () => {
        if (Raw) return ses.sending.raw(envelope, readBase64(Raw.Data))
        if (Template) {
          const { TemplateData = '', Headers: headers, Attachments: attached } = Template
          return ses.sending.templated(envelope, templateRef(Template), TemplateData, {
            headers,
            attachments: attached,
          })
        }
        const { Subject, Body, Headers = [], Attachments = [] } = Simple ?? { Subject: { Data: '' }, Body: {} }
        return ses.sending.simple(envelope, {
          subject: Subject.Data,
          text: Body.Text?.Data,
          html: Body.Html?.Data,
          headers: Headers,
          attachments: Attachments,
        })
      }
      return { MessageId: (await send()).messageId }
    },
  },
  {
    method: 'POST',
    path: '/outbound-bulk-emails',
    async answer({ ses, body }) {
      const input = readInput(sendBulkEmail, body)
      const { Template } = input.DefaultContent
      const results = await ses.sending.bulk(
        { ...envelopeOf('SendBulkEmail', input), tags: input.DefaultEmailTags },
        templateRef(Template),
        Template.TemplateData,
        input.BulkEmailEntries.map(({ Destination, ReplacementTags, ReplacementEmailContent }) => ({
          destination: Destination,
          tags: ReplacementTags,
          data: ReplacementEmailContent?.ReplacementTemplate?.ReplacementTemplateData,
        })),
      )
      return {
        BulkEmailEntryResults: results.map((result) =>
          'error' in result
            ? { Status: bulkStatus(result.error)[1], Error: result.error.message }
            : { Status: 'SUCCESS', MessageId: result.messageId },
        ),
      }
    },
  },

  {
    method: 'GET',
    path: '/account',
    answer: ({ ses }) => ({
      DedicatedIpAutoWarmupEnabled: false,
      EnforcementStatus: 'HEALTHY',
      ProductionAccessEnabled: !ses.sandbox,
      SendQuota: {
        Max24HourSend: unlimited(ses.allowance.limits.dailyQuota),
        MaxSendRate: unlimited(ses.allowance.limits.rate),
        SentLast24Hours: ses.allowance.sentLast24Hours(),
      },
      SendingEnabled: ses.sendingEnabled(),
      SuppressionAttributes: { SuppressedReasons: ses.suppression.reasons() },
    }),
  },
  {
    method: 'PUT',
    path: '/account/sending',
    answer({ ses, body }) {
      ses.enableSending(readInput(z.object({ SendingEnabled: z.boolean().default(false) }), body).SendingEnabled)
      return {}
    },
  },
  {
    method: 'PUT',
    path: '/account/suppression',
    answer({ ses, body }) {
      const schema = z.object({ SuppressedReasons: z.array(z.enum(suppressionReasons)).default([]) })
      ses.suppression.setReasons(readInput(schema, body).SuppressedReasons)
      return {}
    },
  },

  {
    method: 'POST',
    path: '/templates',
    answer({ ses, body }) {
      const schema = z.object({ TemplateName: z.string(), TemplateContent: templateContent })
      const { TemplateName, TemplateContent } = readInput(schema, body)
      ses.templates.create(TemplateName, TemplateContent)
      return {}
    },
  },
  {
    method: 'GET',
    path: '/templates',
    answer({ ses, query }) {
      const { NextToken, PageSize } = readInput(z.object(page(100, 10)), query)
      const found = ses.templates.list({ after: readToken(NextToken), limit: PageSize + 1 })
      const { items, token } = pageOf(found, PageSize, ({ name }) => name)
      return {
        TemplatesMetadata: items.map(({ name, createdAt }) => ({
          TemplateName: name,
          CreatedTimestamp: seconds(createdAt),
        })),
        ...nextToken(token),
      }
    },
  },
  {
    method: 'GET',
    path: '/templates/:name',
    answer({ ses, name }) {
      const { subject, text, html } = ses.templates.get(name).content
      return { TemplateName: name, TemplateContent: { Subject: subject, Text: text, Html: html } }
    },
  },
  {
    method: 'PUT',
    path: '/templates/:name',
    answer({ ses, name, body }) {
      ses.templates.update(name, readInput(z.object({ TemplateContent: templateContent }), body).TemplateContent)
      return {}
    },
  },
  {
    method: 'DELETE',
    path: '/templates/:name',
    answer({ ses, name }) {
      if (!ses.templates.remove(name)) throw templateNotFound(name)
      return {}
    },
  },
  {
    method: 'POST',
    path: '/templates/:name/render',
    answer({ ses, name, body }) {
      const { TemplateData } = readInput(z.object({ TemplateData: z.string() }), body)
      const { subject = '', text, html } = ses.templates.get(name).content
      const data = readTemplateData(TemplateData)
      const parts = [text, html].filter((one) => one !== undefined).map((one) => render(one, data))
      return { RenderedTemplate: [`Subject: ${render(subject, data)}`, ...parts].join('\r\n\r\n') }
    },
  },

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

  {
    method: 'PUT',
    path: '/suppression/addresses',
    answer({ ses, body }) {
      const schema = z.object({ EmailAddress: z.string(), Reason: z.enum(suppressionReasons) })
      const { EmailAddress, Reason } = readInput(schema, body)
      ses.suppression.put({ address: suppressedAddress(EmailAddress), reason: Reason })
      return {}
    },
  },
  {
    method: 'GET',
    path: '/suppression/addresses',
    answer({ ses, query }) {
      const schema = z.object({
        ...page(1000, 1000),
        Reason: reasons.optional(),
        StartDate: instant,
        EndDate: instant,
      })
      const { NextToken, PageSize, Reason, StartDate, EndDate } = readInput(schema, query)
      const found = ses.suppression.list({
        reasons: Reason,
        from: StartDate,
        until: EndDate,
        after: readToken(NextToken),
        limit: PageSize + 1,
      })
      const { items, token } = pageOf(found, PageSize, ({ address }) => address)
      return { SuppressedDestinationSummaries: items.map(summary), ...nextToken(token) }
    },
  },
  {
    method: 'GET',
    path: '/suppression/addresses/:name',
    answer({ ses, name }) {
      const found = ses.suppression.get(name)
      if (found === undefined) throw notSuppressed(name)
      const { messageId, feedbackId } = found
      return {
        SuppressedDestination: {
          ...summary(found),
          ...(messageId === null ? {} : { Attributes: { MessageId: messageId, FeedbackId: feedbackId ?? undefined } }),
        },
      }
    },
  },
  {
    method: 'DELETE',
    path: '/suppression/addresses/:name',
    answer({ ses, name }) {
      if (!ses.suppression.remove(name)) throw notSuppressed(name)
      return {}
    },
  },
]
