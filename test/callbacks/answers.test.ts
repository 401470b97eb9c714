import { createServer, type AddressInfo, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { answerLimit } from '../../emulator/worker/callbacks/transport.ts'
import { path, startReceiver } from './receiver.ts'
import { content, setUp, update } from './set-up.ts'

const listen = (server: Server) =>
  new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

describe('the delivery log', () => {
  it('tells of a redirect, which is not followed', async () => {
    const target = await startReceiver()
    const receiver = await startReceiver(() => ({
      status: 303,
      headers: { location: `http://localhost:${target.port}${path}` },
    }))
    const { add, callbacks } = setUp({ url: receiver.url })
    const id = add()
    await callbacks.whenIdle()
    expect([receiver.requests.length, target.requests.length]).toEqual([1, 0])
    expect(callbacks.get(id)).toMatchObject({ state: 'waiting', lastStatus: 303 })
    expect(callbacks.get(id).words).toContain(`wwwroot is http://localhost:${target.port}`)
    expect(callbacks.summary(7, 'job-1')).toEqual({ waiting: 1, delivered: 0, refused: 1, dead: 0, parked: 0 })
  })

  it('explains a refused signature by the bytes, their form in PHP, and the clocks', async () => {
    const date = new Date(Date.UTC(2026, 0, 1, 0, 10)).toUTCString()
    const receiver = await startReceiver(() => ({
      status: 401,
      headers: { date },
      body: '{"error":"Invalid signature"}',
    }))
    const { add, callbacks } = setUp({ url: receiver.url })
    const id = add({ content: content({ updates: [update({ certificateUrl: 'http://127.0.0.1:4566/a/é' })] }) })
    await callbacks.whenIdle()
    const { words, log, body } = callbacks.get(id)
    const bytes = Buffer.byteLength(body)
    expect(receiver.requests[0]?.body.toString()).toBe(body)
    // Four slashes and one é: 4 × 1 and 1 × 4 more bytes.
    const evidence =
      `Evidence: our signature covers the ${bytes} bytes sent; re-encoded as PHP's json_encode does it is ${bytes + 8}: ` +
      `read php://input; the receiver's clock is 600 s ahead of our timestamp. Reproduce: offload callbacks replay ${id.slice(0, 8)}`
    expect(words).toContain('php://input')
    expect(words).toContain(evidence)
    expect(log).toEqual([
      expect.objectContaining({
        attempt: 1,
        status: 401,
        bytes,
        response: '{"error":"Invalid signature"}',
        signatureVerifies: true,
      }),
    ])
  })

  it('explains a wrong token of the plugin dialect, and shows neither the token nor an echo of it', async () => {
    const receiver = await startReceiver((_nth, { body }) => ({
      status: 403,
      body: `Invalid token: ${body.toString()}`,
    }))
    const { add, callbacks } = setUp({ url: receiver.url })
    const id = add({ content: content({ dialect: 'plugin', jobId: 3 }) })
    await callbacks.whenIdle()
    const detail = callbacks.get(id)
    expect(detail.words).toContain("this token must equal the company's AWS secret")
    expect(detail.log[0]?.response).toContain('"token":"***"')
    expect(detail.log[0]?.signatureVerifies).toBeNull()
    expect(JSON.parse(detail.body)).toMatchObject({ job_id: 3, token: '***' })
    expect(JSON.stringify(detail)).not.toContain('token-of-7')
  })

  it('tells of a receiver that hangs, before and in the middle of its answer', async () => {
    const silent = await startReceiver(() => () => {})
    const dripping = await startReceiver(() => (response) => void response.writeHead(200).write('{'))
    const { add, callbacks, clock } = setUp()
    const ids = [add({ url: silent.url }), add({ url: dripping.url })]
    await Promise.all([silent.received(1), dripping.received(1)])
    await clock.advance(9999)
    expect(ids.map((id) => callbacks.get(id).state)).toEqual(['delivering', 'delivering'])
    await clock.advance(1)
    await callbacks.whenIdle()
    const [first, second] = ids.map((id) => callbacks.get(id))
    expect(first).toMatchObject({ state: 'waiting', attempts: 1, lastStatus: null, dueAt: clock.now() + 5000 })
    expect(first?.words).toContain('no answer within 10 s')
    expect(second?.words).toMatch(/no (answer|end of the answer) within 10 s/)
    expect(second?.log[0]).toMatchObject({ milliseconds: 10_000 })
  })

  it('tells of a refused connection, with the address that was tried', async () => {
    const nobody = createServer()
    const port = await listen(nobody)
    await new Promise((resolve) => nobody.close(resolve))
    const { add, callbacks } = setUp()
    const id = add({ url: `http://127.0.0.1:${port}/` })
    await callbacks.whenIdle()
    expect(callbacks.get(id).words).toMatch(/connection refused: nothing listens on 127.0.0.1:\d+/)
    expect(callbacks.get(id).words).toContain(`connect ECONNREFUSED 127.0.0.1:${port}`)
  })

  it('tells of a receiver that closes before its answer, or in the middle of it', async () => {
    const early = await startReceiver(() => (_response, socket) => socket.destroy())
    const middle = await startReceiver(() => (response, socket) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"ok":', () => socket.destroy())
    })
    const { add, callbacks } = setUp()
    const ids = [add({ url: early.url }), add({ url: middle.url })]
    await callbacks.whenIdle()
    expect([early.requests.length, middle.requests.length]).toEqual([1, 1])
    const [first, second] = ids.map((id) => callbacks.get(id))
    expect(first).toMatchObject({ state: 'waiting', attempts: 1, lastStatus: null })
    expect(first?.words).toContain('closed the connection without an answer')
    expect(second).toMatchObject({ state: 'waiting', attempts: 1 })
  })

  it('tells of a port that speaks no HTTP, or no TLS', async () => {
    const ssh = createServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'))
    const port = await listen(ssh)
    const plain = await startReceiver()
    const { add, callbacks } = setUp()
    const ids = [add({ url: `http://127.0.0.1:${port}/` }), add({ url: plain.url.replace('http:', 'https:') })]
    await callbacks.whenIdle()
    const words = ids.map((id) => callbacks.get(id).words ?? '')
    expect(words[0]).toMatch(/127.0.0.1:\d+.*HTTP/)
    expect(words[1]).toMatch(/write http:\/\//)
    ssh.close()
  })

  it('reads no more than 64 KB of an answer and keeps 2 KB of it; the status counts', async () => {
    let written = 0
    const receiver = await startReceiver(() => (response) => {
      response.writeHead(200)
      const chunk = 'é'.repeat(8192)
      const more = () => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length
      }
      response.on('drain', more)
      more()
    })
    const { add, callbacks } = setUp({ url: receiver.url })
    const id = add()
    await callbacks.whenIdle()
    const { state, log } = callbacks.get(id)
    expect(state).toBe('delivered')
    expect(Buffer.byteLength(log[0]?.response ?? '')).toBeLessThanOrEqual(2048)
    expect(written).toBeLessThan(200 * answerLimit)
  })
})
