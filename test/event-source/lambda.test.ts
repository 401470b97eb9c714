import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'
import { createLambdaSlot, invocationUrl } from '../../emulator/worker/event-source/lambda.ts'

const going = new AbortController().signal

async function endpoint(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}
const slotAt = (url: string, clock = systemClock()) => createLambdaSlot({ clock, url, timeoutMs: 30_000 })

it.each([
  ['http://localhost:9000', 'http://localhost:9000/2015-03-31/functions/function/invocations'],
  ['http://localhost:9000/', 'http://localhost:9000/2015-03-31/functions/function/invocations'],
  [
    'https://localhost/2015-03-31/functions/mails/invocations',
    'https://localhost/2015-03-31/functions/mails/invocations',
  ],
  ['http://localhost:9000/invoke?x=1', 'http://localhost:9000/invoke?x=1'],
])('%s is invoked at %s', (given, url) => expect(invocationUrl(given)).toBe(url))

it('posts the event and reads the answer', async () => {
  let seen: { request?: IncomingMessage; body: string } = { body: '' }
  const url = await endpoint((request, response) => {
    seen = { request, body: '' }
    request.on('data', (chunk: Buffer) => (seen.body += chunk.toString()))
    request.on('end', () => response.end('{"batchItemFailures":[]}'))
  })
  expect(await slotAt(url).invoke('{"Records":["ü"]}', going)).toEqual({
    outcome: 'answered',
    payload: '{"batchItemFailures":[]}',
  })
  expect(seen.request?.method).toBe('POST')
  expect(seen.request?.url).toBe('/2015-03-31/functions/function/invocations')
  expect(seen.request?.headers).toMatchObject({ 'content-type': 'application/json', 'content-length': '18' })
  expect(seen.body).toBe('{"Records":["ü"]}')
})

it.each([
  ['a function error', 200, { 'x-amz-function-error': 'Unhandled' }, '{"errorMessage":"boom"}', 'Unhandled: '],
  ['another status', 502, {}, 'bad gateway', 'answered 502: bad gateway'],
])('%s is a failure', async (_, status, headers, body, words) => {
  const url = await endpoint((_request, response) => void response.writeHead(status, headers).end(body))
  const invocation = await slotAt(url).invoke('{}', going)
  expect(invocation).toMatchObject({ outcome: 'failed', error: expect.stringContaining(words) as string })
})

it('a connection that breaks off is a failure', async () => {
  const url = await endpoint((request) => void request.socket.destroy())
  expect(await slotAt(url).invoke('{}', going)).toMatchObject({ outcome: 'failed' })
})

it('tries again while the emulator of the runtime is busy with another event', async () => {
  let times = 0
  const url = await endpoint(
    (_request, response) => void response.writeHead(++times < 3 ? 400 : 200).end(times < 3 ? '' : 'null'),
  )
  expect(await slotAt(url).invoke('{}', going)).toEqual({ outcome: 'answered', payload: 'null' })
  expect(times).toBe(3)
})

it('gives up when the timeout is over', async () => {
  const clock = virtualClock()
  const arrived = Promise.withResolvers<ServerResponse>()
  const url = await endpoint((_request, response) => arrived.resolve(response))
  const invocation = slotAt(url, clock).invoke('{}', going)
  await arrived.promise
  await clock.advance(30_000)
  expect(await invocation).toEqual({ outcome: 'timed-out', error: 'no answer within 30 s' })
})

it('is broken off when the emulator stops', async () => {
  const stopping = new AbortController()
  const url = await endpoint(() => stopping.abort())
  expect(await slotAt(url).invoke('{}', stopping.signal)).toMatchObject({ outcome: 'stopped' })
})

it('says that nobody listens, and leaves the address alone for a while', async () => {
  const clock = virtualClock()
  const slot = slotAt('http://127.0.0.1:1', clock)
  expect(await slot.invoke('{}', going)).toMatchObject({
    outcome: 'unreachable',
    error: expect.stringContaining('start the function there') as string,
  })
  let ready = false
  const waiting = slot.ready(going).then(() => (ready = true))
  await clock.advance(999)
  expect(ready).toBe(false)
  await clock.advance(1)
  await waiting
})
