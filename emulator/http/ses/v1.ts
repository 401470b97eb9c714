import { z } from 'zod'
import type { Ses } from '../../cloud/ses/ses.ts'
import type { SesError } from '../../cloud/ses/errors.ts'
import { element, textElement } from '../sqs/xml.ts'
import { pageOf, readBase64, readInput, readToken } from './input.ts'
import { configurationSetOperations } from './v1-configuration-sets.ts'
import { bulkStatus } from './wire-errors.ts'

/** An operation of SES v1: a form's members in, the XML inside `<…Result>` out; undefined where there is no result. */
type Operation = (ses: Ses, input: unknown) => string | undefined | Promise<string | undefined>

const megabyte = 1024 * 1024
const largest = 10 * megabyte

// An empty list is written as one empty field.
const list = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value) => (value === '' ? undefined : value), z.array(item).optional())
const addresses = list(z.string())
// A field that is there and empty, as some clients write what is not given.
const optional = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value))
const content = z.object({ Data: z.string() })
const flag = z.enum(['true', 'false']).transform((value) => value === 'true')
const tags = list(z.object({ Name: z.string(), Value: z.string() })).transform((all) =>
  (all ?? []).map(({ Name, Value }) => ({ name: Name, value: Value })),
)

const destination = z
  .object({ ToAddresses: addresses, CcAddresses: addresses, BccAddresses: addresses })
  .transform(({ ToAddresses = [], CcAddresses = [], BccAddresses = [] }) => ({
    to: ToAddresses,
    cc: CcAddresses,
    bcc: BccAddresses,
  }))

const common = {
  Source: z.string(),
  ReplyToAddresses: addresses,
  ReturnPath: optional,
  Tags: tags,
  ConfigurationSetName: optional,
}

const envelopeOf = (
  operation: string,
  input: {
    Source?: string | undefined
    ReplyToAddresses?: string[] | undefined
    Tags?: { name: string; value: string }[]
    ConfigurationSetName?: string | undefined
  },
) => ({
  operation,
  from: input.Source,
  replyTo: input.ReplyToAddresses,
  tags: input.Tags,
  configurationSet: input.ConfigurationSetName,
  largest,
})

const sendEmail = z.object({
  ...common,
  Destination: destination,
  Message: z.object({ Subject: content, Body: z.object({ Text: content.optional(), Html: content.optional() }) }),
})
const sendRawEmail = z.object({
  Source: optional,
  Destinations: addresses,
  RawMessage: z.object({ Data: z.string() }),
  Tags: tags,
  ConfigurationSetName: optional,
})
const sendTemplated = z.object({
  ...common,
  Destination: destination,
  Template: z.string(),
  TemplateData: z.string(),
})
const sendBulkTemplated = z.object({
  Source: z.string(),
  ReplyToAddresses: addresses,
  ConfigurationSetName: optional,
  DefaultTags: tags,
  Template: z.string(),
  DefaultTemplateData: optional,
  Destinations: z.array(
    z.object({ Destination: destination, ReplacementTags: tags, ReplacementTemplateData: optional }),
  ),
})
const template = z.object({
  Template: z.object({ TemplateName: z.string(), SubjectPart: optional, TextPart: optional, HtmlPart: optional }),
})
const templateName = z.object({ TemplateName: z.string() })
const page = (most: number) =>
  z.object({ NextToken: z.string().optional(), MaxItems: z.coerce.number().int().min(1).max(most).default(most) })

const members = (name: string, items: readonly string[]) =>
  element(name, items.map((item) => element('member', item)).join(''))
const texts = (name: string, items: readonly string[]) =>
  element(name, items.map((item) => textElement('member', item)).join(''))
const time = (at: number) => new Date(at).toISOString()
// Java's doubles, as AWS writes them.
const double = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value))
const unlimited = (value: number) => (value === Infinity ? -1 : value)

const sent = ({ messageId }: { messageId: string }) => textElement('MessageId', messageId)
const contentOf = ({ Template }: z.output<typeof template>) => ({
  subject: Template.SubjectPart,
  text: Template.TextPart,
  html: Template.HtmlPart,
})

