import {
  SendBulkTemplatedEmailCommand,
  SendEmailCommand,
  SendRawEmailCommand,
  SendTemplatedEmailCommand,
  CreateTemplateCommand,
} from '@aws-sdk/client-ses'
import {
  CreateEmailTemplateCommand,
  SendBulkEmailCommand,
  SendEmailCommand as SendEmailV2,
} from '@aws-sdk/client-sesv2'
import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import { sesServer, type SesServer } from './ses-server.ts'

const messageIdForm = /^0108[0-9a-f]{12}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-000000$/
const from = 'Académie <noreply@manireports.test>'

async function only({ delivered }: SesServer) {
  expect(delivered).toHaveLength(1)
  const { envelope, raw } = delivered[0] ?? { envelope: { from: '', to: [] }, raw: '' }
  return { envelope, raw, mail: await PostalMime.parse(raw) }
}

describe('SES v1', () => {
  test('SendEmail: everybody gets it, Bcc is seen by nobody, the id has SES’s form', async () => {
    const server = await sesServer()
    const { MessageId } = await server.v1.send(
      new SendEmailCommand({
        Source: from,
        Destination: {
          ToAddresses: ['Ann Ödegård <ann@bücher.example>', 'b@example.com'],
          CcAddresses: ['"Zoë, \\"Z\\"" <c@example.com>'],
          BccAddresses: ['secret@example.com', 'b@example.com'],
        },
        ReplyToAddresses: ['help@example.com'],
        Message: {
          Subject: { Data: 'Grüße & more' },
          Body: { Text: { Data: 'Hällo' }, Html: { Data: '<p>Hällo</p>' } },
        },
        Tags: [{ Name: 'campaign', Value: 'a.b@c' }],
      }),
    )
    expect(MessageId).toMatch(messageIdForm)
    expect(parseInt((MessageId ?? '').slice(4, 16), 16)).toBe(server.clock.now())
    const { envelope, raw, mail } = await only(server)
    expect(envelope).toEqual({
      from: 'noreply@manireports.test',
      to: ['ann@xn--bcher-kva.example', 'b@example.com', 'c@example.com', 'secret@example.com'],
    })
    expect(raw).not.toContain('secret@')
    expect(mail).toMatchObject({
      from: { name: 'Académie', address: 'noreply@manireports.test' },
      to: [
        { name: 'Ann Ödegård', address: 'ann@xn--bcher-kva.example' },
        { name: '', address: 'b@example.com' },
      ],
      cc: [{ name: 'Zoë, "Z"', address: 'c@example.com' }],
      replyTo: [{ address: 'help@example.com' }],
      subject: 'Grüße & more',
      text: expect.stringContaining('Hällo'),
      html: expect.stringContaining('<p>Hällo</p>'),
      messageId: `<${MessageId}@email.amazonses.com>`,
    })
  })

  test('SendRawEmail: sender and recipients from the header, which stays as it was but for Bcc and Message-ID', async () => {
    const server = await sesServer()
    server.ses.configurationSets.create('x')
    const raw =
      'From: "A" <a@example.com>\nTo: b@example.com,\n c@example.com\nCC: D <d@example.com>\nBcc: e@example.com\n' +
      'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nX-SES-CONFIGURATION-SET: x\nMessage-ID: <old@example.com>\nX-Own: 1\n\nbody\n\nend\n'
    const { MessageId } = await server.v1.send(new SendRawEmailCommand({ RawMessage: { Data: Buffer.from(raw) } }))
    const { envelope, raw: sent, mail } = await only(server)
    expect(envelope).toEqual({
      from: 'a@example.com',
      to: ['b@example.com', 'c@example.com', 'd@example.com', 'e@example.com'],
    })
    expect(sent).not.toMatch(/e@example\.com|configuration|old@/i)
    expect(mail).toMatchObject({
      subject: 'Grüße',
      messageId: `<${MessageId}@email.amazonses.com>`,
      date: expect.stringMatching(/^2026-01-01/),
    })
    expect(sent).toContain('X-Own: 1')
    expect(sent.split('\r\n\r\n')[1]).toBe('body\n\nend\n')
  })

  test('SendRawEmail: Source and Destinations are stronger than the header', async () => {
    const server = await sesServer()
    await server.v1.send(
      new SendRawEmailCommand({
        Source: 'bounces@example.com',
        Destinations: ['only@example.com'],
        RawMessage: { Data: Buffer.from('From: a@example.com\r\nTo: b@example.com\r\n\r\nx') },
      }),
    )
    const { envelope } = await only(server)
    expect(envelope).toEqual({ from: 'bounces@example.com', to: ['only@example.com'] })
  })

  test('templates, one by one and in bulk, where one that fails does not stop the others', async () => {
    const server = await sesServer()
    await server.v1.send(
      new CreateTemplateCommand({
        Template: {
          TemplateName: 'hello',
          SubjectPart: 'Hi {{name}}',
          TextPart: 'Hi {{name}}: {{#each courses}}{{this}} {{/each}}',
          HtmlPart: '<b>{{name}}</b>{{#if vip}}!{{else}}?{{/if}}',
        },
      }),
    )
    await server.v1.send(
      new SendTemplatedEmailCommand({
        Source: from,
        Destination: { ToAddresses: ['a@example.com'] },
        Template: 'hello',
        TemplateData: JSON.stringify({ name: 'Ann <x>', courses: ['PHP', 'SQL'], vip: true }),
      }),
    )
    const { mail } = await only(server)
    expect(mail).toMatchObject({ subject: 'Hi Ann <x>', text: 'Hi Ann <x>: PHP SQL \n', html: '<b>Ann <x></b>!\n' })

    const { Status } = await server.v1.send(
      new SendBulkTemplatedEmailCommand({
        Source: from,
        Template: 'hello',
        DefaultTemplateData: '{"name":"friend","courses":[]}',
        Destinations: [
          { Destination: { ToAddresses: ['b@example.com'] }, ReplacementTemplateData: '{"name":"Bob"}' },
          { Destination: { ToAddresses: ['nobody'] } },
          { Destination: { ToAddresses: ['c@example.com'] } },
        ],
      }),
    )
    expect(Status).toEqual([
      { Status: 'Success', MessageId: expect.stringMatching(messageIdForm) },
      { Status: 'InvalidParameterValue', Error: "Missing final '@domain'" },
      { Status: 'Success', MessageId: expect.stringMatching(messageIdForm) },
    ])
    const subjects = await Promise.all(server.delivered.map(async ({ raw }) => (await PostalMime.parse(raw)).subject))
    expect(subjects).toEqual(['Hi Ann <x>', 'Hi Bob', 'Hi friend'])
  })
})

