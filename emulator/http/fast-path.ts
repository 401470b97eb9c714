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

/**
 * Connections on which one plain request follows the other, answered on the socket itself: Node's request and response
 * objects cost more than what an operation of a queue does. With the first request that is not plain, or that `takes`
 * declines, a connection becomes Node's for good, with all that it has sent and that was not answered.
 */
export function createFastPath(deps: FastPathDeps): FastPath {
  const sockets = new Set<Socket>()
  let closed = false
  return {
    meet(socket, hand) {
      if (closed) return hand()
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      serve(socket, deps, () => {
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

function serve(socket: Socket, { face, clock, takes, onAnswered }: FastPathDeps, hand: () => void): void {
  let chunks: Buffer[] = []
  let size = 0
  let head: PlainHead | undefined
  let answering = false
  let gone: AbortController | undefined

  const next = () => {
    const [first] = chunks
    if (answering || first === undefined || socket.destroyed) return
    if (head === undefined) {
      head = readPlainHead(first)
      if (head === undefined || head.bodyBytes > face.bodyLimit || !takes(head)) return leave()
    }
    const end = head.bodyAt + head.bodyBytes
    if (size < end) return
    const bytes = chunks.length === 1 ? first : Buffer.concat(chunks)
    const rest = bytes.subarray(end)
    const { target, headers } = head
    head = undefined
    chunks = rest.length === 0 ? [] : [rest]
    size = rest.length
    meet(target, headers, bytes.subarray(end - Number(headers['content-length']), end))
  }

  const meet = (url: string, headers: PlainHead['headers'], body: Buffer) => {
    const began = clock.monotonic()
    answering = true
    const exchange: Exchange = {
      method: 'POST',
      url,
      headers,
      protocol: 'http',
      body,
      answer(status, given, text) {
        if (socket.destroyed) return
        write(status, given, text)
        onAnswered({ exchange, status, began })
        answering = false
        gone = undefined
        if (size > 0) setImmediate(goOn)
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
    const answer = `${lines}Content-Length: ${bytes}\r\nDate: ${dateOf(clock.now())}\r\n${keepAlive}\r\n${text}`
    socket.write(answer, bytes === text.length ? 'latin1' : 'utf8')
  }

  /** What came in the meantime: a client that does not read its answers is not read from either. */
  const goOn = () => {
    if (socket.writableNeedDrain) {
      socket.once('drain', goOn)
      return
    }
    socket.resume()
    next()
  }

  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    if (answering) socket.pause()
    else next()
  }
  // Who sends no more has gone, as a process that was killed has.
  const onEnd = () => {
    if (answering || size > 0) socket.destroy()
    else socket.end()
  }
  const onError = () => undefined
  const onClose = () => gone?.abort()
  const onIdle = () => {
    if (!answering) socket.destroy()
  }
  const leave = () => {
    socket.pause()
    socket.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose).off('timeout', onIdle)
    socket.setTimeout(0)
    socket.unshift(chunks.length === 1 ? (chunks[0] ?? nothing) : Buffer.concat(chunks))
    chunks = []
    hand()
    socket.resume()
  }

  socket.setTimeout(keepAliveMs)
  socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose).on('timeout', onIdle)
}

let second = 0
let written = ''

/** The same for all answers of a second. */
function dateOf(now: number): string {
  const at = Math.floor(now / 1000)
  if (at !== second) {
    second = at
    written = new Date(now).toUTCString()
  }
  return written
}
