import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { path, startReceiver } from './receiver.ts'
import { content, setUp } from './set-up.ts'

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'callbacks-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('a callback without an address', () => {
  it('is parked with the line that frees it, for its tenant and its dialect', async () => {
    const { add, callbacks, pass, events } = setUp()
    const spec = add({ tenant: 123 })
    const plugin = add({ tenant: 0, content: content({ tenant: 0, dialect: 'plugin', jobId: 3 }) })
    await pass(3_600_000)
    const line = `offload up --callback-url 123=http://localhost:8000${path}`
    expect(callbacks.get(spec)).toMatchObject({ state: 'parked', attempts: 0, url: null, dueAt: null })
    expect(callbacks.get(spec).reason).toContain(line)
    expect(callbacks.get(spec).reason).toContain('OFFLOAD_CALLBACK_URL=http://localhost:8000')
    expect(callbacks.get(plugin).reason).toContain(
      'offload up --callback-url http://localhost:8000/local/manireports/cloud_callback.php',
    )
    expect(events()[0]).toMatchObject({ type: 'callback.created', state: 'parked' })
    expect(JSON.stringify(events()[0])).toContain(line)
    expect(callbacks.summary(123, 'job-1')).toEqual({ waiting: 0, delivered: 0, refused: 0, dead: 0, parked: 1 })
  })

  it('is sent when the emulator starts again with one', async () => {
    const directory = temporaryFolder()
    const before = setUp({ directory })
    const id = before.add()
    await before.close()

    const receiver = await startReceiver()
    const { callbacks } = setUp({ directory, url: receiver.url })
    await callbacks.whenIdle()
    expect(receiver.requests).toHaveLength(1)
    expect(callbacks.get(id)).toMatchObject({ state: 'delivered', reason: null })
  })
})

describe('a callback to a host that is not allowed', () => {
  it('is parked at once, without asking DNS or making a connection', async () => {
    const asked: string[] = []
    const lookup = async (host: string) => {
      asked.push(host)
      return [{ address: '127.0.0.1', family: 4 }]
    }
    const { add, callbacks, pass } = setUp({ lookup })
    const id = add({ url: 'https://yourmoodle.com/local/manireports/ui/ajax/cloud_callback.php' })
    await pass(3_600_000)
    expect(callbacks.get(id)).toMatchObject({ state: 'parked', attempts: 0 })
    expect(callbacks.get(id).reason).toContain('--allow-callback-host yourmoodle.com')
    expect(callbacks.get(id).reason).toContain('--callback-connect-to yourmoodle.com:443:127.0.0.1:8443')
    expect(asked).toEqual([])
  })

  it('is sent when the emulator starts again with the flag', async () => {
    const directory = temporaryFolder()
    const receiver = await startReceiver()
    const url = `http://moodle.example.com:${receiver.port}/callback`
    const before = setUp({ directory })
    const id = before.add({ url })
    await before.close()

    const lookup = async () => [{ address: '127.0.0.1', family: 4 }]
    const { callbacks, events } = setUp({ directory, lookup, settings: { allowHosts: ['moodle.example.com'] } })
    await callbacks.whenIdle()
    expect(receiver.requests.map(({ headers }) => headers.host)).toEqual([`moodle.example.com:${receiver.port}`])
    expect(callbacks.get(id).state).toBe('delivered')
    expect(events().map((event) => ('state' in event ? event.state : event.type))).toEqual([
      'parked',
      'waiting',
      'callback.attempt',
      'delivered',
    ])
  })

  it('stays parked over a start that does not allow it', async () => {
    const directory = temporaryFolder()
    const before = setUp({ directory })
    const id = before.add({ url: 'http://moodle.example.com/' })
    await before.close()
    const { callbacks, events, pass } = setUp({ directory, settings: { allowHosts: ['other.example.com'] } })
    await pass(1000)
    expect(callbacks.get(id).state).toBe('parked')
    expect(events()).toHaveLength(1)
    expect(() => callbacks.replay(id)).toThrow('--allow-callback-host moodle.example.com')
  })
})

