import { expect, test } from 'vitest'
import { sesServer, type SesServer } from './ses-server.ts'

// What SES answers to a send that it refuses, as it is on the wire, in both protocols.

interface Refusal {
  readonly of: string
  readonly settings?: NonNullable<Parameters<typeof sesServer>[0]>['settings']
  /** Before the send that is refused. */
  readonly before?: (server: SesServer) => void
  readonly from?: string
  readonly to?: readonly string[]
  readonly set?: string
  readonly v1: string
  readonly v2: readonly [status: number, type: string]
  readonly message: string
}

const source = 'noreply@manireports.test'
const badRequest = [400, 'BadRequestException'] as const
const throttled = [429, 'TooManyRequestsException'] as const
const parameter = { v1: 'InvalidParameterValue', v2: badRequest }
const many = Array.from({ length: 51 }, (_, index) => `u${index}@example.com`)

const refusals: readonly Refusal[] = [
  {
    of: 'a send over the rate',
    settings: { rate: 1 },
    before: ({ ses }) => void ses.allowance.take(2),
    v1: 'Throttling',
    v2: throttled,
    message: 'Maximum sending rate exceeded.',
  },
  {
    of: 'a send over the day’s quota',
    settings: { dailyQuota: 1 },
    before: ({ ses }) => void ses.allowance.take(1),
    v1: 'Throttling',
    v2: throttled,
    message: 'Daily message quota exceeded.',
  },
  {
    of: 'a sender that is not verified, in the sandbox',
    settings: { sandbox: true },
    from: 'a@other.test',
    to: ['success@simulator.amazonses.com'],
    v1: 'MessageRejected',
    v2: [400, 'MessageRejected'],
    message:
      'Email address is not verified. The following identities failed the check in region US-EAST-1: a@other.test',
  },
  {
    of: 'an account that is paused',
    before: ({ ses }) => ses.enableSending(false),
    v1: 'AccountSendingPausedException',
    v2: [400, 'SendingPausedException'],
    message:
      'Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.',
  },
  {
    of: 'a MAIL FROM domain without its MX record',
    before: ({ ses }) => ses.mailFroms.set(source, 'x.invalid', 'RejectMessage'),
    v1: 'MailFromDomainNotVerifiedException',
    v2: [400, 'MailFromDomainNotVerifiedException'],
    message:
      'The message could not be sent because Amazon SES could not read the MX record required to use the specified MAIL FROM domain.',
  },
  {
    of: 'a configuration set that is not there',
    set: 'absent',
    v1: 'ConfigurationSetDoesNotExist',
    v2: [404, 'NotFoundException'],
    message: 'Configuration set <absent> does not exist.',
  },
  {
    of: 'a configuration set that is paused',
    before: ({ ses }) => ses.configurationSets.create('paused', { sendingEnabled: false }),
    set: 'paused',
    v1: 'ConfigurationSetSendingPausedException',
    v2: [400, 'SendingPausedException'],
    message: 'Sending paused for configuration set <paused>.',
  },
  { of: 'an address without a domain', to: ['nobody'], ...parameter, message: "Missing final '@domain'" },
  { of: 'an address with an empty domain', to: ['a@'], ...parameter, message: 'Missing domain' },
  { of: 'an address with no local part', to: ['@a.b'], ...parameter, message: 'Missing local name' },
  { of: 'a domain with a space', to: ['a@b c.d'], ...parameter, message: 'Domain contains control or whitespace' },
  { of: 'one invalid address among others', to: ['a@b.c', 'd@'], ...parameter, message: 'Missing domain' },
  { of: 'too many recipients', to: many, ...parameter, message: 'Recipient count exceeds 50.' },
  { of: 'nobody', to: [], ...parameter, message: "Missing required header 'To'." },
]

const text = (xml: string, name: string) =>
  new RegExp(`<${name}>(.*?)</${name}>`)
    .exec(xml)?.[1]
    ?.replaceAll('&apos;', "'")
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')

test.each(refusals)('$of is refused in both protocols', async (row) => {
  const { settings, before, from = source, to = ['ann@example.com'], set, v1, v2, message } = row
  const start = async () => {
    const server = await sesServer({ settings: settings ?? {} })
    before?.(server)
    return server
  }
  const old = await start()
  const form = new URLSearchParams({
    Action: 'SendEmail',
    Version: '2010-12-01',
    Source: from,
    'Message.Subject.Data': 's',
    'Message.Body.Text.Data': 't',
    ...Object.fromEntries(to.map((address, index) => [`Destination.ToAddresses.member.${index + 1}`, address])),
    ...(to.length === 0 ? { 'Destination.ToAddresses': '' } : {}),
    ...(set === undefined ? {} : { ConfigurationSetName: set }),
  })
  const inV1 = await fetch(old.url, { method: 'POST', body: form })
  const xml = await inV1.text()
  expect({
    status: inV1.status,
    type: text(xml, 'Type'),
    code: text(xml, 'Code'),
    message: text(xml, 'Message'),
  }).toEqual({ status: 400, type: 'Sender', code: v1, message })
  expect(text(xml, 'RequestId')).toBe(inV1.headers.get('x-amzn-requestid'))

  const { url, delivered } = await start()
  const inV2 = await fetch(`${url}/v2/email/outbound-emails`, {
    method: 'POST',
    body: JSON.stringify({
      FromEmailAddress: from,
      Destination: { ToAddresses: to },
      Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
      ...(set === undefined ? {} : { ConfigurationSetName: set }),
    }),
  })
  expect({
    status: inV2.status,
    type: inV2.headers.get('x-amzn-errortype'),
    body: await inV2.json(),
  }).toEqual({ status: v2[0], type: v2[1], body: { message } })
  expect([...old.delivered, ...delivered]).toEqual([])
})
