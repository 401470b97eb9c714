import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWorkerMail, type WorkerProvider } from '../../emulator/cloud/providers/worker-mail.ts'
import type { MailPort, OutgoingMail } from '../../emulator/worker/ports.ts'
import { providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeEach(async () => {
  server = await providerServer({ settings: { sendingDomains: ['manireports.test'] } })
})
afterEach(() => server.close())

const workerMail = (provider: WorkerProvider, from = 'ManiReports <noreply@manireports.test>'): MailPort =>
  createWorkerMail({
    provider,
    providers: server.providers,
    mail: server.mail,
    from,
    store: server.store,
    clock: server.clock,
  })
const mail = (address = 'ada@example.test'): OutgoingMail => ({
  tenant: 0,
  job: '7',
  recipient: '1',
  messageId: 'hash@manireports.test',
  to: { name: 'Ada', address },
  subject: 'Your certificate',
  text: 'Hello',
  html: '<p>Hello</p>',
  attachments: [{ filename: 'certificate.pdf', contentType: 'application/pdf', content: Buffer.from('%PDF') }],
})
const all: readonly WorkerProvider[] = ['sendgrid', 'mailgun', 'mailchannels', 'cloudflare']

describe.each(all)("the emulator's own worker through %s", (provider) => {
  it("sends its own mail, with its own Message-ID and the job's tag", async () => {
    expect(await workerMail(provider).send(mail())).toEqual({ outcome: 'accepted' })
    const [sent] = await server.sent()
    expect(sent?.mail.messageId).toBe('<hash@manireports.test>')
    expect(sent?.raw).toMatch(/^X-Tags: job-7\r$/m)
    expect(sent?.mail.attachments).toHaveLength(1)
  })

  it('is refused what the provider refuses, for good and in its words', async () => {
    const result = await workerMail(provider).send(mail('ada@'))
    expect(result).toMatchObject({
      outcome: 'rejected',
      error: expect.stringMatching(/^(SendGrid|Mailgun|MailChannels|Cloudflare): .*valid/),
    })
    expect(await workerMail(provider, 'a@other.test').send(mail())).toMatchObject({ outcome: 'rejected' })
    expect(server.count()).toBe(0)
  })

  it('learns of bounces as it does through SES', async () => {
    expect(await workerMail(provider).send(mail('bounce@simulator.amazonses.com'))).toMatchObject({
      outcome: 'accepted',
      feedback: { kind: 'bounce' },
    })
  })

  it('tries again what the mail server puts off', async () => {
    server.answerMail(() => ({ outcome: 'deferred', error: '421 4.7.0 later', ambiguous: false }))
    expect(await workerMail(provider).send(mail())).toEqual({
      outcome: 'deferred',
      error: '421 4.7.0 later',
      ambiguous: false,
    })
    await server.clock.advance(60_000)
    expect(server.posts).toHaveLength(0)
  })
})

it("SendGrid's webhook is told of the worker's mails too", async () => {
  const port = workerMail('sendgrid')
  await port.send(mail())
  await port.send(mail('bounce@simulator.amazonses.com'))
  await server.clock.advance(5000)
  const events = server.posts.flatMap(({ body }) => JSON.parse(body) as Record<string, unknown>[])
  expect(events.map(({ email, event }) => [email, event])).toEqual([
    ['ada@example.test', 'processed'],
    ['ada@example.test', 'delivered'],
    ['bounce@simulator.amazonses.com', 'processed'],
    ['bounce@simulator.amazonses.com', 'bounce'],
  ])
  expect(events.at(-1)).toMatchObject({ type: 'bounce', status: '5.1.1', reason: '550 5.1.1 user unknown' })
})

it("Mailgun's webhook is told of the worker's mails too", async () => {
  await workerMail('mailgun').send(mail('bounce@simulator.amazonses.com'))
  await server.clock.advance(400)
  // The bounce comes half a second later, and is not told before.
  expect(server.posts).toHaveLength(1)
  await server.clock.advance(5000)
  const events = server.posts.map(({ body }) => (JSON.parse(body) as { 'event-data': unknown })['event-data'])
  expect(events).toMatchObject([{ event: 'accepted' }, { event: 'failed', severity: 'permanent' }])
})

it('Cloudflare takes no mail of more than 5 MiB', async () => {
  const large = { filename: 'a.pdf', contentType: 'application/pdf', content: Buffer.alloc(4 * 1024 * 1024) }
  expect(await workerMail('cloudflare').send({ ...mail(), attachments: [large] })).toMatchObject({
    outcome: 'rejected',
    error: expect.stringMatching(/^Cloudflare: The message has \d+ bytes; the limit is 5242880/),
  })
  expect(await workerMail('sendgrid').send({ ...mail(), attachments: [large] })).toEqual({ outcome: 'accepted' })
})
