import { z } from 'zod'
import { suppressionReasons } from '../../cloud/mail/suppression.ts'
import { SesError } from '../../cloud/ses/errors.ts'
import type { TemplateRef } from '../../cloud/ses/sending.ts'
import { readBase64, readInput } from './input.ts'
import type { Route } from './route.ts'
import { configurationSetRoutes } from './v2-configuration-sets.ts'
import { identityRoutes } from './v2-identities.ts'
import { optional, templateContent } from './v2-members.ts'
import { suppressionRoutes } from './v2-suppression.ts'
import { templateRoutes } from './v2-templates.ts'
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
  .transform((to) => {
    // Recorded from AWS; v1 says of it that it has no domain.
    if (Object.values(to).flat().includes('')) throw new SesError('invalid-parameter', 'Invalid email address .')
    return to
  })
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

const unlimited = (value: number) => (value === Infinity ? -1 : value)
/** Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html */
export const routes: readonly Route[] = [
  ...configurationSetRoutes,
  ...identityRoutes,
  ...suppressionRoutes,
  ...templateRoutes,
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
]