/** Source: https://docs.aws.amazon.com/ses/latest/APIReference/API_Operations.html */
export const operations: Readonly<Record<string, Operation>> = {
  ...configurationSetOperations,
  async SendEmail(ses, given) {
    const input = readInput(sendEmail, given)
    const { Subject, Body } = input.Message
    return sent(
      await ses.sending.simple(
        { ...envelopeOf('SendEmail', input), destination: input.Destination },
        { subject: Subject.Data, text: Body.Text?.Data, html: Body.Html?.Data },
      ),
    )
  },
  async SendRawEmail(ses, given) {
    const input = readInput(sendRawEmail, given)
    const to = input.Destinations ?? []
    return sent(
      await ses.sending.raw(
        { ...envelopeOf('SendRawEmail', input), destination: { to, cc: [], bcc: [] } },
        readBase64(input.RawMessage.Data),
      ),
    )
  },
  async SendTemplatedEmail(ses, given) {
    const input = readInput(sendTemplated, given)
    return sent(
      await ses.sending.templated(
        { ...envelopeOf('SendTemplatedEmail', input), destination: input.Destination },
        { name: input.Template },
        input.TemplateData,
      ),
    )
  },
  async SendBulkTemplatedEmail(ses, given) {
    const input = readInput(sendBulkTemplated, given)
    const results = await ses.sending.bulk(
      { ...envelopeOf('SendBulkTemplatedEmail', input), tags: input.DefaultTags },
      { name: input.Template },
      input.DefaultTemplateData,
      input.Destinations.map(({ Destination, ReplacementTags, ReplacementTemplateData }) => ({
        destination: Destination,
        tags: ReplacementTags,
        data: ReplacementTemplateData,
      })),
    )
    const failed = (error: SesError) =>
      textElement('Status', bulkStatus(error)[0]) + textElement('Error', error.message)
    return members(
      'Status',
      results.map((result) =>
        'error' in result ? failed(result.error) : textElement('Status', 'Success') + sent(result),
      ),
    )
  },

  GetSendQuota: ({ allowance }) =>
    textElement('SentLast24Hours', double(allowance.sentLast24Hours())) +
    textElement('Max24HourSend', double(unlimited(allowance.limits.dailyQuota))) +
    textElement('MaxSendRate', double(unlimited(allowance.limits.rate))),
  GetSendStatistics: (ses) =>
    members(
      'SendDataPoints',
      ses
        .statistics()
        .map(
          ({ at, attempts, bounces, complaints, rejects }) =>
            textElement('Timestamp', time(at)) +
            textElement('DeliveryAttempts', attempts) +
            textElement('Bounces', bounces) +
            textElement('Complaints', complaints) +
            textElement('Rejects', rejects),
        ),
    ),
  GetAccountSendingEnabled: (ses) => textElement('Enabled', ses.sendingEnabled()),
  UpdateAccountSendingEnabled(ses, given) {
    const { Enabled } = readInput(z.object({ Enabled: flag.default(false) }), given)
    ses.enableSending(Enabled)
    return undefined
  },

  VerifyEmailIdentity(ses, given) {
    const { EmailAddress } = readInput(z.object({ EmailAddress: z.string() }), given)
    ses.identities.verify(EmailAddress, 'EmailAddress')
    return ''
  },
  // The operation before VerifyEmailIdentity; it has no result.
  VerifyEmailAddress(ses, given) {
    const { EmailAddress } = readInput(z.object({ EmailAddress: z.string() }), given)
    ses.identities.verify(EmailAddress, 'EmailAddress')
    return undefined
  },
  VerifyDomainIdentity(ses, given) {
    const { Domain } = readInput(z.object({ Domain: z.string() }), given)
    return textElement('VerificationToken', ses.identities.verify(Domain, 'Domain').token)
  },
  ListIdentities(ses, given) {
    const schema = page(1000).extend({ IdentityType: z.enum(['EmailAddress', 'Domain']).optional() })
    const { IdentityType, NextToken, MaxItems } = readInput(schema, given)
    const found = ses.identities.list({ type: IdentityType, after: readToken(NextToken), limit: MaxItems + 1 })
    const { items, token } = pageOf(found, MaxItems, ({ name }) => name)
    return (
      texts(
        'Identities',
        items.map(({ name }) => name),
      ) + (token === undefined ? '' : textElement('NextToken', token))
    )
  },
  ListVerifiedEmailAddresses: (ses) =>
    texts(
      'VerifiedEmailAddresses',
      ses.identities.list({ type: 'EmailAddress', limit: 1000 }).map(({ name }) => name),
    ),
  GetIdentityVerificationAttributes(ses, given) {
    const { Identities } = readInput(z.object({ Identities: list(z.string()).transform((all) => all ?? []) }), given)
    const entries = Identities.map((name) => ses.identities.find(name))
      .filter((identity) => identity !== undefined)
      .map(({ name, type, token }) =>
        element(
          'entry',
          textElement('key', name) +
            element(
              'value',
              textElement('VerificationStatus', 'Success') +
                (type === 'Domain' ? textElement('VerificationToken', token) : ''),
            ),
        ),
      )
    return element('VerificationAttributes', entries.join(''))
  },
  SetIdentityMailFromDomain(ses, given) {
    const schema = z.object({
      Identity: z.string(),
      MailFromDomain: optional,
      BehaviorOnMXFailure: z.enum(['UseDefaultValue', 'RejectMessage']).default('UseDefaultValue'),
    })
    const { Identity, MailFromDomain, BehaviorOnMXFailure } = readInput(schema, given)
    ses.mailFroms.set(Identity, MailFromDomain, BehaviorOnMXFailure)
    return ''
  },
  GetIdentityMailFromDomainAttributes(ses, given) {
    const { Identities } = readInput(z.object({ Identities: list(z.string()).transform((all) => all ?? []) }), given)
    const entries = Identities.flatMap((name) => {
      const found = ses.mailFroms.get(name)
      if (found === undefined) return []
      const value =
        textElement('MailFromDomain', found.domain) +
        textElement('MailFromDomainStatus', found.status) +
        textElement('BehaviorOnMXFailure', found.onMxFailure)
      return [element('entry', textElement('key', name) + element('value', value))]
    })
    return element('MailFromDomainAttributes', entries.join(''))
  },
  DeleteIdentity(ses, given) {
    ses.identities.remove(readInput(z.object({ Identity: z.string() }), given).Identity)
    return ''
  },

  CreateTemplate(ses, given) {
    const input = readInput(template, given)
    ses.templates.create(input.Template.TemplateName, contentOf(input))
    return ''
  },
  UpdateTemplate(ses, given) {
    const input = readInput(template, given)
    ses.templates.update(input.Template.TemplateName, contentOf(input))
    return ''
  },
  GetTemplate(ses, given) {
    const { name, content: parts } = ses.templates.get(readInput(templateName, given).TemplateName)
    const part = (tag: string, text: string | undefined) => (text === undefined ? '' : textElement(tag, text))
    return element(
      'Template',
      textElement('TemplateName', name) +
        part('SubjectPart', parts.subject) +
        part('TextPart', parts.text) +
        part('HtmlPart', parts.html),
    )
  },
  // Deleting what is not there is no error.
  DeleteTemplate(ses, given) {
    ses.templates.remove(readInput(templateName, given).TemplateName)
    return ''
  },
  ListTemplates(ses, given) {
    const { NextToken, MaxItems } = readInput(page(100), given)
    const found = ses.templates.list({ after: readToken(NextToken), limit: MaxItems + 1 })
    const { items, token } = pageOf(found, MaxItems, ({ name }) => name)
    const listed = items.map(
      ({ name, createdAt }) => textElement('Name', name) + textElement('CreatedTimestamp', time(createdAt)),
    )
    return members('TemplatesMetadata', listed) + (token === undefined ? '' : textElement('NextToken', token))
  },
}
