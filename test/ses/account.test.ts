import {
  DeleteIdentityCommand,
  GetAccountSendingEnabledCommand,
  GetIdentityVerificationAttributesCommand,
  GetTemplateCommand,
  ListIdentitiesCommand,
  ListTemplatesCommand,
  SendEmailCommand,
  UpdateTemplateCommand,
  VerifyDomainIdentityCommand,
  VerifyEmailIdentityCommand,
} from '@aws-sdk/client-ses'
import {
  CreateEmailIdentityCommand,
  CreateEmailTemplateCommand,
  DeleteEmailIdentityCommand,
  DeleteEmailTemplateCommand,
  DeleteSuppressedDestinationCommand,
  GetAccountCommand,
  GetEmailIdentityCommand,
  GetEmailTemplateCommand,
  GetSuppressedDestinationCommand,
  ListEmailIdentitiesCommand,
  ListEmailTemplatesCommand,
  ListSuppressedDestinationsCommand,
  type ListSuppressedDestinationsCommandInput,
  PutAccountSendingAttributesCommand,
  PutAccountSuppressionAttributesCommand,
  PutSuppressedDestinationCommand,
  TestRenderEmailTemplateCommand,
  UpdateEmailTemplateCommand,
} from '@aws-sdk/client-sesv2'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { accepting, sesServer, type SesServer } from './ses-server.ts'

const send = ({ v1 }: SesServer, to: string) =>
  v1.send(
    new SendEmailCommand({
      Source: 'noreply@manireports.test',
      Destination: { ToAddresses: [to] },
      Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
    }),
  )