describe('a local name', () => {
  it('that resolves to a public address is parked without a connection, and no attempt is counted', async () => {
    const receiver = await startReceiver()
    const directory = temporaryFolder()
    const lookup = async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '93.184.216.34', family: 4 },
    ]
    const before = setUp({ directory, lookup })
    const id = before.add({ url: `http://moodle.test:${receiver.port}/` })
    await before.callbacks.whenIdle()
    expect(before.callbacks.get(id)).toMatchObject({ state: 'parked', attempts: 0, log: [] })
    expect(before.callbacks.get(id).reason).toMatch(
      /moodle.test resolves to 93.184.216.34.*--allow-callback-host moodle.test/,
    )
    expect(receiver.requests).toHaveLength(0)
    expect(before.events().at(-1)).toMatchObject({ type: 'callback.created', state: 'parked' })

    await before.close()
    const after = setUp({ directory, lookup })
    await after.callbacks.whenIdle()
    expect(after.callbacks.get(id).state).toBe('parked')
    expect(after.callbacks.unpark()).toBe(0)
  })

  it('is asked for once a connection, and what it answers later moves no connection elsewhere', async () => {
    const receiver = await startReceiver((nth) => ({ status: nth === 0 ? 500 : 200, headers: { connection: 'close' } }))
    let asked = 0
    const lookup = async () => [{ address: asked++ === 0 ? '127.0.0.1' : '93.184.216.34', family: 4 }]
    const { add, callbacks, pass } = setUp({ lookup })
    const id = add({ url: `http://moodle.test:${receiver.port}/` })
    await callbacks.whenIdle()
    expect([asked, receiver.requests.length]).toEqual([1, 1])
    await pass(5000)
    expect([asked, receiver.requests.length]).toEqual([2, 1])
    expect(callbacks.get(id)).toMatchObject({ state: 'parked', attempts: 1 })
  })

  it('that does not resolve is tried again, and the words name --callback-connect-to', async () => {
    const lookup = async (host: string) => {
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' })
    }
    const { add, callbacks } = setUp({ lookup })
    const id = add({ url: 'http://moodle.test/' })
    await callbacks.whenIdle()
    expect(callbacks.get(id)).toMatchObject({ state: 'waiting', attempts: 1, lastStatus: null })
    expect(callbacks.get(id).words).toMatch(/does not resolve.*--callback-connect-to.*ENOTFOUND moodle.test/)
  })

  it('under .localhost is this machine without DNS', async () => {
    const receiver = await startReceiver()
    const lookup = () => Promise.reject(new Error('DNS was asked'))
    const { add, callbacks } = setUp({ lookup })
    add({ url: `http://moodle.localhost:${receiver.port}/` })
    await callbacks.whenIdle()
    expect(receiver.requests.map(({ headers }) => headers.host)).toEqual([`moodle.localhost:${receiver.port}`])
  })
})

describe('--callback-connect-to', () => {
  it('connects elsewhere and sends the Host of the URL', async () => {
    const receiver = await startReceiver()
    const connectTo = [`moodle.example.com:80:127.0.0.1:${receiver.port}`]
    const { add, callbacks } = setUp({ settings: { connectTo } })
    const id = add({ url: `http://moodle.example.com${path}?x=1` })
    await callbacks.whenIdle()
    expect(callbacks.get(id).state).toBe('delivered')
    expect(receiver.requests.map(({ url, headers }) => [headers.host, url])).toEqual([
      ['moodle.example.com', `${path}?x=1`],
    ])
  })

  it('frees what is parked, when the emulator starts again with it', async () => {
    const directory = temporaryFolder()
    const before = setUp({ directory })
    const id = before.add({ url: 'http://moodle.example.com/' })
    await before.close()
    const receiver = await startReceiver()
    const connectTo = [`moodle.example.com:80:127.0.0.1:${receiver.port}`]
    const { callbacks } = setUp({ directory, settings: { connectTo } })
    await callbacks.whenIdle()
    expect(callbacks.get(id).state).toBe('delivered')
  })
})
