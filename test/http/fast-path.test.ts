import { hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text as wholeText } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it, onTestFinished } from 'vitest'
import { readBody } from '../../emulator/http/body.ts'
import type { DirectFace, Exchange } from '../../emulator/http/exchange.ts'
import { createFastPath } from '../../emulator/http/fast-path.ts'
import { createPortServer } from '../../emulator/http/port-server.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { connected } from './raw-request.ts'

const bodyLimit = 300_000

/** What arrived, as an answer, a turn later. */
const echo = (method: string, url: string, headers: object, body: Buffer) =>
  JSON.stringify({
    method,
    url,
    headers,
    bytes: body.length,
    body: hash('md5', body),
    padding: 'é'.repeat(body.length % 50),
  })

function listener(request: IncomingMessage, response: ServerResponse): void {
  readBody(request, bodyLimit, (tooLarge, body) => {
    const text = tooLarge === null ? echo(request.method ?? '', request.url ?? '', request.headers, body) : 'too large'
    setImmediate(() => {
      response.writeHead(tooLarge === null ? 200 : 413, [
        'Content-Type',
        'x',
        'Content-Length',
        String(Buffer.byteLength(text)),
      ])
      response.end(text)
    })
  })
}

const echoes: DirectFace = {
  bodyLimit,
  meet: (exchange) =>
    void setImmediate(() => {
      const { method, url, headers, body = Buffer.alloc(0) } = exchange
      exchange.answer(200, ['Content-Type', 'x'], echo(method, url, headers, body))
    }),
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function fastServer(
  face: DirectFace = echoes,
  takes: (target: string) => boolean = (target) => target !== '/no',
) {
  const answered: string[] = []
  const fastPath = createFastPath({
    face,
    clock: virtualClock(0),
    takes: (head) => takes(head.target),
    onAnswered: ({ exchange, status }) => answered.push(`${status} ${exchange.url}`),
  })
  onTestFinished(() => fastPath.close())
  const server = createPortServer(fastPath, listener)
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  return { url: await listening(server), answered, fastPath, sockets }
}

const nodesServer = () => listening(createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, listener))

interface Talk {
  readonly text: string
  /** What was read may not be all: the server closed before it had read everything. */
  readonly reset: boolean
}

/**
 * Writes requests, each in parts a turn apart, and the next one when the one before is answered; reads until the server ends
 * the connection. What differs at each run is left out.
 */
async function talk(url: string, requests: readonly (readonly Buffer[])[]): Promise<Talk> {
  const socket = await connected(url)
  socket.setNoDelay(true)
  let text = ''
  let reset = false
  let closed = false
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', () => (reset = true))
  const end = new Promise<void>((resolve) => {
    socket.once('close', () => {
      closed = true
      resolve()
    })
  })
  for (const [at, parts] of requests.entries()) {
    for (const part of parts) {
      socket.write(part)
      await nextTurn()
    }
    const answers = () => text.match(/HTTP\/1\.1 (?!100)/g)?.length ?? 0
    for (let turn = 0; answers() <= at && !closed; turn++) {
      if (turn > 100_000) throw new Error(`the request is not answered: ${text}`)
      await nextTurn()
    }
  }
  await end
  return { text: text.replace(/^Date: .*\r\n/gm, ''), reset }
}

const last = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const request = (target: string, body: string, headers: readonly string[] = []) =>
  [`POST ${target} HTTP/1.1`, 'Host: x', `Content-Length: ${Buffer.byteLength(body)}`, ...headers, '', body].join(
    '\r\n',
  )