describe('the suppression list', () => {
  const settings = { rate: 1000, notifications: { queue: 'q' } }

  test('after a hard bounce nothing more is sent there, by nobody, until the address is taken off', async () => {
    const server = await sesServer({ settings })
    server.answer(() => ({ outcome: 'rejected', error: '550 5.1.1 user unknown' }))
    const { MessageId } = await send(server, 'Gone@example.com')
    await server.clock.advance(500)
    server.answer(accepting)
    expect(
      (await server.v2.send(new GetSuppressedDestinationCommand({ EmailAddress: 'gone@example.com' })))
        .SuppressedDestination,
    ).toEqual({
      EmailAddress: 'gone@example.com',
      Reason: 'BOUNCE',
      LastUpdateTime: new Date(server.clock.now()),
      Attributes: { MessageId, FeedbackId: expect.stringMatching(/-000000$/) },
    })

    await send(server, 'GONE@example.com')
    await server.clock.advance(500)
    expect(server.delivered).toEqual([])
    expect(server.published.at(-1)?.body['bounce']).toMatchObject({
      bounceType: 'Permanent',
      bounceSubType: 'OnAccountSuppressionList',
      bouncedRecipients: [{ emailAddress: 'GONE@example.com', status: '5.1.1' }],
      reportingMTA: 'dns; amazonses.com',
    })
    const own = {
      tenant: 1,
      job: '1',
      recipient: '1',
      messageId: 'm',
      to: { address: 'gone@example.com' },
      subject: 's',
      text: 't',
      html: 'h',
    }
    expect(await server.mail.send(own)).toEqual({
      outcome: 'accepted',
      feedback: {
        kind: 'bounce',
        detail: expect.stringContaining('Permanent/OnAccountSuppressionList 5.1.1'),
        afterMs: 500,
      },
    })

    await server.v2.send(new DeleteSuppressedDestinationCommand({ EmailAddress: 'gone@example.com' }))
    await send(server, 'gone@example.com')
    expect(await server.mail.send(own)).toEqual({ outcome: 'accepted' })
    expect(server.delivered).toHaveLength(2)
  })

  test('our own worker’s hard bounce counts too; the simulator’s never do', async () => {
    const server = await sesServer({ settings })
    await send(server, 'bounce@simulator.amazonses.com')
    await send(server, 'complaint@simulator.amazonses.com')
    await server.clock.advance(5000)
    server.answer(() => ({ outcome: 'rejected', error: '550 5.1.1 unknown' }))
    const mail = { tenant: 1, job: '1', recipient: '1', messageId: 'm', subject: 's', text: 't', html: 'h' }
    expect(await server.mail.send({ ...mail, to: { address: 'a@example.com' } })).toMatchObject({ outcome: 'rejected' })
    const { SuppressedDestinationSummaries } = await server.v2.send(new ListSuppressedDestinationsCommand({}))
    expect(SuppressedDestinationSummaries).toMatchObject([{ EmailAddress: 'a@example.com', Reason: 'BOUNCE' }])
  })

  test('is listed by reason, time and page, and outlives a restart', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'offload-ses-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const first = await sesServer({ directory })
    for (const [address, reason] of [
      ['a@example.com', 'BOUNCE'],
      ['b@example.com', 'COMPLAINT'],
      ['c@example.com', 'BOUNCE'],
    ] as const) {
      await first.v2.send(new PutSuppressedDestinationCommand({ EmailAddress: address, Reason: reason }))
      await first.clock.advance(60_000)
    }
    await first.close()

    const { v2, mail } = await sesServer({ directory })
    expect(mail.suppression.holds('B@example.com')).toBe(true)
    const list = async (input: ListSuppressedDestinationsCommandInput) => {
      const { SuppressedDestinationSummaries = [], NextToken } = await v2.send(
        new ListSuppressedDestinationsCommand(input),
      )
      return { names: SuppressedDestinationSummaries.map(({ EmailAddress }) => EmailAddress?.[0]).join(''), NextToken }
    }
    expect(await list({})).toEqual({ names: 'abc', NextToken: undefined })
    expect((await list({ Reasons: ['BOUNCE'] })).names).toBe('ac')
    expect((await list({ Reasons: ['BOUNCE', 'COMPLAINT'] })).names).toBe('abc')
    expect((await list({ StartDate: new Date('2026-01-01T00:01:00Z') })).names).toBe('bc')
    expect((await list({ EndDate: new Date('2026-01-01T00:01:00Z') })).names).toBe('ab')
    const page = await list({ PageSize: 2 })
    expect(page.names).toBe('ab')
    expect((await list({ PageSize: 2, NextToken: page.NextToken })).names).toBe('c')
  })

  test('counts for the reasons that the account chose', async () => {
    const server = await sesServer({ settings })
    await server.v2.send(new PutSuppressedDestinationCommand({ EmailAddress: 'a@example.com', Reason: 'BOUNCE' }))
    await server.v2.send(new PutAccountSuppressionAttributesCommand({ SuppressedReasons: ['COMPLAINT'] }))
    expect((await server.v2.send(new GetAccountCommand({}))).SuppressionAttributes?.SuppressedReasons).toEqual([
      'COMPLAINT',
    ])
    await send(server, 'a@example.com')
    expect(server.delivered).toHaveLength(1)
  })
})

test('identities are verified at once, in either protocol', async () => {
  const { v1, v2 } = await sesServer()
  await v1.send(new VerifyEmailIdentityCommand({ EmailAddress: 'a@example.com' }))
  const { VerificationToken } = await v1.send(new VerifyDomainIdentityCommand({ Domain: 'example.com' }))
  const created = await v2.send(new CreateEmailIdentityCommand({ EmailIdentity: 'v2.example.com' }))
  expect(created).toMatchObject({ IdentityType: 'DOMAIN', VerifiedForSendingStatus: true })

  expect((await v1.send(new ListIdentitiesCommand({}))).Identities).toEqual([
    'a@example.com',
    'example.com',
    'noreply@manireports.test',
    'v2.example.com',
  ])
  const page = await v1.send(new ListIdentitiesCommand({ IdentityType: 'Domain', MaxItems: 1 }))
  expect(page.Identities).toEqual(['example.com'])
  expect(
    (await v1.send(new ListIdentitiesCommand({ IdentityType: 'Domain', MaxItems: 1, NextToken: page.NextToken })))
      .Identities,
  ).toEqual(['v2.example.com'])
  const { VerificationAttributes } = await v1.send(
    new GetIdentityVerificationAttributesCommand({ Identities: ['a@example.com', 'example.com', 'absent.com'] }),
  )
  expect(VerificationAttributes).toEqual({
    'a@example.com': { VerificationStatus: 'Success' },
    'example.com': { VerificationStatus: 'Success', VerificationToken },
  })
  expect(await v2.send(new GetEmailIdentityCommand({ EmailIdentity: 'a@example.com' }))).toMatchObject({
    IdentityType: 'EMAIL_ADDRESS',
    VerifiedForSendingStatus: true,
    VerificationStatus: 'SUCCESS',
  })

  await v1.send(new DeleteIdentityCommand({ Identity: 'a@example.com' }))
  await v2.send(new DeleteEmailIdentityCommand({ EmailIdentity: 'example.com' }))
  expect((await v2.send(new ListEmailIdentitiesCommand({}))).EmailIdentities?.map((one) => one.IdentityName)).toEqual([
    'noreply@manireports.test',
    'v2.example.com',
  ])
})

