import {
  CreateConfigurationSetCommand,
  CreateConfigurationSetEventDestinationCommand,
  CreateTemplateCommand,
  DeleteConfigurationSetCommand,
  DeleteConfigurationSetEventDestinationCommand,
  DescribeConfigurationSetCommand,
  GetIdentityMailFromDomainAttributesCommand,
  ListConfigurationSetsCommand,
  SendBulkTemplatedEmailCommand,
  SendEmailCommand,
  SendRawEmailCommand,
  SendTemplatedEmailCommand,
  SetIdentityMailFromDomainCommand,
  UpdateConfigurationSetEventDestinationCommand,
  UpdateConfigurationSetSendingEnabledCommand,
  type EventType,
} from '@aws-sdk/client-ses'
import {
  CreateConfigurationSetCommand as CreateSetV2,
  CreateConfigurationSetEventDestinationCommand as CreateDestinationV2,
  DeleteConfigurationSetCommand as DeleteSetV2,
  DeleteConfigurationSetEventDestinationCommand as DeleteDestinationV2,
  GetConfigurationSetCommand,
  GetConfigurationSetEventDestinationsCommand,
  GetEmailIdentityCommand,
  ListConfigurationSetsCommand as ListSetsV2,
  PutConfigurationSetSendingOptionsCommand,
  PutEmailIdentityMailFromAttributesCommand,
  SendBulkEmailCommand,
  SendEmailCommand as SendV2,
  UpdateConfigurationSetEventDestinationCommand as UpdateDestinationV2,
} from '@aws-sdk/client-sesv2'
import { expect, test } from 'vitest'
import { failure, sesServer, type SesServer } from './ses-server.ts'

const source = 'noreply@manireports.test'
const simulator = (name: string) => `${name}@simulator.amazonses.com`
const topic = (name: string) => `arn:aws:sns:us-east-1:000000000000:${name}`
const text = { Subject: { Data: 'Grüße' }, Body: { Text: { Data: 't' } } }

const send = async ({ v1 }: SesServer, to: string, set = 'jobs') => {
  const { MessageId = '' } = await v1.send(
    new SendEmailCommand({
      Source: `ManiReports <${source}>`,
      Destination: { ToAddresses: [to] },
      Message: text,
      ConfigurationSetName: set,
      Tags: [{ Name: 'job', Value: '42' }],
    }),
  )
  return MessageId
}

const withSet = async (types: EventType[], settings: Parameters<typeof sesServer>[0] = {}) => {
  const server = await sesServer(settings)
  await server.v1.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: 'jobs' } }))
  await server.v1.send(
    new CreateConfigurationSetEventDestinationCommand({
      ConfigurationSetName: 'jobs',
      EventDestination: {
        Name: 'events',
        Enabled: true,
        MatchingEventTypes: types,
        SNSDestination: { TopicARN: topic('mail-events') },
      },
    }),
  )
  return server
}

interface Event {
  readonly eventType: string
  readonly mail: Record<string, unknown>
  readonly [part: string]: unknown
}

/** The events that were published, out of SNS's envelopes. */
const eventsOf = ({ published }: SesServer): Event[] =>
  published
    .map(({ body }) => String(body['Message']))
    .filter((message) => message.startsWith('{'))
    .map((message) => JSON.parse(message) as Event)