const header = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      'X-Amz-Target: AmazonSQS.SendMessage',
      'User-Agent: ',
      'x-y:  a b\t ',
      'A: é',
      // In UTF-8 it ends with the byte of a no-break space.
      'B: voilÃ\xa0',
      'Accept-Encoding: identity',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'Connection: keep-alive',
      'Connection: Keep-Alive',
      'connection: close',
      'Expect: 100-continue',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'Content-Length : 1',
      'Host: y',
      'Set-Cookie: a=1',
      ' folded',
      'no colon',
      'sp ace: x',
      ': empty',
      'Upgrade: h2c',
      'Transfer-Encoding: chunked',
      'x: \0',
      'X-Y: again',
      'é: x',
    ),
  },
)
const oneRequest = fc.record({
  line: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('POST / HTTP/1.1', 'POST /000000000000/jobs?x=1 HTTP/1.1') },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'GET / HTTP/1.1',
        'POST / HTTP/1.0',
        'POST /no HTTP/1.1',
        'post / HTTP/1.1',
        'POST  / HTTP/1.1',
        'POST http://x/ HTTP/1.1',
        'POST /é HTTP/1.1',
        '\r\nPOST / HTTP/1.1',
        'POST / HTTP/1.1 ',
        'POST * HTTP/1.1',
      ),
    },
  ),
  host: fc.constantFrom('Host: x', 'HOST:x', 'Host: x', 'host:  x ', 'Host: x', ''),
  headers: fc.array(header, { maxLength: 3 }),
  body: fc.string({ unit: 'binary', maxLength: 10 }),
  times: fc.constantFrom(1, 1, 20_000),
  length: fc.oneof(
    { weight: 12, arbitrary: fc.constant('right') },
    fc.constantFrom('none', '-1', '1x', '1\xa0', '+0', '', '0x5'),
  ),
  newline: fc.oneof({ weight: 12, arbitrary: fc.constant('\r\n') }, fc.constant('\n')),
})

type OneRequest = typeof oneRequest extends fc.Arbitrary<infer T> ? T : never

function bytesOf({ line, host, headers, body, times, length, newline }: OneRequest): Buffer {
  const bytes = Buffer.from(body.repeat(times))
  const lengths = length === 'none' ? [] : [`Content-Length: ${length === 'right' ? bytes.length : length}`]
  const lines = [line, ...(host === '' ? [] : [host]), ...lengths, ...headers, '', '']
  return Buffer.concat([Buffer.from(lines.join(newline), 'latin1'), bytes])
}

