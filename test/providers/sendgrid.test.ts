import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
afterAll(() => server.close())

const path = '/v3/mail/send'
const mail = {
  personalizations: [{ to: [{ email: 'ada@example.test', name: 'Ada' }] }],
  from: { email: 'noreply@manireports.test', name: 'ManiReports' },
  subject: 'Your course',
  content: [
    { type: 'text/plain', value: 'Hello' },
    { type: 'text/html', value: '<p>Hello</p>' },
  ],
}
const without = (name: keyof typeof mail) => ({ ...mail, [name]: undefined })
const to = (email: string) => [{ to: [{ email }] }]

describe('a mail that SendGrid takes', () => {
  it('is answered 202, an empty body and X-Message-Id, and arrives', async () => {
    const before = server.count()
    const answer = await server.request(path, json(mail))
    expect(answer.status).toBe(202)
    expect(answer.text).toBe('')
    expect(answer.headers.get('x-message-id')).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(answer.headers.get('x-ratelimit-limit')).toBe('10000')
    const [sent] = await server.sent(before)
    expect(sent?.envelope).toEqual({ from: 'noreply@manireports.test', to: ['ada@example.test'] })
    expect(sent?.mail).toMatchObject({
      subject: 'Your course',
      from: { name: 'ManiReports', address: 'noreply@manireports.test' },
      to: [{ name: 'Ada', address: 'ada@example.test' }],
      text: 'Hello\n',
      html: expect.stringContaining('<p>Hello</p>'),
    })
  })

  it('is one message for each personalization, with its own subject, headers and substitutions', async () => {
    const before = server.count()
    const people = ['Ada', 'Grace'].map((name) => ({
      to: [{ email: `${name.toLowerCase()}@example.test` }],
      bcc: [{ email: `audit-${name.toLowerCase()}@example.test` }],
      subject: `Hello -name-`,
      headers: { 'X-Person': name },
      substitutions: { '-name-': name },
    }))
    const content = [{ type: 'text/html', value: '<b>-name-</b>, -name-' }]
    const answer = await server.request(path, json({ ...mail, personalizations: people, content }))
    expect(answer.status).toBe(202)
    const sent = await server.sent(before)
    expect(sent.map(({ mail: { subject, html } }) => [subject, html?.trim()])).toEqual([
      ['Hello Ada', '<b>Ada</b>, Ada'],
      ['Hello Grace', '<b>Grace</b>, Grace'],
    ])
    expect(sent[0]?.envelope.to).toEqual(['ada@example.test', 'audit-ada@example.test'])
    expect(sent[0]?.raw).not.toMatch(/audit-ada/)
    expect(sent[0]?.mail.headers).toContainEqual(expect.objectContaining({ key: 'x-person', value: 'Ada' }))
  })

  it('carries its attachments', async () => {
    const before = server.count()
    const content = Buffer.from('%PDF-1.7 ...')
    const attachments = [{ content: content.toString('base64'), filename: 'Zertifikat ä.pdf', type: 'application/pdf' }]
    expect((await server.request(path, json({ ...mail, attachments }))).status).toBe(202)
    const [sent] = await server.sent(before)
    const [attachment] = sent?.mail.attachments ?? []
    expect(attachment).toMatchObject({ filename: 'Zertifikat ä.pdf', mimeType: 'application/pdf' })
    expect(Buffer.from(attachment?.content as ArrayBuffer).equals(content)).toBe(true)
  })

  it('to a thousand people at once reaches all of them', async () => {
    const before = server.count()
    const personalizations = Array.from({ length: 1000 }, (_, index) => ({ to: [{ email: `p${index}@example.test` }] }))
    expect((await server.request(path, json({ ...mail, personalizations }))).status).toBe(202)
    expect(server.count() - before).toBe(1000)
  })

  it('in sandbox mode is checked and not sent', async () => {
    const before = server.count()
    const answer = await server.request(path, json({ ...mail, mail_settings: { sandbox_mode: { enable: true } } }))
    expect([answer.status, answer.text]).toEqual([200, ''])
    expect(server.count()).toBe(before)
  })
})

