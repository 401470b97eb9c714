import {
  GetTemplateCommand,
  SendEmailCommand,
  SendRawEmailCommand,
  SendTemplatedEmailCommand,
  UpdateAccountSendingEnabledCommand,
  VerifyDomainIdentityCommand,
  VerifyEmailIdentityCommand,
} from '@aws-sdk/client-ses'
import {
  CreateEmailIdentityCommand,
  CreateEmailTemplateCommand,
  DeleteEmailTemplateCommand,
  DeleteSuppressedDestinationCommand,
  GetEmailIdentityCommand,
  GetEmailTemplateCommand,
  GetSuppressedDestinationCommand,
  ListSuppressedDestinationsCommand,
  PutAccountSendingAttributesCommand,
  SendEmailCommand as SendEmailV2,
  TestRenderEmailTemplateCommand,
} from '@aws-sdk/client-sesv2'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failure, sesServer } from './ses-server.ts'

const v1Mail = (to: string[], given: Partial<ConstructorParameters<typeof SendEmailCommand>[0]> = {}) =>
  new SendEmailCommand({
    Source: 'noreply@manireports.test',
    Destination: { ToAddresses: to },
    Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
    ...given,
  })
const v2Mail = (to: string[], from = 'noreply@manireports.test') =>
  new SendEmailV2({
    FromEmailAddress: from,
    Destination: { ToAddresses: to },
    Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
  })
const many = (count: number) => Array.from({ length: count }, (_, index) => `u${index}@example.com`)

describe('an address that SES does not take rejects the whole message, in both protocols', () => {
  test.each([
    ['', "Missing final '@domain'"],
    ['nobody', "Missing final '@domain'"],
    ['Ann <>', "Missing final '@domain'"],
    ['@example.com', 'Missing local name'],
    ['ann@', 'Missing domain'],
    ['ann@exa mple.com', 'Domain contains control or whitespace'],
    ['ann@example.com\r\nBcc: x@y.z', 'Local address contains control or whitespace'],
    ['ann@example.com\r\nBcc:', 'Domain contains control or whitespace'],
    ['a nn@example.com', 'Local address contains control or whitespace'],
    ['jürgen@example.com', 'Local address contains non-ASCII characters'],
    ['a,b@example.com', 'Illegal address'],
    [`${'a'.repeat(65)}@example.com`, 'Illegal address'],
  ])('%j: %s', async (address, message) => {
    const server = await sesServer()
    expect(await failure(server.v1.send(v1Mail(['good@example.com', address])))).toEqual({
      status: 400,
      name: 'InvalidParameterValue',
      message,
    })
    expect(await failure(server.v2.send(v2Mail(['good@example.com', address])))).toEqual({
      status: 400,
      name: 'BadRequestException',
      message: address === '' ? 'Invalid email address .' : message,
    })
    expect(server.delivered).toEqual([])
    expect(server.ses.allowance.sentLast24Hours()).toBe(0)
  })
})

test('50 recipients are taken, 51 are not', async () => {
  const server = await sesServer({ settings: { rate: 1000 } })
  await server.v1.send(v1Mail(many(50)))
  await server.v2.send(v2Mail(many(50)))
  const message = 'Recipient count exceeds 50.'
  expect(await failure(server.v1.send(v1Mail(many(51))))).toMatchObject({ name: 'InvalidParameterValue', message })
  expect(await failure(server.v2.send(v2Mail(many(51))))).toMatchObject({ name: 'BadRequestException', message })
})

test('nobody to send to', async () => {
  const server = await sesServer()
  const message = "Missing required header 'To'."
  expect(await failure(server.v1.send(v1Mail([])))).toMatchObject({ name: 'InvalidParameterValue', message })
  expect(await failure(server.v2.send(v2Mail([])))).toMatchObject({ name: 'BadRequestException', message })
  const raw = (text: string) =>
    failure(server.v1.send(new SendRawEmailCommand({ RawMessage: { Data: Buffer.from(text) } })))
  expect(await raw('From: a@example.com\r\n\r\nx')).toMatchObject({ name: 'InvalidParameterValue', message })
  expect(await raw('From: a@example.com\r\nTo: \r\n\r\nx')).toMatchObject({ message: "Empty required header 'To'." })
  expect(await raw('To: a@example.com\r\n\r\nx')).toMatchObject({ message: "Missing required header 'From'." })
  expect(await raw('')).toMatchObject({ message: "Missing required header 'From'." })
})

