import { afterAll, beforeAll, expect, it } from 'vitest'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer({ settings: { requestsPerSecond: 2 } })
})
afterAll(() => server.close())

const sendgrid = {
  personalizations: [{ to: [{ email: 'ada@example.test' }] }],
  from: { email: 'noreply@manireports.test' },
  subject: 'Your course',
  content: [{ type: 'text/plain', value: 'Hello' }],
}
const email = { from: 'noreply@manireports.test', to: 'ada@example.test', subject: 'x', text: 'y' }

const providers = [
  {
    name: 'SendGrid',
    path: '/v3/mail/send',
    init: () => json(sendgrid),
    taken: 202,
    body: { errors: [{ message: 'too many requests', field: null, help: null }] },
    // The window began with its first request, at the full second.
    headers: (resetsAt: number) => ({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(Math.ceil(resetsAt / 1000)),
    }),
  },
  {
    name: 'Mailgun',
    path: '/v3/mg.test/messages',
    init: () => ({
      headers: { authorization: `Basic ${btoa('api:key')}` },
      body: new URLSearchParams({ from: 'a@mg.test', to: 'b@x.test', text: 'y' }),
    }),
    taken: 200,
    body: { message: 'Too Many Requests' },
    headers: (resetsAt: number) => ({ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(resetsAt) }),
  },
  {
    name: 'MailChannels',
    path: '/tx/v1/send',
    init: () => ({ headers: { 'x-api-key': 'key' }, body: JSON.stringify(sendgrid) }),
    taken: 202,
    body: { errors: ['too many requests'] },
    headers: () => ({ 'retry-after': '1' }),
  },
  {
    name: 'Cloudflare',
    path: '/accounts/acc/email/sending/send',
    init: () => json(email),
    taken: 200,
    body: {
      success: false,
      errors: [{ code: 10004, message: 'email.sending.error.throttled' }],
      messages: [{ code: 10004, message: 'too many requests' }],
      result: null,
    },
    headers: () => ({ 'retry-after': '1', ratelimit: '"default";r=0;t=1', 'ratelimit-policy': '"default";q=2;w=1' }),
  },
]

it.each(providers)(
  '$name answers 429 in its own form over the limit, and takes mail again after it',
  async (provider) => {
    const { path, init, taken, body, headers } = provider
    const began = server.clock.now()
    expect((await server.request(path, init())).status).toBe(taken)
    expect((await server.request(path, init())).status).toBe(taken)
    const before = server.count()
    const refused = await server.request(path, init())
    expect([refused.status, refused.body]).toEqual([429, body])
    expect(Object.fromEntries(refused.headers)).toMatchObject(headers(began + 1000))
    expect(server.count()).toBe(before)
    await server.clock.advance(1000)
    expect((await server.request(path, init())).status).toBe(taken)
  },
)
