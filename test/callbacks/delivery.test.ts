import { describe, expect, it } from 'vitest'
import { sign, verify } from '../../contracts/signature.ts'
import { path, startReceiver } from './receiver.ts'
import { content, setUp, update } from './set-up.ts'

describe('a callback', () => {
  it('is posted as JSON, signed with the secret of its tenant over the raw bytes', async () => {
    const receiver = await startReceiver()
    const { add, callbacks, clock } = setUp({ url: receiver.url })
    const updates = [update({ error: 'Größe / 日本', status: 'failed' })]
    add({ tenant: 7, content: content({ updates }) })
    add({ tenant: 8, content: content({ tenant: 8, updates }) })
    await callbacks.whenIdle()

    expect(receiver.requests).toHaveLength(2)
    const signatures = receiver.requests.map(({ headers }) => String(headers['x-signature'])).toSorted()
    const body = receiver.requests[0]?.body ?? ''
    expect(signatures).toEqual([sign('secret-of-7', body), sign('secret-of-8', body)].toSorted())
    for (const { method, url, headers, body: bytes } of receiver.requests) {
      expect({ method, url }).toEqual({ method: 'POST', url: path })
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'content-length': String(bytes.length),
        host: `127.0.0.1:${receiver.port}`,
      })
      expect(headers['user-agent']).toMatch(/^manireports-offload\//)
      expect(JSON.parse(bytes.toString())).toMatchObject({ timestamp: Math.floor(clock.now() / 1000) })
    }
  })

  it('is signed with the secret that the job brought', async () => {
    const receiver = await startReceiver()
    const { add, callbacks } = setUp({ url: receiver.url })
    add({ secret: 'of-the-job' })
    await callbacks.whenIdle()
    const { body, headers } = receiver.requests[0]!
    expect(headers['x-signature']).toBe(sign('of-the-job', body))
  })

  it('of the plugin dialect carries the token of its tenant and no signature', async () => {
    const receiver = await startReceiver()
    const { add, callbacks } = setUp({ url: receiver.url })
    add({ content: content({ dialect: 'plugin', jobId: 3 }) })
    await callbacks.whenIdle()
    const { body, headers } = receiver.requests[0]!
    expect(JSON.parse(body.toString())).toMatchObject({ job_id: 3, token: 'token-of-7' })
    expect(headers).not.toHaveProperty('x-signature')
  })

  it('goes to the address of the job before that of the tenant', async () => {
    const own = await startReceiver()
    const tenants = await startReceiver()
    const { add, callbacks } = setUp({ url: tenants.url })
    add({ url: own.url })
    await callbacks.whenIdle()
    expect([own.requests.length, tenants.requests.length]).toEqual([1, 0])
  })

  it('is stamped and signed anew at each attempt', async () => {
    const receiver = await startReceiver((nth) => ({ status: nth < 3 ? 500 : 200 }))
    const { add, callbacks, pass, clock } = setUp({ url: receiver.url })
    add()
    await callbacks.whenIdle()
    const stamps = [clock.now()]
    for (const delay of [5000, 30_000, 120_000]) {
      await pass(delay)
      stamps.push(clock.now())
    }
    expect(receiver.requests).toHaveLength(4)
    for (const [index, { body, headers }] of receiver.requests.entries()) {
      const { timestamp } = JSON.parse(body.toString()) as { timestamp: number }
      const now = stamps[index] ?? 0
      expect(timestamp).toBe(now / 1000)
      const signature = String(headers['x-signature'])
      expect(verify({ secret: 'secret-of-7', body, signature, now, timestamp })).toEqual({ ok: true })
    }
  })

  it('is not sent before its time, nor before the delay after it was made', async () => {
    const receiver = await startReceiver()
    const { add, pass, clock } = setUp({ url: receiver.url, settings: { delayMs: 1000 } })
    add({ job: 'soon' })
    add({ job: 'later', notBefore: clock.now() + 2500 })
    const counts: number[] = []
    for (const ms of [999, 1, 1499, 1]) {
      await pass(ms)
      counts.push(receiver.requests.length)
    }
    expect(counts).toEqual([0, 1, 1, 2])
  })

  it('added in a transaction that is undone is never sent', async () => {
    const receiver = await startReceiver()
    const { add, store, pass } = setUp({ url: receiver.url })
    const undone = () =>
      store.tx(() => {
        add()
        throw new Error('undone')
      })
    expect(undone).toThrow('undone')
    await pass(1000)
    expect(receiver.requests).toHaveLength(0)
  })

  it('tells the journal of its making, its attempts and its end, without secrets, addresses or query', async () => {
    const receiver = await startReceiver((nth) => ({ status: nth === 0 ? 503 : 200 }))
    const { add, callbacks, pass, events, clock } = setUp()
    const url = `${receiver.url.replace('http://', 'http://user:pass-word@')}?key=query-secret`
    const id = add({ url, secret: 'job-secret' })
    await callbacks.whenIdle()
    await pass(5000)
    const ref = { tenant: 7, job: 'job-1', callback: id }
    expect(events()).toEqual([
      { type: 'callback.created', ...ref, updates: 1, state: 'waiting' },
      expect.objectContaining({ type: 'callback.attempt', ...ref, attempt: 1, status: 503, url: receiver.url }),
      expect.objectContaining({ type: 'callback.attempt', ...ref, attempt: 2, status: 200, words: 'accepted' }),
      { type: 'callback.settled', ...ref, state: 'delivered', attempts: 2 },
    ])
    expect(JSON.stringify(events())).not.toMatch(/secret|pass-word|ada@/)
    expect(receiver.requests[0]?.headers.authorization).toBe(`Basic ${btoa('user:pass-word')}`)
    expect(JSON.stringify(callbacks.get(id))).not.toMatch(/job-secret|pass-word/)
    expect(callbacks.get(id)).toMatchObject({ state: 'delivered', attempts: 2, settledAt: clock.now() })
  })
})
