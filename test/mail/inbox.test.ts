import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createInbox } from '../../emulator/cloud/inbox/inbox.ts'
import { searchedDate } from '../../emulator/cloud/inbox/search.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'
import { type EmbeddedInbox, mailer, startEmbedded } from './inboxes.ts'

const raw = (fields: Record<string, string>, body = 'body') =>
  Buffer.from(
    `${Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n${body}\r\n`,
  )

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offload-inbox-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('durability', () => {
  test('what was answered 250 is in the file, for another process to read', async () => {
    const running = await startEmbedded({ directory: temporaryFolder() })
    onTestFinished(running.stop)
    const smtp = mailer(running)
    await smtp.sendMail({ from: 'a@b.test', to: 'c@d.test', messageId: '<kept@b.test>', subject: 'x' })
    smtp.close()
    const reader = new DatabaseSync(running.store.path, { readOnly: true })
    expect(reader.prepare('SELECT message_id FROM inbox_messages').all()).toEqual([{ message_id: 'kept@b.test' }])
    reader.close()
  })

  test('no 250 before the commit', async () => {
    const store = openStore({})
    const held: (() => void)[] = []
    const slow: Store = {
      ...store,
      write: async (run) => {
        const value = await store.write(run)
        await new Promise<void>((resolve) => held.push(resolve))
        return value
      },
    }
    const { ids } = boot({ store, seed: 's' })
    const inbox = createInbox({ store: slow, clock: virtualClock(), ids })
    const { port } = await inbox.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(async () => {
      await inbox.close()
      store.close()
    })
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => (heard += chunk.toString()))
    const until = async (text: string) => {
      while (!heard.includes(text)) await once(socket, 'data')
    }
    await until('220 ')
    socket.write('EHLO t\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n')
    await until('354 ')
    socket.write('Subject: x\r\n\r\nbody\r\n.\r\nNOOP\r\n')
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(heard).not.toContain('queued as')
    for (const release of held) release()
    await until('250 2.0.0 Ok: queued as')
    socket.destroy()
  })

  test('a message that cannot be stored is deferred, not lost', async () => {
    const store = openStore({})
    const { ids } = boot({ store, seed: 's' })
    const inbox = createInbox({
      store: { ...store, write: () => Promise.reject(new Error('disk full')) },
      clock: virtualClock(),
      ids,
    })
    const smtp = await inbox.listen({ host: '127.0.0.1', port: 0 })
    const client = mailer({ smtp })
    onTestFinished(async () => {
      client.close()
      await inbox.close()
      store.close()
    })
    await expect(client.sendMail({ from: 'a@b.test', to: 'c@d.test' })).rejects.toMatchObject({ responseCode: 451 })
    expect(inbox.traffic.refused).toBe(1)
  })

  test('kill -9 loses nothing that was acknowledged', async () => {
    const folder = temporaryFolder()
    const child = fork(join(import.meta.dirname, 'inbox-process.ts'), [folder], { execArgv: ['--import', 'tsx'] })
    const [smtp] = (await once(child, 'message')) as [{ host: string; port: number }]
    const client = mailer({ smtp })
    const acknowledged: string[] = []
    const ended = once(child, 'exit')
    let number = 0
    const lane = async () => {
      for (;;) {
        const messageId = `m${number++}@kill.test`
        await client.sendMail({ from: 'a@b.test', to: 'c@d.test', messageId: `<${messageId}>`, text: 'x'.repeat(500) })
        acknowledged.push(messageId)
        if (acknowledged.length === 60) child.kill('SIGKILL')
      }
    }
    await Promise.allSettled(Array.from({ length: 4 }, lane))
    await ended
    client.close()
    const store = openStore({ directory: folder })
    const { ids } = boot({ store, seed: 's' })
    const inbox = createInbox({ store, clock: virtualClock(), ids })
    expect(acknowledged.length).toBeGreaterThanOrEqual(60)
    expect(acknowledged.filter((id) => inbox.find(id) !== 'sent')).toEqual([])
    store.close()
  })
})

