import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MailpitClient } from 'mailpit-api'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createMailpitLookup, checkMailpit } from '../../emulator/cloud/mail/mailpit.ts'
import { createMailProvider, parseSender } from '../../emulator/cloud/mail/provider.ts'
import { innerSmtpAddress, isInnerAddress, parseSmtpAddress } from '../../emulator/cloud/mail/smtp-host.ts'
import { createSmtpTransport, type MailTransport } from '../../emulator/cloud/mail/transport.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal } from '../../emulator/kernel/journal.ts'
import { openStore } from '../../emulator/kernel/store.ts'
import type { OutgoingMail } from '../../emulator/worker/ports.ts'
import { type Script, scriptedServer } from './failing-server.ts'
import { inboxKinds, type RunningInbox } from './inboxes.ts'

const from = 'ManiReports <noreply@manireports.test>'

const outgoing = (address: string, given: Partial<OutgoingMail> = {}): OutgoingMail => ({
  tenant: 1,
  job: '42',
  recipient: '1001',
  messageId: `id-${address.replace('@', '-at-')}`,
  to: { name: 'Ann Ödegård', address },
  subject: 'Grüße',
  text: 'text',
  html: '<p>html</p>',
  ...given,
})

function providerOver(
  transport: MailTransport,
  find: (id: string) => Promise<'sent' | 'absent' | 'unknown'> = async () => 'unknown',
) {
  const clock = virtualClock()
  const store = openStore({})
  const { ids } = boot({ store, seed: 'mail' })
  const journal = createJournal({ store, clock })
  onTestFinished(() => store.close())
  return createMailProvider({
    transport,
    store,
    clock,
    ids,
    journal,
    from,
    find,
    onError: (error) => expect.fail(String(error)),
  })
}

describe.each(inboxKinds())('mail that goes to the $name inbox', ({ missing, start }) => {
  if (missing !== undefined) {
    test('all of it', ({ skip }) => skip(missing))
    return
  }
  let running: RunningInbox
  let transport: MailTransport
  beforeAll(async () => {
    running = await start()
    transport = createSmtpTransport({ address: running.smtp, connections: 4 })
  })
  afterAll(async () => {
    transport?.close()
    await running?.stop()
  })

  test('arrives as it was composed, once, with its tag, and can be looked up', async () => {
    const provider = providerOver(transport, createMailpitLookup({ url: running.url }))
    const client = new MailpitClient(running.url)
    const mail = outgoing('ann@bücher.example', {
      text: 'Ä line\n.\n..dots\n',
      html: '<p>Ä</p>',
      attachments: [{ filename: 'Zertifikat Ä.pdf', contentType: 'application/pdf', content: Buffer.from('%PDF') }],
    })
    expect(await provider.find(mail.messageId)).toBe('absent')
    expect(await provider.send(mail)).toEqual({ outcome: 'accepted' })
    expect(await provider.find(mail.messageId)).toBe('sent')
    expect(await provider.find(mail.messageId.slice(0, -3)), 'a part of an id is another id').toBe('absent')

    const message = await client.getMessageSummary()
    expect(message).toMatchObject({
      MessageID: mail.messageId,
      From: { Name: 'ManiReports', Address: 'noreply@manireports.test' },
      To: [{ Name: 'Ann Ödegård', Address: 'ann@xn--bcher-kva.example' }],
      Bcc: [],
      ReturnPath: 'noreply@manireports.test',
      Subject: 'Grüße',
      Tags: ['job-42'],
      HTML: '<p>Ä</p>',
      Attachments: [{ FileName: 'Zertifikat Ä.pdf', ContentType: 'application/pdf', Size: 4 }],
    })
    expect(Date.parse(message.Date)).toBe(Date.UTC(2026, 0, 1))
    expect(message.Text.replaceAll('\r', '')).toBe(mail.text)
  })

  test('the simulator’s addresses: what bounces is accepted, reported and not delivered', async () => {
    const provider = providerOver(transport)
    const client = new MailpitClient(running.url)
    const seen = async (address: string) => {
      const before = (await client.getInfo()).Messages
      const { outcome, ...rest } = await provider.send(outgoing(address))
      expect(outcome).toBe('accepted')
      return { delivered: (await client.getInfo()).Messages - before, ...rest }
    }
    expect(await seen('bounce@simulator.amazonses.com')).toEqual({
      delivered: 0,
      feedback: { kind: 'bounce', detail: 'Permanent/General 5.1.1 smtp; 550 5.1.1 user unknown', afterMs: 500 },
    })
    expect(await seen('Bounce+u1001@SIMULATOR.amazonses.com')).toMatchObject({
      delivered: 0,
      feedback: { kind: 'bounce' },
    })
    expect(await seen('suppressionlist@simulator.amazonses.com')).toMatchObject({
      delivered: 0,
      feedback: { kind: 'bounce', detail: expect.stringContaining('Permanent/Suppressed 5.1.1') },
    })
    expect(await seen('success+1@simulator.amazonses.com')).toMatchObject({
      delivered: 1,
      feedback: { kind: 'delivery' },
    })
    expect(await seen('complaint@simulator.amazonses.com')).toMatchObject({
      delivered: 1,
      feedback: { kind: 'complaint' },
    })
    expect(await seen('ooto@simulator.amazonses.com')).toMatchObject({ delivered: 1, feedback: { kind: 'delivery' } })
    expect(await seen('nobody@simulator.amazonses.com')).toEqual({ delivered: 1 })
    expect(await seen('bounce@example.com')).toEqual({ delivered: 1 })
  })

  test('many at once arrive once each', async () => {
    const provider = providerOver(transport)
    const client = new MailpitClient(running.url)
    await client.deleteMessages()
    const addresses = Array.from({ length: 300 }, (_, index) => `user${index}@example.com`)
    const results = await Promise.all(addresses.map((address) => provider.send(outgoing(address))))
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['accepted']))
    const { messages } = await client.listMessages(0, 0)
    expect(messages.map(({ To }) => To[0]?.Address).toSorted()).toEqual(addresses.toSorted())
  })

  test('the doctor sees which Mailpit it is', async () => {
    expect(await checkMailpit({ url: running.url })).toEqual({
      reachable: true,
      version: expect.any(String),
      messages: expect.any(Number),
    })
  })
})