test('the sandbox takes verified identities only, and the simulator’s addresses', async () => {
  const server = await sesServer({ settings: { sandbox: true } })
  const refused = (identities: string) => ({
    status: 400,
    name: 'MessageRejected',
    message:
      'Email address is not verified. The following identities failed the check in region US-EAST-1: ' + identities,
  })
  const stranger = v1Mail(['b@example.com', 'success@simulator.amazonses.com'], { Source: 'a@other.test' })
  expect(await failure(server.v1.send(stranger))).toEqual(refused('a@other.test, b@example.com'))
  expect(await failure(server.v2.send(v2Mail(['b@example.com'])))).toEqual(refused('b@example.com'))

  await server.v1.send(new VerifyEmailIdentityCommand({ EmailAddress: 'B@example.com' }))
  await server.v1.send(new VerifyDomainIdentityCommand({ Domain: 'other.test' }))
  await server.v1.send(v1Mail(['b@example.com'], { Source: 'Who <a@sub.other.test>' }))
  expect(server.delivered).toHaveLength(1)
  expect(server.ses.statistics()).toMatchObject([{ attempts: 1, rejects: 2 }])
  const told = server.journal.read().filter(({ event }) => event.type === 'mail.refused')
  expect(told).toHaveLength(2)
  expect(JSON.stringify(told)).not.toContain('example.com')
})

test('a label is covered by its address, and an address by none of its labels', async () => {
  const server = await sesServer({ settings: { sandbox: true, rate: 100 } })
  await server.v1.send(new VerifyEmailIdentityCommand({ EmailAddress: 'a@example.com' }))
  await server.v1.send(new VerifyEmailIdentityCommand({ EmailAddress: 'b+one@example.com' }))
  const send = (Source: string, to: string) => server.v1.send(v1Mail([to], { Source }))
  await send('a+course@example.com', 'b+one@example.com')
  for (const to of ['b@example.com', 'b+two@example.com', 'a@sub.example.com']) {
    expect(await failure(send('a@example.com', to))).toMatchObject({ name: 'MessageRejected' })
  }
  expect(server.delivered).toHaveLength(1)
})

test('an account whose sending is paused', async () => {
  const server = await sesServer()
  const message = expect.stringMatching(/^Sending paused for this account\. For more information/)
  await server.v1.send(new UpdateAccountSendingEnabledCommand({ Enabled: false }))
  expect(await failure(server.v1.send(v1Mail(['a@example.com'])))).toEqual({
    status: 400,
    name: 'AccountSendingPausedException',
    message,
  })
  expect(await failure(server.v2.send(v2Mail(['a@example.com'])))).toEqual({
    status: 400,
    name: 'SendingPausedException',
    message,
  })
  await server.v2.send(new PutAccountSendingAttributesCommand({ SendingEnabled: true }))
  await server.v1.send(v1Mail(['a@example.com']))
})

test('what is not there, and what is there already', async () => {
  const { v1, v2 } = await sesServer()
  const template = { TemplateName: 't', TemplateContent: { Subject: 'Hi {{a}}' } }
  await v2.send(new CreateEmailTemplateCommand(template))
  await v2.send(new CreateEmailIdentityCommand({ EmailIdentity: 'example.com' }))
  const rows: [() => Promise<unknown>, number, string, string][] = [
    [
      () => v1.send(new GetTemplateCommand({ TemplateName: 'x' })),
      400,
      'TemplateDoesNotExistException',
      'Template x does not exist.',
    ],
    [
      () =>
        v1.send(
          new SendTemplatedEmailCommand({
            Source: 'a@b.c',
            Destination: { ToAddresses: ['a@b.c'] },
            Template: 'x',
            TemplateData: '{}',
          }),
        ),
      400,
      'TemplateDoesNotExistException',
      'Template x does not exist.',
    ],
    [
      () => v2.send(new GetEmailTemplateCommand({ TemplateName: 'x' })),
      404,
      'NotFoundException',
      'Template x does not exist.',
    ],
    [
      () => v2.send(new DeleteEmailTemplateCommand({ TemplateName: 'x' })),
      404,
      'NotFoundException',
      'Template x does not exist.',
    ],
    [
      () => v2.send(new CreateEmailTemplateCommand(template)),
      400,
      'AlreadyExistsException',
      'Template t already exists.',
    ],
    [
      () => v2.send(new TestRenderEmailTemplateCommand({ TemplateName: 't', TemplateData: '{}' })),
      400,
      'BadRequestException',
      "Attribute 'a' is not present in the rendering data.",
    ],
    [
      () => v2.send(new CreateEmailIdentityCommand({ EmailIdentity: 'example.com' })),
      400,
      'AlreadyExistsException',
      'Email identity example.com already exist.',
    ],
    [
      () => v2.send(new GetEmailIdentityCommand({ EmailIdentity: 'a@b.c' })),
      404,
      'NotFoundException',
      'Email identity a@b.c does not exist.',
    ],
    [
      () => v2.send(new GetSuppressedDestinationCommand({ EmailAddress: 'a@b.c' })),
      404,
      'NotFoundException',
      'Email address a@b.c does not exist on your suppression list.',
    ],
    [
      () => v2.send(new DeleteSuppressedDestinationCommand({ EmailAddress: 'a@b.c' })),
      404,
      'NotFoundException',
      'Email address a@b.c does not exist on your suppression list.',
    ],
    [
      () => v2.send(new ListSuppressedDestinationsCommand({ NextToken: '!' })),
      400,
      'InvalidNextTokenException',
      'The specified token is not valid.',
    ],
  ]
  for (const [call, status, name, message] of rows) expect(await failure(call())).toEqual({ status, name, message })
})