describe('the embedded inbox', () => {
  let running: EmbeddedInbox
  beforeAll(async () => {
    running = await startEmbedded()
  })
  afterAll(() => running.stop())
  beforeEach(() => void running.inbox.reset())
  const receive = (message: Buffer, to = ['to@example.com']) =>
    running.inbox.receive({ from: 'from@example.com', to, username: '', raw: message })

  test('finds by Message-ID, and forgets by it or altogether', async () => {
    await receive(raw({ To: 'to@example.com', 'Message-ID': '<one@x.test>', 'X-Tags': 'job-1' }))
    await receive(raw({ To: 'to@example.com', 'message-id': '<two@x.test>', 'X-Tags': 'job-10' }))
    const { inbox } = running
    expect([inbox.find('one@x.test'), inbox.find('two@x.test'), inbox.find('one')]).toEqual(['sent', 'sent', 'absent'])
    expect(inbox.deleteSent(['one@x.test', 'unknown@x.test'])).toBe(1)
    expect([inbox.find('one@x.test'), inbox.find('two@x.test')]).toEqual(['absent', 'sent'])
    expect(inbox.reset()).toBe(1)
    expect(inbox.count()).toEqual({ total: 0, unread: 0 })
    expect(inbox.tags()).toEqual([])
  })

  test('keeps whatever it is sent', async () => {
    const odd = [
      Buffer.alloc(0),
      Buffer.from('no header at all'),
      Buffer.from('\r\n\r\n'),
      Buffer.from([0xff, 0xfe, 0x00, 0x0d, 0x0a, 0x0d, 0x0a]),
      Buffer.from(`Subject: =?utf-8?B?${'x'.repeat(5000)}`),
      Buffer.from('From: <<>>,,;:"\r\nTo: group: a@b.c, d@e.f;, "un\r\nSubject\r\n\r\nx'),
      Buffer.from(
        `${Array.from({ length: 400 }, (_, n) => `Content-Type: multipart/mixed; boundary=b${n}\r\n\r\n--b${n}\r\n`).join('')}x`,
      ),
    ]
    for (const message of odd) {
      const id = await receive(message)
      const read = await running.inbox.message(id)
      expect(read?.id).toBe(id)
      expect(running.inbox.raw(id)?.includes(message)).toBe(true)
    }
    expect((await running.inbox.list({})).entries).toHaveLength(odd.length)
    expect((await fetch(`${running.url}/`)).status).toBe(200)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.string({ unit: 'binary' }), async (bytes, text) => {
        const id = await receive(
          Buffer.concat([Buffer.from(`From: ${text}\r\nSubject: ${text}\r\nTo: ${text}\r\n`), bytes]),
        )
        expect(await running.inbox.message(id)).toBeDefined()
        expect((await fetch(`${running.url}/mail/${id}`)).status).toBe(200)
      }),
      { numRuns: 25 },
    )
  })

  test('refuses a message over 50 MB, and goes on', async () => {
    const client = mailer(running)
    onTestFinished(() => client.close())
    const envelope = { from: 'a@b.test', to: 'c@d.test' }
    const huge = Buffer.alloc(51 * 1024 * 1024, 'a line of text that is not too long to be sent over SMTP at all\r\n')
    await expect(client.sendMail({ envelope, raw: huge })).rejects.toMatchObject({ responseCode: 552 })
    await client.sendMail({ envelope, raw: 'Subject: small\r\n\r\nx' })
    expect(running.inbox.count().total).toBe(1)
  })

  test('searching is the same as asking each message', async () => {
    const words = ['alpha', 'beta', '100%', 'a_b', 'Grüße', 'x"y', 'back\\slash']
    const word = fc.constantFrom(...words)
    const mail = fc.record({
      subject: word,
      to: fc.constantFrom('ann', 'ben'),
      body: word,
      tag: fc.constantFrom('job-1', 'job-10'),
    })
    const term = fc.oneof(
      word.map((text) => ({
        query: `subject:"${text.replaceAll('"', '')}"`,
        fits: (m: Mail) => has(m.subject, text.replaceAll('"', '')),
      })),
      fc.constantFrom('ann', 'ben').map((text) => ({ query: `to:${text}`, fits: (m: Mail) => m.to === text })),
      fc.constantFrom('job-1', 'job-10').map((text) => ({ query: `tag:${text}`, fits: (m: Mail) => m.tag === text })),
      fc.constantFrom('alpha', 'BETA', '100%', 'a_b', 'grüße').map((text) => ({
        query: text,
        fits: (m: Mail) => has(m.subject, text) || has(m.body, text),
      })),
    )
    interface Mail {
      subject: string
      to: string
      body: string
      tag: string
    }
    const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase())
    const negatable = fc.tuple(term, fc.constantFrom('', '-', '!')).map(([{ query, fits }, sign]) => ({
      query: `${sign}${query}`,
      fits: (m: Mail) => fits(m) !== (sign !== ''),
    }))
    await fc.assert(
      fc.asyncProperty(
        fc.array(mail, { maxLength: 8 }),
        fc.array(negatable, { minLength: 1, maxLength: 3 }),
        async (mails, terms) => {
          running.inbox.reset()
          const kept: string[] = []
          for (const m of mails) {
            const id = await receive(raw({ To: `${m.to}@example.com`, Subject: m.subject, 'X-Tags': m.tag }, m.body), [
              `${m.to}@example.com`,
            ])
            if (terms.every(({ fits }) => fits(m))) kept.unshift(id)
          }
          const { entries, matching } = await running.inbox.list({ query: terms.map(({ query }) => query).join(' ') })
          expect(entries.map(({ id }) => id)).toEqual(kept)
          expect(matching).toBe(kept.length)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a list of 50 among thousands parses only those 50', async () => {
    await Promise.all(
      Array.from({ length: 3000 }, (_, n) => receive(raw({ To: `u${n}@example.com`, Subject: `Mail ${n}` }))),
    )
    await running.inbox.list({ limit: 50 })
    const digested = () => running.store.get<{ n: number }>('SELECT COUNT(*) AS n FROM inbox_digests')?.n
    expect(digested()).toBe(50)
    expect((await running.inbox.list({ query: 'to:u77@', limit: 50 })).entries.map(({ subject }) => subject)).toEqual([
      'Mail 77',
    ])
    expect(digested()).toBe(51)
  })

  test('is the same after a restart', async () => {
    const directory = temporaryFolder()
    const first = await startEmbedded({ directory })
    const id = await first.inbox.receive({
      from: 'a@b.test',
      to: ['c@d.test'],
      username: '',
      raw: raw({ Subject: 'kept' }),
    })
    await first.stop()
    const second = await startEmbedded({ directory })
    onTestFinished(second.stop)
    expect((await second.inbox.message(id))?.subject).toBe('kept')
    const other = await second.inbox.receive({ from: 'a@b.test', to: ['c@d.test'], username: '', raw: raw({}) })
    expect(other).not.toBe(id)
  })
})

test('dates of a search are read in their own zone, else in the one asked for', () => {
  expect(searchedDate('2026-01-02T03:04:05Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5))
  expect(searchedDate('2026-01-02 03:04 +02:00')).toBe(Date.UTC(2026, 0, 2, 1, 4))
  expect(searchedDate('2026/7/1', 'Pacific/Auckland')).toBe(Date.UTC(2026, 5, 30, 12))
  expect(searchedDate('2026-01-01', 'UTC')).toBe(Date.UTC(2026, 0, 1))
  expect(searchedDate('2026-01-01', 'No/Where')).toBe(new Date(2026, 0, 1).getTime())
  expect(searchedDate('2026-13-01')).toBeUndefined()
  expect(searchedDate('soon')).toBeUndefined()
})
