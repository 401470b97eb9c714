import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
afterAll(() => server.close())

const path = '/tx/v1/send'
const mail = {
  personalizations: [{ to: [{ email: 'ada@example.test', name: 'Ada' }] }],
  from: { email: 'noreply@manireports.test', name: 'ManiReports' },
  subject: 'Your course',
  content: [{ type: 'text/html', value: '<p>Hello</p>' }],
}
// The only header that MailChannels reads.
const init = (body: unknown, key = 'key'): RequestInit => ({
  headers: key === '' ? {} : { 'x-api-key': key },
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

it('a dry run is refused, and sends nothing', async () => {
  const before = server.count()
  const answer = await server.request(`${path}?dry-run=true`, init(mail))
  expect(answer).toMatchObject({ status: 400, body: { errors: [expect.stringContaining('dry-run is not emulated')] } })
  expect(server.count()).toBe(before)
  expect(await server.request(`${path}?dry-run=false`, init(mail))).toMatchObject({ status: 202 })
})

describe('a mail that MailChannels takes', () => {
  it('is answered 202 with a result for each personalization, and arrives', async () => {
    const before = server.count()
    const personalizations = ['ada', 'grace'].map((name) => ({
      to: [{ email: `${name}@example.test` }],
      dynamic_template_data: { name: `<${name}>`, plain: { html: '<b>' } },
      headers: { 'x-course': name },
    }))
    const content = [
      { type: 'text/html', value: '<p>{{name}} {{{plain.html}}}{{absent}}</p>', template_type: 'mustache' },
    ]
    const answer = await server.request(
      path,
      init({ ...mail, personalizations, content, headers: { 'X-Course': 'all', 'X-Other': '1' } }),
    )
    expect(answer.status).toBe(202)
    const result = (index: number) => ({
      index,
      message_id: expect.stringMatching(/@manireports\.test$/),
      status: 'sent',
      reason: '',
    })
    expect(answer.body).toEqual({
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      results: [result(0), result(1)],
    })
    const sent = await server.sent(before)
    expect(sent.map((one) => one.mail.html?.trim())).toEqual(['<p>&lt;ada&gt; <b></p>', '<p>&lt;grace&gt; <b></p>'])
    const headers = sent[0]?.mail.headers
      .filter(({ key }) => key.startsWith('x-'))
      .map(({ key, value }) => [key, value])
    expect(headers).toEqual(
      expect.arrayContaining([
        ['x-course', 'ada'],
        ['x-other', '1'],
      ]),
    )
    expect(headers).not.toContainEqual(['x-course', 'all'])
  })

  it('to nobody but suppressed addresses is a failed result', async () => {
    server.mail.suppression.put({ address: 'gone@example.test', reason: 'BOUNCE' })
    const answer = await server.request(
      path,
      init({ ...mail, personalizations: [{ to: [{ email: 'gone@example.test' }] }] }),
    )
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ results: [{ status: 'failed', reason: expect.stringMatching(/suppression/) }] })
  })
})

const refusals: readonly { of: string; init: () => RequestInit; status: number; error: unknown }[] = [
  { of: 'no key', init: () => init(mail, ''), status: 401, error: expect.stringMatching(/X-Api-Key/) },
  { of: 'no JSON', init: () => init('{'), status: 400, error: 'The body is no valid JSON.' },
  { of: 'an empty body', init: () => init(''), status: 400, error: 'The body is empty.' },
  {
    of: 'no recipients',
    init: () => init({ ...mail, personalizations: [] }),
    status: 400,
    error: expect.stringMatching(/^personalizations: /),
  },
  {
    of: 'an address that is none',
    init: () => init({ ...mail, personalizations: [{ to: [{ email: 'ada@' }] }] }),
    status: 400,
    error: 'personalizations.0.to.0.email: not a valid email address (Missing domain)',
  },
  {
    of: 'a section of a template',
    init: () => init({ ...mail, content: [{ type: 'text/html', value: '{{#a}}x{{/a}}', template_type: 'mustache' }] }),
    status: 400,
    error: expect.stringMatching(/no sections/),
  },
  {
    of: 'a reserved header',
    init: () => init({ ...mail, headers: { 'Message-ID': '<a@b>' } }),
    status: 400,
    error: 'headers: the header Message-ID is reserved',
  },
  {
    of: 'a body nested deeper than anybody reads',
    init: () => init(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`),
    status: 400,
    error: expect.stringMatching(/nested deeper/),
  },
]

describe('a mail that MailChannels refuses', () => {
  it.each(refusals)('for $of', async ({ init: make, status, error }) => {
    const answer = await server.request(path, make())
    expect([answer.status, answer.body]).toEqual([status, { errors: [error] }])
  })
})