async function sendingTo(script: Script, extensions: readonly string[] = []) {
  const server = await scriptedServer({ extensions, ...script })
  const transport = createSmtpTransport({ address: server, connections: 1, timeoutMs: 5000 })
  onTestFinished(async () => {
    transport.close()
    await server.close()
  })
  return { server, provider: providerOver(transport) }
}

describe.each([
  { way: 'one command at a time', extensions: [] },
  { way: 'pipelined', extensions: ['PIPELINING'] },
])('what the SMTP server answers, $way', ({ extensions }) => {
  test.each<[string, Script, object]>([
    ['550 on RCPT', { rcpt: '550 5.1.1 user unknown' }, { outcome: 'rejected', error: '550 5.1.1 user unknown' }],
    ['550 on MAIL', { mail: '550 5.7.1 not you' }, { outcome: 'rejected', error: '550 5.7.1 not you' }],
    ['554 on the message', { message: '554 5.6.0 refused' }, { outcome: 'rejected', error: '554 5.6.0 refused' }],
    ['450 on RCPT', { rcpt: '450 4.2.1 later' }, { outcome: 'deferred', error: '450 4.2.1 later', ambiguous: false }],
    ['451 on DATA', { data: '451 4.3.0 later' }, { outcome: 'deferred', error: '451 4.3.0 later', ambiguous: false }],
    [
      '452 on the message',
      { message: '452 4.3.1 full' },
      { outcome: 'deferred', error: '452 4.3.1 full', ambiguous: false },
    ],
    [
      '421 on the message',
      { message: '421 4.3.2 bye' },
      { outcome: 'deferred', error: '421 4.3.2 bye', ambiguous: false },
    ],
    [
      'no answer to the message',
      { message: 'drop' },
      { outcome: 'deferred', error: expect.stringContaining('127.0.0.1'), ambiguous: true },
    ],
    [
      '554 as a greeting',
      { greeting: '554 no' },
      { outcome: 'deferred', error: expect.stringContaining('554 no'), ambiguous: false },
    ],
  ])('%s', async (_name, script, expected) => {
    const { provider } = await sendingTo(script, extensions)
    expect(await provider.send(outgoing('a@example.com'))).toEqual(expected)
    // The pool is whole after a failure: the next message gets its own answer.
    expect(await provider.send(outgoing('b@example.com'))).toEqual(expected)
  })

  test('nobody listens: deferred, and not ambiguous', async () => {
    const { server, provider } = await sendingTo({}, extensions)
    await server.close()
    server.close = async () => undefined
    const result = await provider.send(outgoing('a@example.com'))
    expect(result).toMatchObject({ outcome: 'deferred', ambiguous: false })
    expect(result).toHaveProperty('error', expect.stringContaining('ECONNREFUSED'))
  })

  test('a connection that the server ended is replaced, and nothing is sent twice', async () => {
    const { server, provider } = await sendingTo({ messagesPerConnection: 2 }, extensions)
    for (let number = 0; number < 7; number++) {
      expect(await provider.send(outgoing(`u${number}@example.com`))).toEqual({ outcome: 'accepted' })
    }
    expect(server.received).toHaveLength(7)
    expect(server.connections()).toBe(4)
  })

  test('a refused message does not cost its connection', async () => {
    const { server, provider } = await sendingTo({ rcpt: '550 5.1.1 no' }, extensions)
    for (let number = 0; number < 5; number++) await provider.send(outgoing(`u${number}@example.com`))
    expect(server.connections()).toBe(1)
  })

  test('messages that wait when the transport is closed are deferred', async () => {
    const server = await scriptedServer({ extensions })
    const transport = createSmtpTransport({ address: server, connections: 1 })
    const sent = [1, 2, 3].map((number) => providerOver(transport).send(outgoing(`u${number}@example.com`)))
    transport.close()
    for (const result of await Promise.all(sent))
      expect(result).toMatchObject({ outcome: 'deferred', ambiguous: false })
    await server.close()
  })

  test('messages behind one whose connection ends unanswered go out on another, once', async () => {
    const { server, provider } = await sendingTo({ message: 'drop' }, extensions)
    const addresses = ['a', 'b', 'c'].map((name) => `${name}@example.com`)
    const results = await Promise.all(addresses.map((address) => provider.send(outgoing(address))))
    for (const result of results) expect(result).toMatchObject({ outcome: 'deferred', ambiguous: true })
    expect(server.received).toHaveLength(3)
    expect(server.connections()).toBe(3)
  })

  test('a message over the limit that the server names is rejected unsent', async () => {
    const { server, provider } = await sendingTo({}, [...extensions, 'SIZE 1000'])
    const text = 'a line of text\n'.repeat(100)
    expect(await provider.send({ ...outgoing('a@example.com'), text })).toMatchObject({
      outcome: 'rejected',
      error: expect.stringContaining('1000 bytes'),
    })
    expect(server.received).toEqual([])
  })
})