describe('SES v2', () => {
  test('Simple, with header fields, an attachment and a picture in the html', async () => {
    const server = await sesServer()
    const { MessageId } = await server.v2.send(
      new SendEmailV2({
        FromEmailAddress: from,
        Destination: { ToAddresses: ['a@example.com'], BccAddresses: ['b@example.com'] },
        Content: {
          Simple: {
            Subject: { Data: 'Your certificate' },
            Body: { Html: { Data: '<img src="cid:logo">' } },
            Headers: [{ Name: 'List-Unsubscribe', Value: '<https://example.com/u>' }],
            Attachments: [
              { RawContent: Buffer.from('%PDF'), FileName: 'Zertifikat Ä.pdf', ContentType: 'application/pdf' },
              {
                RawContent: Buffer.from('png'),
                FileName: 'logo.png',
                ContentType: 'image/png',
                ContentDisposition: 'INLINE',
                ContentId: 'logo',
              },
            ],
          },
        },
      }),
    )
    expect(MessageId).toMatch(messageIdForm)
    const { envelope, mail } = await only(server)
    expect(envelope.to).toEqual(['a@example.com', 'b@example.com'])
    expect(mail.html).toContain('cid:logo')
    expect(mail.headers).toContainEqual(
      expect.objectContaining({ key: 'list-unsubscribe', value: '<https://example.com/u>' }),
    )
    expect(mail.attachments).toMatchObject([
      { filename: 'logo.png', disposition: 'inline', contentId: '<logo>' },
      { filename: 'Zertifikat Ä.pdf', disposition: 'attachment', mimeType: 'application/pdf' },
    ])
  })

  test('Raw to the destinations that are named', async () => {
    const server = await sesServer()
    await server.v2.send(
      new SendEmailV2({
        Destination: { ToAddresses: ['x@example.com'] },
        Content: { Raw: { Data: Buffer.from('From: a@example.com\r\nTo: undisclosed-recipients:;\r\n\r\nx') } },
      }),
    )
    expect((await only(server)).envelope).toEqual({ from: 'a@example.com', to: ['x@example.com'] })
  })

  test('Template by name, by ARN and given with the request', async () => {
    const server = await sesServer()
    const content = { Subject: 'S {{a.b}}', Text: 'T {{a.b}}' }
    await server.v2.send(new CreateEmailTemplateCommand({ TemplateName: 't', TemplateContent: content }))
    for (const template of [
      { TemplateName: 't' },
      { TemplateArn: 'arn:aws:ses:us-east-1:000000000000:template/t' },
      { TemplateContent: content },
    ]) {
      await server.v2.send(
        new SendEmailV2({
          FromEmailAddress: from,
          Destination: { ToAddresses: ['a@example.com'] },
          Content: { Template: { ...template, TemplateData: '{"a":{"b":"ö"}}' } },
        }),
      )
    }
    const mails = await Promise.all(server.delivered.map(({ raw }) => PostalMime.parse(raw)))
    expect(mails.map(({ subject, text }) => [subject, text])).toEqual(mails.map(() => ['S ö', 'T ö\n']))
    expect(mails).toHaveLength(3)
  })

  test('a template that names what the data lacks is accepted and not sent, and the log says why', async () => {
    const server = await sesServer()
    const { MessageId } = await server.v2.send(
      new SendEmailV2({
        FromEmailAddress: from,
        Destination: { ToAddresses: ['a@example.com'] },
        Content: { Template: { TemplateContent: { Subject: '{{absent}}', Text: 'x' }, TemplateData: '{}' } },
      }),
    )
    expect(MessageId).toMatch(messageIdForm)
    expect(server.delivered).toEqual([])
    expect(server.journal.read().map(({ event }) => event)).toContainEqual({
      type: 'mail.refused',
      provider: 'ses',
      reason: "Attribute 'absent' is not present in the rendering data.",
    })
  })

  test('bulk, each with its own data', async () => {
    const server = await sesServer({ settings: { rate: 2 } })
    const { BulkEmailEntryResults } = await server.v2.send(
      new SendBulkEmailCommand({
        FromEmailAddress: from,
        DefaultContent: {
          Template: { TemplateContent: { Subject: 'Hi {{name}}', Text: '{{name}}' }, TemplateData: '{"name":"you"}' },
        },
        BulkEmailEntries: [
          {
            Destination: { ToAddresses: ['a@example.com'] },
            ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: '{"name":"Ann"}' } },
          },
          { Destination: { ToAddresses: ['a b@example.com'] } },
          { Destination: { ToAddresses: ['c@example.com'] } },
          { Destination: { ToAddresses: ['d@example.com'] } },
        ],
      }),
    )
    expect(BulkEmailEntryResults).toEqual([
      { Status: 'SUCCESS', MessageId: expect.stringMatching(messageIdForm) },
      { Status: 'INVALID_PARAMETER', Error: 'Local address contains control or whitespace' },
      { Status: 'SUCCESS', MessageId: expect.stringMatching(messageIdForm) },
      { Status: 'ACCOUNT_THROTTLED', Error: 'Maximum sending rate exceeded.' },
    ])
    expect(server.delivered).toHaveLength(2)
  })
})
