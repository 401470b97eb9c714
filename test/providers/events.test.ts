import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { json, providerServer, webhookUrl, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeEach(async () => {
  server = await providerServer()
})
afterEach(() => server.close())

const mail = (...addresses: string[]) => ({
  personalizations: addresses.map((email) => ({ to: [{ email }] })),
  from: { email: 'noreply@manireports.test' },
  subject: 'Your course',
  content: [{ type: 'text/plain', value: 'Hello' }],
})
const people = {
  well: 'ada@example.test',
  unknown: 'bounce@simulator.amazonses.com',
  angry: 'complaint@simulator.amazonses.com',
  held: 'held@example.test',
}
const hold = () => server.mail.suppression.put({ address: people.held, reason: 'BOUNCE' })

type Event = Readonly<Record<string, unknown>>

describe("SendGrid's event webhook", () => {
  const eventsOf = () => server.posts.flatMap(({ body }) => JSON.parse(body) as Event[])
  const told = () =>
    eventsOf()
      .map(({ email, event }) => `${String(email)} ${String(event)}`)
      .sort()

  it('is told in batches what became of each recipient', async () => {
    hold()
    const answer = await server.request('/v3/mail/send', json(mail(...Object.values(people))))
    expect(server.posts).toHaveLength(0)
    await server.clock.advance(10_000)
    expect(told()).toEqual([
      'ada@example.test delivered',
      'ada@example.test processed',
      'bounce@simulator.amazonses.com bounce',
      'bounce@simulator.amazonses.com processed',
      'complaint@simulator.amazonses.com delivered',
      'complaint@simulator.amazonses.com processed',
      'complaint@simulator.amazonses.com spamreport',
      'held@example.test dropped',
    ])
    expect(server.posts.length).toBeLessThan(4)
    expect(server.posts[0]?.url).toBe(webhookUrl)
    const id = answer.headers.get('x-message-id') ?? ''
    expect(eventsOf().find(({ event }) => event === 'bounce')).toEqual({
      email: people.unknown,
      event: 'bounce',
      type: 'bounce',
      status: '5.1.1',
      reason: '550 5.1.1 user unknown',
      timestamp: expect.any(Number),
      'smtp-id': expect.stringContaining(id),
      sg_event_id: expect.any(String),
      sg_message_id: expect.stringMatching(new RegExp(`^${id}\\.`)),
    })
    const ids = eventsOf().map(({ sg_event_id }) => sg_event_id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('is told of a full mailbox as deferred, then as a blocked bounce', async () => {
    server.answerMail(() => ({ outcome: 'rejected', error: '552 5.2.2 mailbox full' }))
    await server.request('/v3/mail/send', json(mail(people.well)))
    await server.clock.advance(10_000)
    expect(eventsOf().slice(1)).toMatchObject([
      { event: 'deferred', response: '552 5.2.2 mailbox full', attempt: '1' },
      { event: 'bounce', type: 'blocked', status: '5.2.2', reason: '552 5.2.2 mailbox full' },
    ])
  })

  it('repeats categories and custom arguments, which replace nothing', async () => {
    const body = {
      ...mail(people.well),
      categories: ['a', 'b'],
      custom_args: { job_id: '7', event: 'mine', email: 'x' },
    }
    await server.request('/v3/mail/send', json(body))
    await server.clock.advance(10_000)
    expect(eventsOf()).toMatchObject([
      { event: 'processed', email: people.well, job_id: '7', category: ['a', 'b'] },
      { event: 'delivered', email: people.well, job_id: '7' },
    ])
  })

  it('is signed with ECDSA over timestamp and raw body, by a key that stays', async () => {
    await server.request('/v3/mail/send', json(mail(people.well)))
    await server.clock.advance(10_000)
    const [post] = server.posts
    const signature = post?.headers['X-Twilio-Email-Event-Webhook-Signature'] ?? ''
    const timestamp = post?.headers['X-Twilio-Email-Event-Webhook-Timestamp'] ?? ''
    const key = createPublicKey({
      key: Buffer.from(server.providers.sendgridPublicKey, 'base64'),
      format: 'der',
      type: 'spki',
    })
    const holds = (body: string) =>
      verify('sha256', Buffer.from(timestamp + body), key, Buffer.from(signature, 'base64'))
    expect(holds(post?.body ?? '')).toBe(true)
    expect(holds(`${post?.body} `)).toBe(false)
    expect(timestamp).toMatch(/^\d{10}$/)
  })

  it('is told nothing twice', async () => {
    await server.request('/v3/mail/send', json(mail(people.well, people.unknown)))
    await server.clock.advance(10_000)
    const before = server.posts.length
    await server.clock.advance(3_600_000)
    expect(server.posts).toHaveLength(before)
  })
})

describe("Mailgun's webhook", () => {
  const send = (fields: Record<string, string>) =>
    server.request('/v3/mg.test/messages', {
      headers: { authorization: `Basic ${btoa('api:key')}` },
      body: new URLSearchParams({ from: 'noreply@mg.test', text: 'Hello', ...fields }),
    })
  interface Post {
    readonly signature: { readonly timestamp: string; readonly token: string; readonly signature: string }
    readonly 'event-data': Event
  }
  const postsOf = () => server.posts.map(({ body }) => JSON.parse(body) as Post)

  it('is told one event a post', async () => {
    hold()
    const to = Object.values(people).join(', ')
    const answer = await send({ to, 'o:tag': 'course', 'v:job': '7' })
    await server.clock.advance(10_000)
    const events = postsOf().map((post) => post['event-data'])
    expect(
      events
        .map(({ recipient, event, severity = '' }) =>
          `${String(recipient)} ${String(event)} ${String(severity)}`.trim(),
        )
        .sort(),
    ).toEqual([
      'ada@example.test accepted',
      'ada@example.test delivered',
      'bounce@simulator.amazonses.com accepted',
      'bounce@simulator.amazonses.com failed permanent',
      'complaint@simulator.amazonses.com accepted',
      'complaint@simulator.amazonses.com complained',
      'complaint@simulator.amazonses.com delivered',
      'held@example.test accepted',
      'held@example.test failed permanent',
    ])
    expect(events.find(({ event, recipient }) => event === 'failed' && recipient === people.unknown)).toMatchObject({
      reason: 'bounce',
      'delivery-status': { code: 550, message: '550 5.1.1 user unknown', 'enhanced-code': '5.1.1' },
      message: { headers: { 'message-id': (answer.body as { id: string }).id.slice(1, -1) } },
      domain: { name: 'mg.test' },
      tags: ['course'],
      'user-variables': { job: '7' },
    })
    expect(events.find(({ recipient, event }) => event === 'failed' && recipient === people.held)).toMatchObject({
      reason: 'suppress-bounce',
      'delivery-status': { code: 605 },
    })
  })

  it('is told of what may go better later as a temporary failure', async () => {
    server.answerMail(() => ({ outcome: 'rejected', error: '552 5.2.2 mailbox full' }))
    await send({ to: people.well })
    await server.clock.advance(10_000)
    expect(postsOf().at(-1)?.['event-data']).toMatchObject({ event: 'failed', severity: 'temporary' })
  })

  it('is signed over timestamp and token, each token once', async () => {
    await send({ to: 'ada@example.test, grace@example.test' })
    await server.clock.advance(10_000)
    const signatures = postsOf().map(({ signature }) => signature)
    expect(signatures.length).toBeGreaterThan(3)
    for (const { timestamp, token, signature } of signatures) {
      expect(token).toMatch(/^[0-9a-f]{50}$/)
      expect(signature).toBe(
        createHmac('sha256', 'signing-key')
          .update(timestamp + token)
          .digest('hex'),
      )
    }
    expect(new Set(signatures.map(({ token }) => token)).size).toBe(signatures.length)
  })
})

it('nobody is told, and nothing kept, where no address is configured', async () => {
  const silent = await providerServer({ settings: { webhookUrl: undefined } })
  try {
    await silent.request('/v3/mail/send', json(mail(people.well, people.unknown)))
    await silent.clock.advance(60_000)
    expect(silent.posts).toHaveLength(0)
    expect(silent.store.all("SELECT name FROM sqlite_master WHERE name = 'provider_events'")).toHaveLength(0)
  } finally {
    await silent.close()
  }
})

describe("MailChannels' webhooks", () => {
  const send = (...addresses: string[]) =>
    server.request('/tx/v1/send', { ...json(mail(...addresses)), headers: { 'x-api-key': 'key' } })
  const eventsOf = () => server.posts.flatMap(({ body }) => JSON.parse(body) as Event[])

  it('are told in batches what became of each recipient', async () => {
    hold()
    const { body } = await send(...Object.values(people))
    await server.clock.advance(10_000)
    const told = eventsOf().map(({ recipients, event }) => `${String(recipients)} ${String(event)}`)
    expect(told.sort()).toEqual([
      'ada@example.test delivered',
      'ada@example.test processed',
      'bounce@simulator.amazonses.com hard-bounced',
      'bounce@simulator.amazonses.com processed',
      'complaint@simulator.amazonses.com complained',
      'complaint@simulator.amazonses.com delivered',
      'complaint@simulator.amazonses.com processed',
      'held@example.test dropped',
    ])
    expect(server.posts.length).toBeLessThan(4)
    const { request_id, results } = body as { request_id: string; results: { index: number; message_id: string }[] }
    expect(eventsOf().find(({ event }) => event === 'hard-bounced')).toEqual({
      email: 'noreply@manireports.test',
      customer_handle: 'offload',
      timestamp: 1_767_225_600,
      event: 'hard-bounced',
      request_id,
      smtp_id: `<${results[1]?.message_id}>`,
      recipients: [people.unknown],
      status: '550',
      reason: '550 5.1.1 user unknown',
    })
  })

  it('are signed as RFC 9421 says, over the digest of the body, with the key that can be asked for', async () => {
    await send(people.well)
    await server.clock.advance(10_000)
    const { headers = {}, body = '' } = server.posts[0] ?? {}
    const [, name, parameters = '', created, keyId] =
      /^(sig_\d+)=(\("content-digest"\);created=(\d+);alg="ed25519";keyid="([^"]+)")$/.exec(
        headers['Signature-Input'] ?? '',
      ) ?? []
    expect(Number(created)).toBeGreaterThanOrEqual(1_767_225_600)
    const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
    expect(headers['Content-Digest']).toBe(digest)
    const [, signature = ''] = new RegExp(`^${name}=:([A-Za-z0-9+/]+=*):$`).exec(headers['Signature'] ?? '') ?? []

    const answer = await server.request(`/tx/v1/webhook/public-key?id=${keyId}`, { method: 'GET' })
    const { id, key } = answer.body as { id: string; key: string }
    expect(id).toBe(keyId)
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' })
    const verified = (text: string) => verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64'))
    expect(verified(`"content-digest": ${digest}\n"@signature-params": ${parameters}`)).toBe(true)
    expect(verified(`"content-digest": sha-256=:x:\n"@signature-params": ${parameters}`)).toBe(false)
    expect(await server.request('/tx/v1/webhook/public-key?id=other', { method: 'GET' })).toMatchObject({ status: 404 })
    expect(await server.request('/tx/v1/webhook/public-key', { method: 'GET' })).toMatchObject({ status: 404 })
  })
})

it('a mail that is put off is told as what may still arrive', async () => {
  server.answerMail(() => ({ outcome: 'deferred', error: '452 4.2.2 mailbox full', ambiguous: false }))
  await server.request('/v3/mail/send', json(mail(people.well)))
  await server.request('/tx/v1/send', { ...json(mail(people.well)), headers: { 'x-api-key': 'key' } })
  await server.request('/v3/mg.example.test/messages', {
    headers: { authorization: `Basic ${Buffer.from('api:key').toString('base64')}` },
    body: new URLSearchParams({ from: 'a@mg.example.test', to: people.well, subject: 's', text: 't' }),
  })
  await server.clock.advance(5000)
  const events = server.posts.flatMap(({ body }) => {
    const parsed = JSON.parse(body) as Event[] | { 'event-data': Event }
    return Array.isArray(parsed) ? parsed : [parsed['event-data']]
  })
  expect(events).toContainEqual(
    expect.objectContaining({ event: 'deferred', response: '452 4.2.2 mailbox full', attempt: '1' }),
  )
  expect(events).toContainEqual(
    expect.objectContaining({ event: 'soft-bounced', status: '452', reason: '452 4.2.2 mailbox full' }),
  )
  expect(events).toContainEqual(
    expect.objectContaining({
      event: 'failed',
      severity: 'temporary',
      'delivery-status': expect.objectContaining({ code: 452, 'enhanced-code': '4.2.2' }),
    }),
  )
})