test('templates are one list for both protocols', async () => {
  const { v1, v2, clock } = await sesServer()
  const content = { Subject: 'Hi {{name}}', Text: 'T', Html: '<p>&amp; {{name}}\r\n</p>' }
  for (const name of ['b', 'a', 'c']) {
    await v2.send(new CreateEmailTemplateCommand({ TemplateName: name, TemplateContent: content }))
  }
  expect((await v1.send(new GetTemplateCommand({ TemplateName: 'a' }))).Template).toEqual({
    TemplateName: 'a',
    SubjectPart: content.Subject,
    TextPart: content.Text,
    HtmlPart: content.Html,
  })
  expect((await v1.send(new ListTemplatesCommand({ MaxItems: 2 }))).TemplatesMetadata).toEqual([
    { Name: 'a', CreatedTimestamp: new Date(clock.now()) },
    { Name: 'b', CreatedTimestamp: new Date(clock.now()) },
  ])
  const { NextToken } = await v2.send(new ListEmailTemplatesCommand({ PageSize: 2 }))
  expect((await v2.send(new ListEmailTemplatesCommand({ NextToken }))).TemplatesMetadata).toEqual([
    { TemplateName: 'c', CreatedTimestamp: new Date(clock.now()) },
  ])
  await v1.send(new UpdateTemplateCommand({ Template: { TemplateName: 'a', SubjectPart: 'one' } }))
  await v2.send(new UpdateEmailTemplateCommand({ TemplateName: 'b', TemplateContent: { Subject: 'two {{x}}' } }))
  expect((await v2.send(new GetEmailTemplateCommand({ TemplateName: 'a' }))).TemplateContent).toEqual({
    Subject: 'one',
  })
  expect(
    (await v2.send(new TestRenderEmailTemplateCommand({ TemplateName: 'b', TemplateData: '{"x":1}' })))
      .RenderedTemplate,
  ).toContain('two 1')
  await v2.send(new DeleteEmailTemplateCommand({ TemplateName: 'a' }))
  expect((await v1.send(new ListTemplatesCommand({}))).TemplatesMetadata?.map(({ Name }) => Name)).toEqual(['b', 'c'])
})

test('the account says what it may send', async () => {
  const { v1, v2 } = await sesServer()
  expect(await v2.send(new GetAccountCommand({}))).toMatchObject({
    ProductionAccessEnabled: true,
    SendingEnabled: true,
    EnforcementStatus: 'HEALTHY',
    SendQuota: { Max24HourSend: 50_000, MaxSendRate: 14, SentLast24Hours: 0 },
    SuppressionAttributes: { SuppressedReasons: ['BOUNCE', 'COMPLAINT'] },
  })
  await v2.send(new PutAccountSendingAttributesCommand({ SendingEnabled: false }))
  expect((await v1.send(new GetAccountSendingEnabledCommand({}))).Enabled).toBe(false)
  expect((await v2.send(new GetAccountCommand({}))).SendingEnabled).toBe(false)
})
