import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../kernel/clock.ts'
import type { DirectFace, Exchange } from './exchange.ts'
import { readPlainHead, type PlainHead } from './plain-request.ts'

export interface FastPathDeps {
  readonly face: DirectFace
  readonly clock: Clock
  /** Whether the face answers such a request here and now; what it does not goes to Node's server. */
  readonly takes: (head: PlainHead) => boolean
  readonly onAnswered: (answered: Answered) => void
}

export interface Answered {
  readonly exchange: Exchange
  readonly status: number
  /** Monotonic milliseconds. */
  readonly began: number
}

export interface FastPath {
  /** `hand` gives a connection to Node's server. */
  meet(socket: Socket, hand: () => void): void
  /** Ends its connections; further ones are Node's. */
  close(): void
}

/** Milliseconds that a connection may be idle: longer than SDKs keep one, so that none is closed under a request. */
export const keepAliveMs = 65_000
const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveMs / 1000}\r\n`
/** Longer than clients are told, as Node does it: who asks in the last moment is still answered. */
const idleMs = keepAliveMs + 1000

/** Bytes that are read on while a request is answered: only so is it heard that the caller has gone. */
const readAhead = 65_536

/**
 * Connections on which one plain request follows the other, answered on the socket itself: Node's request and response
 * objects cost more than what an operation of a queue does. With the first request that is not plain, or that `takes`
 * declines, a connection becomes Node's for good, with all that it has sent and that was not answered.
 */
export function createFastPath(deps: FastPathDeps): FastPath {
  const sockets = new Set<Socket>()
  const date = dates(deps.clock)
  let closed = false
  return {
    meet(socket, hand) {
      if (closed) return hand()
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      serve(socket, { ...deps, date }, () => {
        sockets.delete(socket)
        hand()
      })
    },
    close() {
      closed = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

const nothing = Buffer.alloc(0)

interface Serve extends FastPathDeps {
  readonly date: () => string
}

function serve(socket: Socket, { face, clock, takes, onAnswered, date }: Serve, hand: () => void): void {
  let chunks: Buffer[] = []
  let size = 0
  let head: PlainHead | undefined
  // Between an answer and the next request the answer is written; a client that does not read it is not read from either.
  let phase: 'reads' | 'answers' | 'writes' = 'reads'
  let gone: AbortController | undefined

  const next = () => {
    const [first] = chunks
    if (socket.destroyed) return
    if (first === undefined) return readOn()
    const came = head
    head ??= readPlainHead(first)
    if (head === undefined || head.bodyBytes > face.bodyLimit) return leave()
    const end = head.bodyAt + head.bodyBytes
    // Asked as soon as the head is there, and again where its body came later.
    if ((came === undefined || size >= end) && !takes(head)) return leave()
    if (size < end) return readOn()
    const bytes = chunks.length === 1 ? first : Buffer.concat(chunks)
    const rest = bytes.subarray(end)
    const { target, headers, bodyAt } = head
    head = undefined
    chunks = rest.length === 0 ? [] : [rest]
    size = rest.length
    phase = 'answers'
    if (size < readAhead) readOn()
    meet(target, headers, bytes.subarray(bodyAt, end))
  }

  const readOn = () => {
    if (socket.isPaused()) socket.resume()
  }

  const meet = (url: string, headers: PlainHead['headers'], body: Buffer) => {
    const began = clock.monotonic()
    let answered = false
    const exchange: Exchange = {
      method: 'POST',
      url,
      headers,
      protocol: 'http',
      body,
      answer(status, given, text) {
        // Twice would be an answer to the next request.
        if (answered || socket.destroyed) return
        answered = true
        write(status, given, text)
        gone = undefined
        if (socket.writableNeedDrain) {
          phase = 'writes'
          socket.once('drain', goOn)
        } else if (size > 0) {
          phase = 'writes'
          setImmediate(goOn)
        } else {
          phase = 'reads'
        }
        onAnswered({ exchange, status, began })
      },
      signal() {
        gone ??= new AbortController()
        if (socket.destroyed) gone.abort()
        return gone.signal
      },
    }
    face.meet(exchange)
  }

  const write = (status: number, given: readonly string[], text: string) => {
    const bytes = Buffer.byteLength(text)
    let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
    for (let at = 0; at < given.length; at += 2) lines += `${given[at]}: ${given[at + 1]}\r\n`
    const answer = `${lines}Content-Length: ${bytes}\r\nDate: ${date()}\r\n${keepAlive}\r\n${text}`
    socket.write(answer, bytes === text.length ? 'latin1' : 'utf8')
  }

  const goOn = () => {
    phase = 'reads'
    next()
  }

  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (phase === 'reads') next()
    else if (size >= readAhead) socket.pause()
  }
  // Who sends no more has gone, as a process that was killed has.
  const onEnd = () => {
    if (phase !== 'answers' && size === 0) return void socket.end()
    socket.destroy()
    onGone()
  }
  // At the first sign: until the socket is closed, it could be given a message.
  const onGone = () => gone?.abort()
  const onIdle = () => {
    if (phase !== 'answers') socket.destroy()
  }
  const leave = () => {
    socket.pause()
    socket.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone).off('timeout', onIdle)
    socket.setTimeout(0)
    socket.unshift(chunks.length === 1 ? (chunks[0] ?? nothing) : Buffer.concat(chunks))
    chunks = []
    hand()
    socket.resume()
  }

  socket.setTimeout(idleMs)
  socket.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone).on('timeout', onIdle)
}

/** The time as answers have it, written once a second. */
function dates(clock: Clock): () => string {
  let second: number | undefined
  let written = ''
  return () => {
    const now = clock.now()
    const at = Math.floor(now / 1000)
    if (at !== second) {
      second = at
      written = new Date(now).toUTCString()
    }
    return written
  }
}