test('a send’s events: SNS’s envelope in the queue of the topic’s name, SES’s record in it', async () => {
  const server = await withSet(['send', 'delivery'])
  expect([...server.queues]).toEqual(['mail-events'])
  const messageId = await send(server, 'ann@example.com')
  await server.clock.advance(500)
  expect(server.published.map(({ queue }) => queue)).toEqual(['mail-events', 'mail-events', 'mail-events'])
  const [validated, sent] = server.published.map(({ body }) => body)
  const envelope = {
    Type: 'Notification',
    MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    TopicArn: topic('mail-events'),
    Message: 'Successfully validated SNS topic for Amazon SES event publishing.',
    Timestamp: '2026-01-01T00:00:00.000Z',
    SignatureVersion: '1',
    Signature: expect.any(String),
    SigningCertURL: expect.stringMatching(/^https:\/\/sns\.us-east-1\.amazonaws\.com\/.*\.pem$/),
    UnsubscribeURL: expect.stringContaining(`SubscriptionArn=${topic('mail-events')}:`),
  }
  expect(validated).toEqual(envelope)
  expect(sent).toEqual({
    ...envelope,
    Subject: 'Amazon SES Email Event Notification',
    Message: expect.stringMatching(/^\{.*\}\n$/),
  })
  const mail = {
    timestamp: '2026-01-01T00:00:00.000Z',
    source,
    sourceArn: 'arn:aws:ses:us-east-1:000000000000:identity/manireports.test',
    sendingAccountId: '000000000000',
    messageId,
    destination: ['ann@example.com'],
    headersTruncated: false,
    headers: expect.arrayContaining([
      { name: 'From', value: `ManiReports <${source}>` },
      { name: 'To', value: 'ann@example.com' },
      { name: 'Subject', value: '=?UTF-8?B?R3LDvMOfZQ==?=' },
      { name: 'MIME-Version', value: '1.0' },
    ]),
    commonHeaders: {
      from: [`ManiReports <${source}>`],
      date: 'Thu, 01 Jan 2026 00:00:00 +0000',
      to: ['ann@example.com'],
      messageId,
      subject: 'Grüße',
    },
    tags: {
      'ses:operation': ['SendEmail'],
      'ses:configuration-set': ['jobs'],
      'ses:source-ip': ['127.0.0.1'],
      'ses:from-domain': ['manireports.test'],
      job: ['42'],
      'ses:caller-identity': ['offload'],
    },
  }
  expect(eventsOf(server)).toEqual([
    { eventType: 'Send', mail, send: {} },
    {
      eventType: 'Delivery',
      mail: { ...mail, tags: { ...mail.tags, 'ses:outgoing-ip': ['127.0.0.1'] } },
      delivery: {
        timestamp: '2026-01-01T00:00:00.500Z',
        processingTimeMillis: 500,
        recipients: ['ann@example.com'],
        smtpResponse: '250 2.0.0 Ok: queued as 1',
        reportingMTA: expect.any(String),
      },
    },
  ])
})

test('a destination gets the types that it asks for, and nothing while it is switched off', async () => {
  const server = await withSet(['bounce', 'complaint'])
  await send(server, simulator('bounce'))
  await send(server, simulator('complaint'))
  await send(server, 'ann@example.com')
  await server.clock.advance(2000)
  expect(eventsOf(server).map(({ eventType }) => eventType)).toEqual(['Bounce', 'Complaint'])
  expect(eventsOf(server)[0]?.['bounce']).toMatchObject({
    bounceType: 'Permanent',
    bounceSubType: 'General',
    bouncedRecipients: [{ emailAddress: simulator('bounce'), action: 'failed', status: '5.1.1' }],
  })
  expect(eventsOf(server)[1]?.['complaint']).toMatchObject({ complaintFeedbackType: 'abuse' })

  const change = (Enabled: boolean, MatchingEventTypes: EventType[]) =>
    server.v1.send(
      new UpdateConfigurationSetEventDestinationCommand({
        ConfigurationSetName: 'jobs',
        EventDestination: {
          Name: 'events',
          Enabled,
          MatchingEventTypes,
          SNSDestination: { TopicARN: topic('mail-events') },
        },
      }),
    )
  await change(false, ['bounce', 'send'])
  await send(server, simulator('bounce'))
  await server.clock.advance(2000)
  expect(eventsOf(server)).toHaveLength(2)
  await change(true, ['send'])
  await send(server, simulator('bounce'))
  await server.clock.advance(2000)
  expect(eventsOf(server).map(({ eventType }) => eventType)).toEqual(['Bounce', 'Complaint', 'Send'])
})