/** Cut at places from 0 to 1. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => Math.floor(place * bytes.length)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

it('whatever comes, in whatever pieces, is answered as Node answers it', { timeout: 60_000 }, async () => {
  const [node, fast] = [await nodesServer(), await fastServer()]
  const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(oneRequest, places), { minLength: 1, maxLength: 4 }), async (drawn) => {
      const requests = [...drawn.map(([one, cuts]) => cut(bytesOf(one), cuts)), [Buffer.from(last)]]
      const [expected, answers] = [await talk(node, requests), await talk(fast.url, requests)]
      const whole = ({ text, reset }: Talk) => (reset ? text.length : Infinity)
      const length = Math.min(whole(expected), whole(answers))
      expect(answers.text.slice(0, length)).toBe(expected.text.slice(0, length))
    }),
    { numRuns: 300 },
  )
  // Else it would have compared Node with itself.
  expect(fast.answered.length).toBeGreaterThan(100)
})

it('answers many that came at once in their order, to a client that does not read for a while', async () => {
  const { url, answered } = await fastServer({
    bodyLimit,
    meet: (exchange) => exchange.answer(200, ['Content-Type', 'x'], `${exchange.url} ${'y'.repeat(100_000)}`),
  })
  const socket = await connected(url)
  socket.pause()
  for (let at = 0; at < 200; at++) socket.write(request(`/${at}`, 'x'))
  for (let turn = 0; turn < 1000; turn++) await nextTurn()
  // Twenty megabytes of answers are not written into a buffer that nobody empties.
  expect(answered.length).toBeLessThan(150)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.resume()
  socket.write(last)
  await once(socket, 'close')
  expect([...text.matchAll(/\r\n\r\n\/(\d+) /g)].map(([, number]) => Number(number))).toEqual(
    Array.from({ length: 200 }, (_, at) => at),
  )
})

it('tells who waits that the caller has gone, and closes what is idle', async () => {
  const met: Exchange[] = []
  const { url, fastPath } = await fastServer({ bodyLimit, meet: (exchange) => met.push(exchange) })
  const waiting = async () => {
    const before = met.length
    const socket = await connected(url)
    socket.write(request('/', ''))
    while (met.length === before) await nextTurn()
    return { socket, exchange: met[before] as Exchange }
  }
  for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
    const { socket, exchange } = await waiting()
    const { signal } = { signal: exchange.signal() }
    expect(signal.aborted).toBe(false)
    socket[leave]()
    if (!signal.aborted) await once(signal, 'abort')
    // Nobody is there: it is written nowhere, and harms nobody.
    exchange.answer(200, [], 'late')
    expect(exchange.signal().aborted).toBe(true)
  }
  const idle = await connected(url)
  const busy = await waiting()
  fastPath.close()
  await Promise.all([once(idle, 'close'), once(busy.socket, 'close')])
  expect(busy.exchange.signal().aborted).toBe(true)
})

it('leaves a body that is too large to Node, and what it declines', async () => {
  const { url, answered } = await fastServer()
  expect(await talk(url, [[Buffer.from(request('/', 'x'.repeat(bodyLimit + 1)) + last)]])).toMatchObject({
    text: expect.stringMatching(/^HTTP\/1.1 413/),
  })
  expect(await talk(url, [[Buffer.from(request('/no', 'x') + last)]])).toMatchObject({
    text: expect.stringMatching(/^HTTP\/1.1 200 OK.*"url":"\/no"/s),
  })
  expect(answered).toEqual([])
  const three = await talk(url, [[Buffer.from(request('/', 'x') + request('/no', 'yy') + request('/', 'zzz') + last)]])
  expect([...three.text.matchAll(/"bytes":(\d)/g)].map(([, bytes]) => bytes)).toEqual(['1', '2', '3', '0'])
  expect(answered).toEqual(['200 /'])
})

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}
const until = async (holds: () => boolean) => {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 100_000) throw new Error('it does not come')
    await nextTurn()
  }
}

it('does not read from a client that asks one by one and never reads', async () => {
  const { url, answered, sockets } = await fastServer({
    bodyLimit,
    meet: (exchange) => exchange.answer(200, ['Content-Type', 'x'], 'y'.repeat(100_000)),
  })
  const socket = await connected(url)
  socket.setNoDelay(true)
  socket.pause()
  for (let at = 0; at < 500; at++) {
    socket.write(request('/', 'x'))
    await turns(3)
  }
  await until(() => sockets[0]?.writableNeedDrain === true)
  expect(sockets[0]?.writableLength).toBeLessThan(1_000_000)
  let read = 0
  socket.on('data', (chunk: Buffer) => (read += chunk.length))
  socket.resume()
  await until(() => read > 500 * 100_000)
  expect(answered).toHaveLength(500)
})

it('reads no further ahead than it answers', async () => {
  const { url, answered, sockets } = await fastServer()
  const socket = await connected(url)
  // It is closed with most of it unread.
  socket.on('error', () => undefined)
  socket.resume()
  socket.write(request('/', 'x').repeat(200_000))
  await until(() => answered.length >= 500)
  expect(sockets[0]?.bytesRead).toBeLessThan(500_000)
})

it('answers once, with the time of its clock, whatever goes wrong after it', async () => {
  const { url } = await fastServer({
    bodyLimit,
    meet(exchange) {
      exchange.answer(200, ['Content-Type', 'x'], 'first')
      exchange.answer(500, ['Content-Type', 'x'], 'second')
    },
  })
  const socket = await connected(url)
  const answers = wholeText(socket)
  socket.write(request('/', 'x') + last)
  const text = await answers
  expect(text.match(/HTTP\/1\.1 \d+|first|second|^Date: .*1970.*/gm)).toEqual([
    'HTTP/1.1 200',
    'Date: Thu, 01 Jan 1970 00:00:00 GMT',
    'first',
    'HTTP/1.1 200',
  ])
})

it('asks again whether it may answer once a late body has come', async () => {
  let declines = false
  const { url, answered } = await fastServer(echoes, () => !declines)
  const socket = await connected(url)
  const answers = wholeText(socket)
  socket.write(request('/', 'xx').slice(0, -1))
  await turns(20)
  declines = true
  socket.write(`x${last}`)
  expect(await answers).toContain('"bytes":2')
  expect(answered).toEqual([])
})

it('hears that a caller has gone, whatever it sent on, and before the socket is closed', async () => {
  const met: Exchange[] = []
  const { url, sockets } = await fastServer({ bodyLimit, meet: (exchange) => met.push(exchange) })
  const socket = await connected(url)
  for (let at = 0; at < 3; at++) {
    socket.write(request('/', 'x'))
    await turns(20)
  }
  await until(() => met.length === 1)
  const signal = met[0]?.signal()
  const heard = once(sockets[0] as Socket, 'end').then(() => signal?.aborted)
  socket.end()
  expect(await heard).toBe(true)
})
