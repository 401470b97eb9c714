import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
afterAll(() => server.close())

const path = '/v3/mg.manireports.test/messages'
const authorization = `Basic ${Buffer.from('api:key-1').toString('base64')}`
const fields = {
  from: 'ManiReports <noreply@mg.manireports.test>',
  to: 'Ada <ada@example.test>',
  subject: 'Your course',
  text: 'Hello',
  html: '<p>Hello</p>',
}
const form = (given: Record<string, string | readonly string[]>, headers: Record<string, string> = {}): RequestInit => {
  const body = new URLSearchParams()
  for (const [name, values] of Object.entries(given)) for (const value of [values].flat()) body.append(name, value)
  return { headers: { authorization, ...headers }, body }
}
const without = (name: keyof typeof fields) =>
  Object.fromEntries(Object.entries(fields).filter(([one]) => one !== name))

describe('a mail that Mailgun takes', () => {
  it('as a form is answered with its id and "Queued. Thank you."', async () => {
    const before = server.count()
    const answer = await server.request(path, form(fields))
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^<\d{14}\.[0-9a-f]{16}@mg\.manireports\.test>$/),
      message: 'Queued. Thank you.',
    })
    const [sent] = await server.sent(before)
    expect(sent?.mail.messageId).toBe((answer.body as { id: string }).id)
    expect(sent?.mail).toMatchObject({ subject: 'Your course', to: [{ name: 'Ada', address: 'ada@example.test' }] })
  })

  it('as multipart carries its attachments', async () => {
    const before = server.count()
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    const content = Buffer.from([0, 255, 13, 10, 45, 45, 0])
    body.append('attachment', new Blob([content], { type: 'application/pdf' }), 'certificate.pdf')
    body.append('h:X-Course', 'PHP')
    body.append('h:Reply-To', 'Help <help@example.test>')
    expect((await server.request(path, { headers: { authorization }, body })).status).toBe(200)
    const [sent] = await server.sent(before)
    const [attachment] = sent?.mail.attachments ?? []
    expect(attachment).toMatchObject({ filename: 'certificate.pdf', mimeType: 'application/pdf' })
    expect(Buffer.from(attachment?.content as ArrayBuffer).equals(content)).toBe(true)
    expect(sent?.mail.replyTo).toEqual([{ name: 'Help', address: 'help@example.test' }])
    expect(sent?.mail.headers).toContainEqual(expect.objectContaining({ key: 'x-course', value: 'PHP' }))
  })

  it('to several people is one message that all of them see', async () => {
    const before = server.count()
    const to = ['ada@example.test, Grace <grace@example.test>', 'linus@example.test']
    await server.request(path, form({ ...fields, to, bcc: 'audit@example.test' }))
    const sent = await server.sent(before)
    expect(sent).toHaveLength(1)
    expect(sent[0]?.envelope.to).toEqual([
      'ada@example.test',
      'grace@example.test',
      'linus@example.test',
      'audit@example.test',
    ])
    expect(sent[0]?.mail.to).toHaveLength(3)
    expect(sent[0]?.raw).not.toContain('audit@')
  })

  it('with recipient-variables is one message for each, with what is theirs', async () => {
    const before = server.count()
    const variables = { 'ada@example.test': { first: 'Ada', id: 1 }, 'Grace@example.test': { first: 'Grace', id: 2 } }
    await server.request(
      path,
      form({
        ...fields,
        to: ['ada@example.test', 'grace@example.test'],
        subject: 'Hi %recipient.first%',
        html: '<i>%recipient.id% %recipient% %recipient.absent%</i>',
        'recipient-variables': JSON.stringify(variables),
      }),
    )
    const sent = await server.sent(before)
    expect(sent.map(({ envelope, mail }) => [envelope.to, mail.to?.length, mail.subject, mail.html?.trim()])).toEqual([
      [['ada@example.test'], 1, 'Hi Ada', '<i>1 ada@example.test %recipient.absent%</i>'],
      [['grace@example.test'], 1, 'Hi Grace', '<i>2 grace@example.test %recipient.absent%</i>'],
    ])
  })

  it('in test mode is not sent', async () => {
    const before = server.count()
    expect((await server.request(path, form({ ...fields, 'o:testmode': 'yes' }))).status).toBe(200)
    expect(server.count()).toBe(before)
  })
})

const refusals: readonly { of: string; init: () => RequestInit; status: number; message: unknown }[] = [
  { of: 'no key', init: () => form(fields, { authorization: '' }), status: 401, message: 'Invalid private key' },
  {
    of: 'a Bearer token',
    init: () => form(fields, { authorization: 'Bearer key' }),
    status: 401,
    message: 'Invalid private key',
  },
  { of: 'no sender', init: () => form(without('from')), status: 400, message: 'from parameter is missing' },
  { of: 'no recipient', init: () => form(without('to')), status: 400, message: 'to parameter is missing' },
  {
    of: 'a recipient that is none',
    init: () => form({ ...fields, to: 'ada' }),
    status: 400,
    message: 'to parameter is not a valid address. please check documentation',
  },
  {
    of: 'no text and no html',
    init: () => form({ from: fields.from, to: fields.to }),
    status: 400,
    message: expect.stringMatching(/^Need at least one of/),
  },
  {
    of: 'recipient-variables that are no JSON',
    init: () => form({ ...fields, 'recipient-variables': '{' }),
    status: 400,
    message: 'recipient-variables parameter is not a valid JSON',
  },
  {
    of: 'more than 1000 recipients',
    init: () => form({ ...fields, to: Array.from({ length: 1001 }, (_, index) => `p${index}@x.test`) }),
    status: 400,
    message: expect.stringMatching(/1001 recipients: the limit is 1000/),
  },
  {
    of: 'a multipart body without its boundary',
    init: () => ({ headers: { authorization, 'content-type': 'multipart/form-data' }, body: 'x' }),
    status: 400,
    message: expect.stringMatching(/^The form cannot be read/),
  },
  {
    of: 'a multipart body that is cut short',
    init: () => ({
      headers: { authorization, 'content-type': 'multipart/form-data; boundary=b' },
      body: '--b\r\nContent-Disposition: form-data; name="from"\r\n\r\nnoreply@',
    }),
    status: 400,
    message: expect.stringMatching(/^The form cannot be read/),
  },
  {
    of: 'JSON',
    init: () => ({ headers: { authorization, 'content-type': 'application/json' }, body: '{}' }),
    status: 400,
    message: expect.stringMatching(/^The form cannot be read/),
  },
]

describe('a mail that Mailgun refuses', () => {
  it.each(refusals)('for $of', async ({ init, status, message }) => {
    const before = server.count()
    const answer = await server.request(path, init())
    expect([answer.status, answer.body]).toEqual([status, { message }])
    expect(server.count()).toBe(before)
  })

  it('is told 405 for a GET', async () => {
    expect((await server.request(path, { method: 'GET' })).status).toBe(405)
  })
})

it('knows only the domains of the account, where they are named', async () => {
  const strict = await providerServer({ settings: { sendingDomains: ['manireports.test'] } })
  try {
    expect((await strict.request('/v3/manireports.test/messages', form(fields))).status).toBe(200)
    const answer = await strict.request('/v3/other.test/messages', form(fields))
    expect([answer.status, answer.body]).toEqual([404, { message: 'Domain not found: other.test' }])
  } finally {
    await strict.close()
  }
})