test('DeliveryDelay where a server puts a mail off, and its end', async () => {
  const server = await sesServer()
  await server.v2.send(new CreateSetV2({ ConfigurationSetName: 'jobs' }))
  await server.v2.send(
    new CreateDestinationV2({
      ConfigurationSetName: 'jobs',
      EventDestinationName: 'all',
      EventDestination: {
        Enabled: true,
        MatchingEventTypes: ['DELIVERY_DELAY', 'DELIVERY', 'BOUNCE'],
        SnsDestination: { TopicArn: topic('mail-events') },
      },
    }),
  )
  server.answer(() => ({ outcome: 'deferred', error: '452 4.2.2 mailbox full', ambiguous: false }))
  await send(server, 'full@example.com')
  server.answer(() => ({ outcome: 'deferred', error: 'SMTP 127.0.0.1:1: refused', ambiguous: false }))
  await send(server, 'away@example.com')
  await server.clock.advance(500)
  expect(eventsOf(server)).toMatchObject([
    {
      eventType: 'DeliveryDelay',
      mail: { tags: { 'ses:configuration-set': ['jobs'] } },
      deliveryDelay: {
        timestamp: '2026-01-01T00:00:00.500Z',
        delayType: 'MailboxFull',
        expirationTime: '2026-01-01T14:00:00.000Z',
        delayedRecipients: [
          { emailAddress: 'full@example.com', status: '4.2.2', diagnosticCode: 'smtp; 452 4.2.2 mailbox full' },
        ],
      },
    },
    {
      eventType: 'DeliveryDelay',
      deliveryDelay: {
        delayType: 'TransientCommunicationFailure',
        delayedRecipients: [{ emailAddress: 'away@example.com', status: '4.4.1' }],
      },
    },
  ])
  await server.clock.advance(15 * 3_600_000)
  expect(eventsOf(server).map(({ eventType }) => eventType)).toEqual([
    'DeliveryDelay',
    'DeliveryDelay',
    'Bounce',
    'Bounce',
  ])
})

test('a virus is accepted and rejected; a template that lacks data fails', async () => {
  const server = await withSet(['send', 'reject', 'renderingFailure', 'delivery'])
  const eicar = Buffer.from('X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*')
  const { MessageId: rejected } = await server.v2.send(
    new SendV2({
      FromEmailAddress: source,
      Destination: { ToAddresses: ['ann@example.com'] },
      Content: { Simple: { ...text, Attachments: [{ FileName: 'a.txt', RawContent: eicar }] } },
      ConfigurationSetName: 'jobs',
    }),
  )
  await server.v1.send(new CreateTemplateCommand({ Template: { TemplateName: 'hi', SubjectPart: 'Hi {{name}}' } }))
  const { MessageId: unrendered } = await server.v1.send(
    new SendTemplatedEmailCommand({
      Source: source,
      Destination: { ToAddresses: ['ann@example.com'] },
      Template: 'hi',
      TemplateData: '{}',
      ConfigurationSetName: 'jobs',
    }),
  )
  await server.clock.advance(2000)
  expect(server.delivered).toEqual([])
  expect(eventsOf(server)).toMatchObject([
    { eventType: 'Send', mail: { messageId: rejected } },
    { eventType: 'Reject', mail: { messageId: rejected }, reject: { reason: 'Bad content' } },
    { eventType: 'Send', mail: { messageId: unrendered, tags: { 'ses:operation': ['SendTemplatedEmail'] } } },
    {
      eventType: 'Rendering Failure',
      mail: { messageId: unrendered, destination: ['ann@example.com'] },
      failure: { errorMessage: "Attribute 'name' is not present in the rendering data.", templateName: 'hi' },
    },
  ])
  expect(server.ses.statistics()).toMatchObject([{ rejects: 1 }])
})