test('an address that SES would refuse is rejected, and never reaches SMTP', async () => {
  const { server, provider } = await sendingTo({})
  for (const address of [
    '',
    'nobody',
    '@example.com',
    'a@',
    'a b@example.com',
    'a@b@example.com',
    'jürgen@example.com',
    'a@example.com>\r\nRCPT TO:<x@y.z',
    'a,b@example.com',
    `${'a'.repeat(65)}@example.com`,
    'a@exa mple.com',
  ]) {
    expect(await provider.send(outgoing(address)), address).toEqual({ outcome: 'rejected', error: expect.any(String) })
  }
  expect(server.received).toEqual([])
})

describe('where mail may go', () => {
  test('loopback and private addresses, however they are written', async () => {
    for (const text of [
      '127.0.0.1:1025',
      '[::1]:1025',
      'localhost:2525',
      '10.1.2.3:25',
      '192.168.0.9:25',
      '172.20.0.2:1025',
    ]) {
      const address = await innerSmtpAddress(parseSmtpAddress(text))
      expect(isInnerAddress(address.host)).toBe(true)
    }
  })

  test('never the internet', async () => {
    for (const text of ['8.8.8.8:25', '[2001:4860:4860::8888]:25', '172.32.0.1:25', '[::ffff:8.8.8.8]:25']) {
      await expect(innerSmtpAddress(parseSmtpAddress(text)), text).rejects.toMatchObject({ code: 'smtp-host-public' })
    }
    for (const text of ['localhost', 'localhost:0', 'localhost:70000', 'a b:25']) {
      expect(() => parseSmtpAddress(text), text).toThrow('HOST:PORT')
    }
    await expect(innerSmtpAddress({ host: 'nowhere.invalid', port: 25 })).rejects.toMatchObject({
      code: 'smtp-host-unresolved',
    })
  })

  test('a sender that is no address is refused with the name of its setting', () => {
    expect(parseSender('noreply@manireports.test')).toEqual({ name: '', address: 'noreply@manireports.test' })
    expect(() => parseSender('ManiReports')).toThrow('mail_from')
  })
})

test('a Mailpit that does not answer says neither sent nor absent', async () => {
  const url = 'http://127.0.0.1:1'
  await expect(createMailpitLookup({ url })('x@y')).rejects.toThrow('Mailpit does not say')
  expect(await checkMailpit({ url })).toEqual({ reachable: false, error: expect.stringContaining('fetch failed') })
})

test('a Mailpit that hangs is given up after its time', async () => {
  const server = createServer(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const options = { url: `http://127.0.0.1:${port}`, timeoutMs: 50 }
  await expect(createMailpitLookup(options)('x@y')).rejects.toThrow('Mailpit does not say')
  expect(await checkMailpit(options)).toEqual({ reachable: false, error: 'no answer within 50 ms' })
})
