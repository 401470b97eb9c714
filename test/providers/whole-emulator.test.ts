import { createHmac } from 'node:crypto'
import { expect, it } from 'vitest'
import { receiver, running, specJob } from '../end-to-end/running.ts'

const bounces = 'bounce@simulator.amazonses.com'
const job = () =>
  specJob({
    recipients: [
      { userid: 1, email: 'ada@example.test', firstname: 'Ada' },
      { userid: 2, email: bounces, firstname: 'Bob' },
    ],
  })

it.each(['sendgrid', 'mailgun', 'mailchannels', 'cloudflare'] as const)(
  "the worker's mails go through %s, and what bounces has failed",
  async (provider) => {
    const emulator = await running({ email_provider: provider, callback_url: (await receiver()).url })
    expect((await emulator.submit(job())).status).toBe(202)
    const settled = await emulator.settled(job().job_id)
    expect(settled.totals).toMatchObject({ sent: 1, failed: 1 })
    expect((await emulator.mailpit.listMessages()).messages.map(({ To }) => To?.[0]?.Address)).toEqual([
      'ada@example.test',
    ])
  },
)

it('a mail from a domain that may not send fails in the words of the provider', async () => {
  const emulator = await running({
    email_provider: 'sendgrid',
    sending_domains: ['other.test'],
    callback_url: (await receiver()).url,
  })
  await emulator.submit(job())
  const { event } = emulator
  expect(await event('recipient.outcome', ({ status }) => status !== 'sent')).toMatchObject({
    error: expect.stringMatching(/^SendGrid: manireports\.test is not one of the account's sending domains/),
  })
})

it("Mailgun's events come signed to the address that is configured", async () => {
  const hook = await receiver()
  const emulator = await running({ provider_webhook_url: `${hook.url}/hook`, mailgun_signing_key: 'key', speed: 10 })
  const answer = await fetch(`${emulator.url}/v3/manireports.test/messages`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('api:any')}` },
    body: new URLSearchParams({
      from: 'a@manireports.test',
      to: `ada@example.test, ${bounces}`,
      subject: 'x',
      text: 'y',
    }),
  })
  expect(answer.status).toBe(200)
  const posts = () =>
    hook.received.map(
      ({ raw }) => JSON.parse(raw.toString()) as { signature: Record<string, string>; 'event-data': { event: string } },
    )
  await expect
    .poll(
      () =>
        posts()
          .map((post) => post['event-data'].event)
          .sort(),
      { timeout: 10_000 },
    )
    .toEqual(['accepted', 'accepted', 'delivered', 'failed'])
  const { timestamp = '', token = '', signature } = posts()[0]?.signature ?? {}
  expect(signature).toBe(
    createHmac('sha256', 'key')
      .update(timestamp + token)
      .digest('hex'),
  )
  expect(hook.received[0]?.path).toBe('/hook')
})

it('events never go to a host outside, and the log says so', async () => {
  const emulator = await running({ provider_webhook_url: 'https://hooks.example.com/x', speed: 1000 })
  await fetch(`${emulator.url}/v3/manireports.test/messages`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('api:any')}` },
    body: new URLSearchParams({ from: 'a@manireports.test', to: 'ada@example.test', text: 'y' }),
  })
  expect(await emulator.event('mail.webhook-lost')).toMatchObject({
    provider: 'mailgun',
    reason: expect.stringMatching(/^hooks\.example\.com is not a name of this machine/),
  })
})

it('a job that is pushed to Cloudflare Queues is done by the worker', async () => {
  const emulator = await running({ callback_url: (await receiver()).url })
  const answer = await fetch(`${emulator.url}/client/v4/accounts/acc/queues/manireports-jobs/messages`, {
    method: 'POST',
    headers: { authorization: 'Bearer any', 'content-type': 'application/json' },
    body: JSON.stringify({ body: job(), content_type: 'json' }),
  })
  expect(answer.status).toBe(200)
  expect((await emulator.settled(job().job_id)).totals).toMatchObject({ sent: 1, failed: 1 })
})

it('the providers want the configured key where signatures are verified', async () => {
  const emulator = await running({ verify_signatures: true, provider_api_key: 'mine' })
  const ask = (authorization: string) =>
    fetch(`${emulator.url}/accounts/acc/email/sending/send`, { method: 'POST', headers: { authorization }, body: '{}' })
  expect((await ask('Bearer other')).status).toBe(401)
  expect((await ask('Bearer mine')).status).toBe(400)
})