test('a raw message names its set and its tags in its header, and nobody is shown them', async () => {
  const server = await withSet(['send'])
  const raw = [
    `From: ${source}`,
    'To: ann@example.com',
    'Subject: s',
    'X-SES-CONFIGURATION-SET: jobs',
    'X-SES-MESSAGE-TAGS: job=7, kind=reminder',
    '',
    'x',
  ].join('\r\n')
  await server.v1.send(new SendRawEmailCommand({ RawMessage: { Data: Buffer.from(raw) } }))
  expect(eventsOf(server)).toMatchObject([
    { mail: { tags: { job: ['7'], kind: ['reminder'], 'ses:operation': ['SendRawEmail'] } } },
  ])
  expect(server.delivered[0]?.raw).not.toMatch(/x-ses/i)
  const other = Buffer.from(raw.replace('jobs', 'nothing'))
  expect(await failure(server.v1.send(new SendRawEmailCommand({ RawMessage: { Data: other } })))).toMatchObject({
    name: 'ConfigurationSetDoesNotExistException',
  })
})

test('raw message delivery, and an HTTP address, where the configuration says so', async () => {
  const url = 'http://127.0.0.1:1/sns'
  const server = await withSet(['send'], {
    settings: { topics: { 'mail-events': { queue: 'raw-events', url, raw: true } } },
  })
  expect([...server.queues]).toEqual(['raw-events'])
  await send(server, 'ann@example.com')
  await server.clock.advance(1)
  expect(server.published).toMatchObject([{ queue: 'raw-events', body: { eventType: 'Send' } }])
  expect(server.posted.at(-1)).toMatchObject({ url, headers: { 'x-amz-sns-rawdelivery': 'true' } })

  const wrapped = await withSet(['send'], { settings: { topics: { 'mail-events': { url, raw: false } } } })
  await send(wrapped, 'ann@example.com')
  await wrapped.clock.advance(1)
  const { headers, body } = wrapped.posted.at(-1) ?? { headers: {}, body: '{}' }
  const { MessageId, Type } = JSON.parse(body) as Record<string, string>
  expect(Type).toBe('Notification')
  expect(headers).toEqual({
    'content-type': 'text/plain; charset=UTF-8',
    'x-amz-sns-message-type': 'Notification',
    'x-amz-sns-message-id': MessageId,
    'x-amz-sns-topic-arn': topic('mail-events'),
    'x-amz-sns-subscription-arn': expect.stringContaining(`${topic('mail-events')}:`),
  })
})

test('a topic whose queue has gone loses its event, not the mail', async () => {
  const server = await withSet(['send'], { failing: /There is no queue/ })
  server.refusePublishing(new Error('There is no queue "mail-events"'))
  expect(await send(server, 'ann@example.com')).toMatch(/-000000$/)
  expect(server.delivered).toHaveLength(1)
})

test('sets and destinations are made, listed, changed and removed, in both protocols', async () => {
  const { v1, v2 } = await sesServer()
  await v1.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: 'a' } }))
  await v2.send(new CreateSetV2({ ConfigurationSetName: 'b', SendingOptions: { SendingEnabled: false } }))
  const first = await v1.send(new ListConfigurationSetsCommand({ MaxItems: 1 }))
  expect(first.ConfigurationSets).toEqual([{ Name: 'a' }])
  const rest = await v1.send(new ListConfigurationSetsCommand({ NextToken: first.NextToken }))
  expect(rest).toMatchObject({ ConfigurationSets: [{ Name: 'b' }] })
  expect((await v2.send(new ListSetsV2({}))).ConfigurationSets).toEqual(['a', 'b'])
  expect(await v2.send(new GetConfigurationSetCommand({ ConfigurationSetName: 'b' }))).toMatchObject({
    ConfigurationSetName: 'b',
    SendingOptions: { SendingEnabled: false },
  })

  await v2.send(
    new CreateDestinationV2({
      ConfigurationSetName: 'a',
      EventDestinationName: 'd',
      EventDestination: {
        Enabled: true,
        MatchingEventTypes: ['RENDERING_FAILURE', 'BOUNCE'],
        SnsDestination: { TopicArn: topic('t') },
      },
    }),
  )
  const described = await v1.send(
    new DescribeConfigurationSetCommand({
      ConfigurationSetName: 'a',
      ConfigurationSetAttributeNames: ['eventDestinations'],
    }),
  )
  expect(described).toMatchObject({
    ConfigurationSet: { Name: 'a' },
    EventDestinations: [
      {
        Name: 'd',
        Enabled: true,
        MatchingEventTypes: ['bounce', 'renderingFailure'],
        SNSDestination: { TopicARN: topic('t') },
      },
    ],
  })
  await v2.send(
    new UpdateDestinationV2({
      ConfigurationSetName: 'a',
      EventDestinationName: 'd',
      EventDestination: { MatchingEventTypes: ['DELIVERY_DELAY'], SnsDestination: { TopicArn: topic('t') } },
    }),
  )
  expect(
    (await v2.send(new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: 'a' }))).EventDestinations,
  ).toEqual([
    {
      Name: 'd',
      Enabled: false,
      MatchingEventTypes: ['DELIVERY_DELAY'],
      SnsDestination: { TopicArn: topic('t') },
    },
  ])
  await v2.send(new DeleteDestinationV2({ ConfigurationSetName: 'a', EventDestinationName: 'd' }))
  expect(
    (await v2.send(new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: 'a' }))).EventDestinations,
  ).toEqual([])
  await v1.send(new DeleteConfigurationSetCommand({ ConfigurationSetName: 'a' }))
  await v2.send(new DeleteSetV2({ ConfigurationSetName: 'b' }))
  expect((await v2.send(new ListSetsV2({}))).ConfigurationSets).toEqual([])
})

