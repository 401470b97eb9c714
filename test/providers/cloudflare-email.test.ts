import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
afterAll(() => server.close())

const path = '/client/v4/accounts/0123456789abcdef0123456789abcdef/email/sending/send'
const mail = {
  from: { address: 'noreply@manireports.test', name: 'ManiReports' },
  to: 'ada@example.test',
  subject: 'Your course',
  html: '<p>Hello</p>',
  text: 'Hello',
}

describe('a mail that Cloudflare takes', () => {
  it.each([path, path.replace('/client/v4', '')])('at %s is answered with what became of it', async (url) => {
    const before = server.count()
    const attachments = [{ content: 'aGVsbG8=', filename: 'a.txt', type: 'text/plain', disposition: 'attachment' }]
    const answer = await server.request(
      url,
      json({
        ...mail,
        to: ['Ada <ada@example.test>', { address: 'grace@example.test', name: 'Grace' }],
        bcc: 'audit@example.test',
        reply_to: 'help@example.test',
        headers: { 'X-Course': 'PHP' },
        attachments,
      }),
    )
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      success: true,
      errors: [],
      messages: [],
      result: {
        delivered: ['ada@example.test', 'grace@example.test', 'audit@example.test'],
        permanent_bounces: [],
        queued: [],
        message_id: expect.stringMatching(/^<[0-9a-f]{32}@manireports\.test>$/),
      },
    })
    const [sent] = await server.sent(before)
    expect(sent?.mail).toMatchObject({
      to: [
        { name: 'Ada', address: 'ada@example.test' },
        { name: 'Grace', address: 'grace@example.test' },
      ],
      replyTo: [{ address: 'help@example.test' }],
      attachments: [{ filename: 'a.txt' }],
    })
  })

  it('tells bounced, suppressed and queued recipients apart', async () => {
    server.mail.suppression.put({ address: 'held@example.test', reason: 'COMPLAINT' })
    server.answerMail(({ to }) =>
      to.includes('slow@example.test')
        ? { outcome: 'deferred', error: '421 4.7.0 later', ambiguous: false }
        : { outcome: 'accepted', response: '250 Ok' },
    )
    const bounce = await server.request(
      path,
      json({ ...mail, to: ['held@example.test', 'bounce@simulator.amazonses.com', 'ada@example.test'] }),
    )
    expect(bounce.body).toMatchObject({
      result: {
        delivered: ['ada@example.test'],
        permanent_bounces: ['held@example.test', 'bounce@simulator.amazonses.com'],
        queued: [],
      },
    })
    const slow = await server.request(path, json({ ...mail, to: 'slow@example.test' }))
    expect(slow.body).toMatchObject({ success: true, result: { delivered: [], queued: ['slow@example.test'] } })
    server.answerMail(() => ({ outcome: 'accepted', response: '250 Ok' }))
  })
})

const schema = 'email.sending.error.invalid_request_schema'
const refusals: readonly {
  of: string
  init: () => RequestInit
  status: number
  code: number
  message: string
  explained: unknown
}[] = [
  {
    of: 'no token',
    init: () => json(mail, { authorization: '' }),
    status: 401,
    code: 10101,
    message: 'email.sending.error.authentication.unauthorized',
    explained: expect.stringMatching(/Bearer/),
  },
  {
    of: 'no JSON',
    init: () => json('nonsense'),
    status: 400,
    code: 10001,
    message: schema,
    explained: expect.any(String),
  },
  {
    of: 'from.email, as the Workers binding has it',
    init: () => json({ ...mail, from: { email: 'noreply@manireports.test' } }),
    status: 400,
    code: 10001,
    message: schema,
    explained: 'from: an address, or {address, name}',
  },
  {
    of: 'an address that is none',
    init: () => json({ ...mail, to: ['ada@example.test', 'grace'] }),
    status: 400,
    code: 10001,
    message: schema,
    explained: "to.1: no valid address (Missing final '@domain')",
  },
  {
    of: 'no text and no html',
    init: () => json({ from: mail.from, to: mail.to, subject: 'x' }),
    status: 400,
    code: 10001,
    message: schema,
    explained: 'html: text or html is required',
  },
  {
    of: 'more than 50 recipients',
    init: () => json({ ...mail, to: Array.from({ length: 51 }, (_, index) => `p${index}@example.test`) }),
    status: 400,
    code: 10001,
    message: schema,
    explained: 'to: 51 recipients (to + cc + bcc); the limit is 50',
  },
  {
    of: 'more than 5 MiB',
    init: () => json({ ...mail, attachments: [{ content: 'A'.repeat(5 * 1024 * 1024), filename: 'a' }] }),
    status: 400,
    code: 10200,
    message: 'email.sending.error.email.too_big',
    explained: expect.stringMatching(/the limit is 5242880/),
  },
]

describe('a mail that Cloudflare refuses', () => {
  it('a single text of megabytes takes nobody’s stack, however often it comes', async () => {
    for (let turn = 0; turn < 30; turn++) {
      const short = await server.request(path, json({ ...mail, from: '"A" <nobody' }))
      expect(short.status).toBe(400)
    }
    for (const long of [{ subject: 'A'.repeat(8_000_000) }, { from: `"${'A'.repeat(4_000_000)}" <a@b.example>` }]) {
      expect((await server.request(path, json({ ...mail, ...long }))).status).toBe(400)
    }
  })

  it.each(refusals)('for $of', async ({ init, status, code, message, explained }) => {
    const answer = await server.request(path, init())
    expect(answer.status).toBe(status)
    expect(answer.body).toEqual({
      success: false,
      errors: [{ code, message }],
      messages: [{ code, message: explained }],
      result: null,
    })
  })

  it('is told 404 in the envelope at other addresses', async () => {
    const answer = await server.request('/client/v4/zones/1/email', json({}))
    expect([answer.status, answer.body]).toMatchObject([
      404,
      { success: false, errors: [{ code: 10000, message: 'email.sending.error.not_found' }] },
    ])
  })

  it('is told 10203 where its domain may not send', async () => {
    const strict = await providerServer({ settings: { sendingDomains: ['other.test'] } })
    try {
      expect(await strict.request(path, json(mail))).toMatchObject({
        status: 403,
        body: { errors: [{ code: 10203, message: 'email.sending.error.email.sending_disabled' }] },
      })
    } finally {
      await strict.close()
    }
  })
})
