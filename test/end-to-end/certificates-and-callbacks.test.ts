import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { verify } from '../../contracts/signature.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { scriptedServer } from '../mail/failing-server.ts'
import { receiver, running, specJob } from './running.ts'

interface RecipientAnswer {
  readonly status: string
  readonly certificate_url: string
}

const recipientsOf = async (url: string, job: string) => {
  const answer = await fetch(`${url}/_offload/jobs/${job}/recipients`)
  return ((await answer.json()) as { recipients: RecipientAnswer[] }).recipients
}

it('a certificate job makes certificates and mails nobody, unless it asks for both', async () => {
  const { url, submit, settled, mailpit } = await running()
  const silent = '66666666-6666-4666-8666-666666666666'
  await submit(specJob({ job_id: silent, type: 'certificate' }))
  expect((await settled(silent)).totals.sent).toBe(2)
  expect((await mailpit.listMessages()).total).toBe(0)
  const [first] = await recipientsOf(url, silent)
  const pdf = await fetch(first?.certificate_url ?? '')
  expect([pdf.status, (await pdf.text()).slice(0, 5)]).toEqual([200, '%PDF-'])

  const both = '77777777-7777-4777-8777-777777777777'
  await submit(specJob({ job_id: both, type: 'certificate', action_type: 'both' }))
  await settled(both)
  expect((await mailpit.listMessages()).total).toBe(2)
})

it('a certificate is attached where that is configured', async () => {
  const { submit, settled, mailpit } = await running({ certificate_delivery: 'attach' })
  await submit(specJob({ generate_certificate: true }))
  await settled(specJob().job_id)
  const { messages } = await mailpit.listMessages()
  const mail = await mailpit.getMessageSummary(messages[0]?.ID ?? '')
  expect(mail.Attachments.map(({ FileName, ContentType }) => [FileName, ContentType])).toEqual([
    ['certificate.pdf', 'application/pdf'],
  ])
  expect(mail.Text).not.toContain('X-Amz-Signature')
})

it('links carry the public URL, and open under every name of the port', async () => {
  const { url, submit, settled } = await running({ public_url: 'http://offload.test:9999' })
  await submit(specJob({ type: 'certificate' }))
  await settled(specJob().job_id)
  const [first] = await recipientsOf(url, specJob().job_id)
  const link = new URL(first?.certificate_url ?? '')
  expect(link.host).toBe('offload.test:9999')
  const open = (host: string, path: string) =>
    new Promise((resolve, reject) => {
      get(url + path, { headers: { host } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      }).once('error', reject)
    })
  const path = link.pathname + link.search
  const port = new URL(url).port
  for (const host of ['offload.test:9999', `127.0.0.1:${port}`, `host.docker.internal:${port}`]) {
    expect([host, await open(host, path)]).toEqual([host, 200])
  }
  expect(
    await open(
      `127.0.0.1:${port}`,
      path.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    ),
  ).toBe(403)
})

it('each tenant has its own callback address and secret', async () => {
  const [one, two] = [await receiver(), await receiver()]
  const { submit, settled } = await running({
    tenants: {
      1: { callback_url: `${one.url}/one`, cloud_callback_secret: 'secret-one' },
      2: { callback_url: `${two.url}/two`, cloud_callback_secret: 'secret-two' },
    },
  })
  const id = (n: number) => `${n}8888888-8888-4888-8888-888888888888`
  for (const tenant of [1, 2]) await submit(specJob({ tenant_id: tenant, job_id: id(tenant) }))
  for (const tenant of [1, 2]) expect((await settled(id(tenant))).callbacks).toMatchObject({ delivered: 1 })
  for (const [{ received }, secret, path] of [
    [one, 'secret-one', '/one'],
    [two, 'secret-two', '/two'],
  ] as const) {
    expect(received.map((callback) => callback.path)).toEqual([path])
    const body = received[0]?.raw ?? Buffer.alloc(0)
    const { timestamp } = JSON.parse(body.toString()) as { timestamp: number }
    const signature = String(received[0]?.headers['x-signature'])
    expect(verify({ secret, body, signature, now: systemClock().now(), timestamp })).toEqual({ ok: true })
  }
})

it('a callback that is refused is tried again, and the log says in words what its answer means', async () => {
  const moodle = await receiver((n) => (n === 1 ? 401 : 200))
  const emulator = await running({ callback_url: moodle.url, speed: 100 })
  await emulator.submit(specJob())
  const refusal = await emulator.event('callback.attempt', ({ status }) => status === 401)
  expect(refusal.words).toContain('secret')
  await emulator.event('callback.settled')
  expect((await emulator.settled(specJob().job_id)).callbacks).toMatchObject({ delivered: 1, dead: 0 })
  expect(moodle.received).toHaveLength(2)
})

it('a mail whose answer was lost is looked up before it is sent again', async () => {
  // Takes the whole message, then drops the connection instead of saying 250.
  const smtp = await scriptedServer({ message: 'drop' })
  onTestFinished(() => smtp.close())
  const mailpit = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://mailpit').searchParams.get('query') ?? ''
    const id = /"(.+)"/.exec(query)?.[1] ?? ''
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ Version: 'test', Messages: 1, messages: [{ MessageID: id }] }))
  }).listen(0, '127.0.0.1')
  await once(mailpit, 'listening')
  onTestFinished(() => void mailpit.close())
  const { port } = mailpit.address() as { port: number }
  const emulator = await running({ smtp: `${smtp.host}:${smtp.port}`, mailpit: `http://127.0.0.1:${port}`, speed: 100 })
  await emulator.submit(specJob({ recipients: [{ userid: 1, email: 'a@example.com' }] }))
  await emulator.event('recipient.retry')
  await emulator.event('mail.found')
  expect((await emulator.settled(specJob().job_id)).totals).toMatchObject({ sent: 1, failed: 0 })
  expect(smtp.received).toHaveLength(1)
})