test('what is refused, in each protocol’s form', async () => {
  const server = await withSet(['send'])
  const { v1, v2 } = server
  const sns = { SNSDestination: { TopicARN: topic('t') } }
  const destination = (ConfigurationSetName: string, Name: string, TopicARN = topic('t')) =>
    new CreateConfigurationSetEventDestinationCommand({
      ConfigurationSetName,
      EventDestination: { Name, MatchingEventTypes: ['send'], SNSDestination: { TopicARN } },
    })
  const mail = { FromEmailAddress: source, Destination: { ToAddresses: ['a@example.com'] }, Content: { Simple: text } }
  const missing = 'Configuration set <no> does not exist.'
  const rows: [() => Promise<unknown>, number, string, string][] = [
    [() => send(server, 'a@example.com', 'no'), 400, 'ConfigurationSetDoesNotExistException', missing],
    [() => v2.send(new SendV2({ ...mail, ConfigurationSetName: 'no' })), 404, 'NotFoundException', missing],
    [() => v1.send(destination('no', 'd')), 400, 'ConfigurationSetDoesNotExistException', missing],
    [
      () => v1.send(new DeleteConfigurationSetCommand({ ConfigurationSetName: 'no' })),
      400,
      'ConfigurationSetDoesNotExistException',
      missing,
    ],
    [() => v2.send(new DeleteSetV2({ ConfigurationSetName: 'no' })), 404, 'NotFoundException', missing],
    [() => v2.send(new GetConfigurationSetCommand({ ConfigurationSetName: 'no' })), 404, 'NotFoundException', missing],
    [
      () => v1.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: 'jobs' } })),
      400,
      'ConfigurationSetAlreadyExistsException',
      'Configuration set <jobs> already exists.',
    ],
    [
      () => v2.send(new CreateSetV2({ ConfigurationSetName: 'jobs' })),
      400,
      'AlreadyExistsException',
      'Configuration set <jobs> already exists.',
    ],
    [
      () => v1.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: 'a b' } })),
      400,
      'InvalidConfigurationSetException',
      "Invalid configuration set name <a b>: only alphanumeric ASCII characters, '_', and '-' are allowed.",
    ],
    [
      () => v1.send(destination('jobs', 'events')),
      400,
      'EventDestinationAlreadyExistsException',
      'An event destination with name <events> already exists for configuration set <jobs>.',
    ],
    [
      () =>
        v1.send(
          new DeleteConfigurationSetEventDestinationCommand({
            ConfigurationSetName: 'jobs',
            EventDestinationName: 'no',
          }),
        ),
      400,
      'EventDestinationDoesNotExistException',
      'No EventDestination found for jobs',
    ],
    [
      () =>
        v1.send(
          new UpdateConfigurationSetEventDestinationCommand({
            ConfigurationSetName: 'jobs',
            EventDestination: { Name: 'no', MatchingEventTypes: ['send'], ...sns },
          }),
        ),
      400,
      'EventDestinationDoesNotExistException',
      'No EventDestination found for jobs',
    ],
    [
      () => v1.send(destination('jobs', 'd', 'mail-events')),
      400,
      'InvalidSNSDestinationException',
      'Invalid SNS topic <mail-events>: arn:aws:sns:REGION:ACCOUNT:NAME is expected.',
    ],
    [
      () =>
        v2.send(
          new CreateDestinationV2({
            ConfigurationSetName: 'jobs',
            EventDestinationName: 'd',
            EventDestination: { MatchingEventTypes: ['SEND'], EventBridgeDestination: { EventBusArn: 'arn' } },
          }),
        ),
      400,
      'BadRequestException',
      'Offload publishes events to SNS topics alone: the destination needs SnsDestination.',
    ],
  ]
  for (const [call, status, name, message] of rows) expect(await failure(call())).toEqual({ status, name, message })

  await v1.send(new CreateTemplateCommand({ Template: { TemplateName: 't', SubjectPart: 's', TextPart: 't' } }))
  const bulk = await v1.send(
    new SendBulkTemplatedEmailCommand({
      Source: source,
      Template: 't',
      DefaultTemplateData: '{}',
      ConfigurationSetName: 'no',
      Destinations: [{ Destination: { ToAddresses: ['a@example.com'] } }],
    }),
  )
  expect(bulk.Status).toEqual([{ Status: 'ConfigurationSetDoesNotExist', Error: missing }])
  const bulkV2 = await v2.send(
    new SendBulkEmailCommand({
      FromEmailAddress: source,
      ConfigurationSetName: 'no',
      DefaultContent: { Template: { TemplateName: 't', TemplateData: '{}' } },
      BulkEmailEntries: [{ Destination: { ToAddresses: ['a@example.com'] } }],
    }),
  )
  expect(bulkV2.BulkEmailEntryResults).toEqual([{ Status: 'CONFIGURATION_SET_NOT_FOUND', Error: missing }])
  expect(server.delivered).toEqual([])
  expect(server.journal.read().map(({ event }) => event)).toContainEqual({
    type: 'mail.refused',
    provider: 'ses',
    reason: expect.stringContaining('aws sesv2 create-configuration-set --configuration-set-name no'),
  })
})