describe('requests that no SDK would send', () => {
  const post = async (url: string, body: string | Buffer, type = 'application/x-www-form-urlencoded') => {
    const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } })
    return { status: response.status, type: response.headers.get('x-amzn-errortype'), text: await response.text() }
  }

  test('v1 answers XML in SES’s namespace', async () => {
    const { url } = await sesServer()
    expect(await post(url, 'Action=SendEmail&Version=2010-12-01')).toEqual({
      status: 400,
      type: null,
      text: expect.stringMatching(
        /^<ErrorResponse xmlns="http:\/\/ses\.amazonaws\.com\/doc\/2010-12-01\/"><Error><Type>Sender<\/Type><Code>ValidationError<\/Code><Message>\d validation errors detected: Value null at 'source' failed to satisfy constraint: Member must not be null;.*<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
      ),
    })
    expect((await post(url, 'Action=Nonsense&Version=2010-12-01')).text).toContain(
      '<Code>InvalidAction</Code><Message>Could not find operation Nonsense for version 2010-12-01</Message>',
    )
    expect((await post(url, 'Action=constructor')).text).toContain('<Code>InvalidAction</Code>')
    expect((await post(url, '')).text).toContain('<Code>ValidationError</Code>')
    const quota = await post(url, 'Action=GetSendQuota&Version=2010-12-01')
    expect(quota.text).toMatch(
      /^<GetSendQuotaResponse xmlns="[^"]+"><GetSendQuotaResult><SentLast24Hours>0\.0<\/SentLast24Hours><Max24HourSend>50000\.0<\/Max24HourSend><MaxSendRate>14\.0<\/MaxSendRate><\/GetSendQuotaResult><ResponseMetadata><RequestId>[0-9a-f-]{36}<\/RequestId><\/ResponseMetadata><\/GetSendQuotaResponse>$/,
    )
  })

  test('v2 names its errors in a header', async () => {
    const { url } = await sesServer()
    const send = (body: string) => post(`${url}/v2/email/outbound-emails`, body, 'application/json')
    expect(await send('{')).toMatchObject({ status: 400, type: 'SerializationException' })
    expect(await send('[]')).toMatchObject({ status: 400, type: 'SerializationException' })
    expect(await send('{"Content":5}')).toMatchObject({ status: 400, type: 'SerializationException' })
    expect(await send('{}')).toEqual({
      status: 400,
      type: 'BadRequestException',
      text: JSON.stringify({
        message:
          "1 validation error detected: Value null at 'content' failed to satisfy constraint: Member must not be null",
      }),
    })
    expect(await send('{"Content":{}}')).toMatchObject({ status: 400, type: 'BadRequestException' })
    expect(await post(`${url}/v2/email/nothing`, '{}', 'application/json')).toMatchObject({
      status: 404,
      type: 'UnknownOperationException',
    })
    expect(await send('x'.repeat(61 * 1024 * 1024))).toMatchObject({ status: 413 })
  })

  test('no garbage makes it fail, and nothing of it is sent', async () => {
    const { url, delivered } = await sesServer()
    const names = fc.constantFrom(
      'Action',
      'Source',
      'Destination.ToAddresses.member.1',
      'Message',
      'Message.Subject.Data',
      'RawMessage.Data',
      'Template',
      '__proto__',
      'a.b.c.d.e.f.g.h.i.j.k.l',
    )
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        'SendEmail',
        'SendRawEmail',
        'GetSendStatistics',
        'SendBulkTemplatedEmail',
        'ListIdentities',
        '%FF%00',
      ),
    )
    const form = fc.array(fc.tuple(names, values)).map((fields) => fields.map((pair) => pair.join('=')).join('&'))
    const body = fc.oneof(
      form.map((text) => Buffer.from(text)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    )
    const json = fc.record(
      {
        Content: fc.anything(),
        Destination: fc.anything(),
        EmailTags: fc.anything(),
        TemplateName: fc.anything(),
        TemplateContent: fc.anything(),
        EmailAddress: fc.anything(),
        // A name that is right makes a set.
        ConfigurationSetName: fc.anything().filter((name) => typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)),
        EventDestinationName: fc.anything(),
        EventDestination: fc.anything(),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(body, async (bytes) => {
        const { status } = await post(url, bytes)
        expect(status).toBeLessThan(500)
      }),
      { numRuns: 150 },
    )
    const paths = [
      ...['outbound-emails', 'outbound-bulk-emails', 'templates', 'identities', 'templates/x/render'],
      ...['configuration-sets', 'configuration-sets/x/event-destinations'],
    ]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), json, async (path, value) => {
        const { status, type } = await post(`${url}/v2/email/${path}`, JSON.stringify(value) ?? '', 'application/json')
        expect(status).toBeGreaterThanOrEqual(400)
        expect(status).toBeLessThan(500)
        expect(type).toMatch(/^[A-Z]/)
      }),
      { numRuns: 150 },
    )
    expect(delivered).toEqual([])
  })
})