const help = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.'
const refusals: readonly {
  of: string
  init: () => RequestInit
  status: number
  error: { message: unknown; field: string | null; help?: string | null }
}[] = [
  {
    of: 'no key',
    init: () => json(mail, { authorization: '' }),
    status: 401,
    error: { message: 'Permission denied, wrong credentials', field: null, help: null },
  },
  {
    of: 'a body that is no JSON',
    init: () => json('{"personalizations": ['),
    status: 400,
    error: { message: 'Bad Request', field: null, help: null },
  },
  {
    of: 'another content type',
    init: () => json(mail, { 'content-type': 'text/plain' }),
    status: 415,
    error: { message: 'Content-Type should be application/json.', field: null, help: null },
  },
  {
    of: 'no personalizations',
    init: () => json(without('personalizations')),
    status: 400,
    error: {
      message: 'The personalizations field is required and must have at least one personalization.',
      field: 'personalizations',
      help: `${help}personalizations`,
    },
  },
  {
    of: 'no sender',
    init: () => json(without('from')),
    status: 400,
    error: { message: expect.stringMatching(/^The from object must be provided/), field: 'from', help: `${help}from` },
  },
  {
    of: 'no subject anywhere',
    init: () => json(without('subject')),
    status: 400,
    error: { message: expect.stringMatching(/^The subject is required\./), field: 'subject', help: `${help}subject` },
  },
  {
    of: 'no content',
    init: () => json(without('content')),
    status: 400,
    error: { message: expect.stringMatching(/^Unless a valid template_id is provided/), field: 'content' },
  },
  {
    of: 'empty content',
    init: () => json({ ...mail, content: [{ type: 'text/html', value: '' }] }),
    status: 400,
    error: {
      message: 'The content value must be a string at least one character in length.',
      field: 'content.0.value',
      help: `${help}content.value`,
    },
  },
  {
    of: 'an address that is none',
    init: () => json({ ...mail, personalizations: to('ada') }),
    status: 400,
    error: {
      message: 'Does not contain a valid address.',
      field: 'personalizations.0.to.0.email',
      help: `${help}personalizations.to`,
    },
  },
  {
    of: 'nobody to send to',
    init: () => json({ ...mail, personalizations: [{ to: [] }] }),
    status: 400,
    error: { message: expect.stringMatching(/^The to array is required/), field: 'personalizations.0.to' },
  },
  {
    of: 'one address twice',
    init: () => json({ ...mail, personalizations: [{ to: [{ email: 'a@x.test' }], cc: [{ email: 'A@x.test' }] }] }),
    status: 400,
    error: {
      message: expect.stringMatching(/We found the first duplicate instance of \[A@x\.test\]/),
      field: 'personalizations.0',
    },
  },
  {
    of: 'more than a thousand personalizations',
    init: () =>
      json({ ...mail, personalizations: Array.from({ length: 1001 }, () => ({ to: [{ email: 'a@x.test' }] })) }),
    status: 400,
    error: {
      message: expect.stringMatching(/^The personalization block is limited to 1000 personalizations.*provided 1001/),
      field: 'personalizations',
    },
  },
  {
    of: 'an attachment that is no base64',
    init: () => json({ ...mail, attachments: [{ content: '%PDF', filename: 'a.pdf' }] }),
    status: 400,
    error: { message: 'The attachment content must be base64 encoded.', field: 'attachments.0.content' },
  },
  {
    of: 'a reserved header',
    init: () => json({ ...mail, headers: { Subject: 'other' } }),
    status: 400,
    error: { message: 'You cannot use the reserved header "Subject".', field: 'headers' },
  },
  {
    of: 'a header that would begin another',
    init: () => json({ ...mail, headers: { 'X-A\r\nBcc': 'b@x.test' } }),
    status: 400,
    error: { message: expect.stringMatching(/must be ASCII/), field: 'headers' },
  },
]

describe('a mail that SendGrid refuses', () => {
  it.each(refusals)('for $of', async ({ init, status, error }) => {
    const before = server.count()
    const answer = await server.request(path, init())
    expect(answer.status).toBe(status)
    expect(answer.body).toEqual({
      errors: [
        {
          message: error.message,
          field: error.field,
          help: error.help === undefined ? expect.any(String) : error.help,
        },
      ],
    })
    expect(server.count()).toBe(before)
  })

  it('is told with 404 and 405 at other addresses', async () => {
    expect((await server.request('/v3/mail/batch', json({}))).body).toEqual({
      errors: [{ message: 'Not Found', field: null, help: null }],
    })
    expect((await server.request(path, { method: 'GET' })).status).toBe(405)
  })

  it('is told with 413 where it is larger than 30 MB', async () => {
    const answer = await server.request(path, json(' '.repeat(31 * 1024 * 1024)))
    expect(answer.status).toBe(413)
    expect(answer.body).toMatchObject({ errors: [{ field: null }] })
  })
})

it('takes one key alone where signatures are verified', async () => {
  const strict = await providerServer({ apiKey: 'SG.secret' })
  try {
    expect(await strict.request(path, json(mail))).toMatchObject({
      status: 401,
      body: {
        errors: [
          { message: 'The provided authorization grant is invalid, expired, or revoked', field: null, help: null },
        ],
      },
    })
    expect((await strict.request(path, json(mail, { authorization: 'Bearer SG.secret' }))).status).toBe(202)
  } finally {
    await strict.close()
  }
})

it('sends only from the domains of the account, where they are named', async () => {
  const strict = await providerServer({ settings: { sendingDomains: ['manireports.test'] } })
  try {
    expect((await strict.request(path, json(mail))).status).toBe(202)
    expect(await strict.request(path, json({ ...mail, from: { email: 'a@other.test' } }))).toMatchObject({
      status: 403,
      body: { errors: [{ message: expect.stringMatching(/verified Sender Identity/), field: 'from' }] },
    })
  } finally {
    await strict.close()
  }
})