test('a set that the configuration names is there from the start, and after a reset', async () => {
  const server = await sesServer({ settings: { configurationSets: ['jobs'] } })
  expect(await send(server, 'a@example.com')).toMatch(/-000000$/)
  await server.v1.send(new DeleteConfigurationSetCommand({ ConfigurationSetName: 'jobs' }))
  expect(await failure(send(server, 'a@example.com'))).toMatchObject({ status: 400 })
  server.ses.reset()
  expect(await send(server, 'a@example.com')).toMatch(/-000000$/)
})

test('a set has ten event destinations at most', async () => {
  const { v1 } = await sesServer()
  await v1.send(new CreateConfigurationSetCommand({ ConfigurationSet: { Name: 'jobs' } }))
  const add = (index: number) =>
    v1.send(
      new CreateConfigurationSetEventDestinationCommand({
        ConfigurationSetName: 'jobs',
        EventDestination: {
          Name: `d${index}`,
          MatchingEventTypes: ['send'],
          SNSDestination: { TopicARN: topic('t') },
        },
      }),
    )
  for (let index = 0; index < 10; index++) await add(index)
  expect(await failure(add(10))).toMatchObject({ status: 400, name: 'LimitExceededException' })
})

test('a set that is switched off sends nothing', async () => {
  const server = await withSet(['send'])
  await server.v1.send(
    new UpdateConfigurationSetSendingEnabledCommand({ ConfigurationSetName: 'jobs', Enabled: false }),
  )
  expect(await failure(send(server, 'a@example.com'))).toMatchObject({
    status: 400,
    name: 'ConfigurationSetSendingPausedException',
  })
  await server.v2.send(
    new PutConfigurationSetSendingOptionsCommand({ ConfigurationSetName: 'jobs', SendingEnabled: true }),
  )
  expect(await send(server, 'a@example.com')).toMatch(/-000000$/)
})

test('a MAIL FROM domain without its MX record refuses mails only where it is to', async () => {
  const { v1, v2 } = await sesServer()
  const mail = new SendEmailCommand({
    Source: source,
    Destination: { ToAddresses: ['a@example.com'] },
    Message: text,
  })
  const set = (MailFromDomain: string | undefined, BehaviorOnMXFailure: 'UseDefaultValue' | 'RejectMessage') =>
    v1.send(new SetIdentityMailFromDomainCommand({ Identity: source, MailFromDomain, BehaviorOnMXFailure }))
  await set('bounce.invalid', 'UseDefaultValue')
  await v1.send(mail)
  await set('bounce.invalid', 'RejectMessage')
  const message =
    'The message could not be sent because Amazon SES could not read the MX record required to use the specified MAIL FROM domain.'
  expect(await failure(v1.send(mail))).toEqual({ status: 400, name: 'MailFromDomainNotVerifiedException', message })
  const { MailFromDomainAttributes } = await v1.send(
    new GetIdentityMailFromDomainAttributesCommand({ Identities: [source] }),
  )
  expect(MailFromDomainAttributes).toEqual({
    [source]: {
      MailFromDomain: 'bounce.invalid',
      MailFromDomainStatus: 'Failed',
      BehaviorOnMXFailure: 'RejectMessage',
    },
  })
  await v2.send(
    new PutEmailIdentityMailFromAttributesCommand({
      EmailIdentity: source,
      MailFromDomain: 'bounce.manireports.test',
      BehaviorOnMxFailure: 'REJECT_MESSAGE',
    }),
  )
  await v1.send(mail)
  expect((await v2.send(new GetEmailIdentityCommand({ EmailIdentity: source }))).MailFromAttributes).toEqual({
    MailFromDomain: 'bounce.manireports.test',
    MailFromDomainStatus: 'SUCCESS',
    BehaviorOnMxFailure: 'REJECT_MESSAGE',
  })
  await set(undefined, 'UseDefaultValue')
  expect((await v2.send(new GetEmailIdentityCommand({ EmailIdentity: source }))).MailFromAttributes).toBeUndefined()
  expect(await failure(set('elsewhere.test', 'RejectMessage'))).toMatchObject({
    name: 'InvalidParameterValue',
    message: `Provided MAIL-FROM domain <elsewhere.test> is not subdomain of the domain of the identity <${source}>`,
  })
})

test('tags, in AWS’s words', async () => {
  const { v1 } = await sesServer()
  const refusal = (Name: string, Value: string) =>
    failure(
      v1.send(
        new SendEmailCommand({
          Source: source,
          Destination: { ToAddresses: ['a@example.com'] },
          Message: text,
          Tags: [{ Name, Value }],
        }),
      ),
    ).then(({ message }) => message)
  expect(await refusal('a:b', 'c')).toBe(
    "Invalid tag name <a:b>: only alphanumeric ASCII characters, '_',  '-' are allowed.",
  )
  expect(await refusal('a', 'b:c')).toBe(
    "Invalid tag value <b:c>: only alphanumeric ASCII characters, '_',  '-' , '.', '@' are allowed.",
  )
  expect(await refusal('a'.repeat(256), 'b')).toBe('Tag name cannot exceed 255 characters.')
  expect(await refusal('a', 'b'.repeat(256))).toBe('Tag value cannot exceed 255 characters.')
  expect(await refusal('', 'b')).toBe('The tag name must be specified.')
  expect(await refusal('a', '')).toBe('The tag value must be specified.')
})
