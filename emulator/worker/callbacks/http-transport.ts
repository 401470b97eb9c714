import { lookup as systemLookup } from 'node:dns/promises'
import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import { isLoopbackName, type HostRules } from './host-rules.ts'
import { answerLimit, CallbackFailure, type CallbackAnswer, type CallbackPost, type FailureKind } from './transport.ts'

/** Any request: for callbacks, and for those that a receiver must refuse. */
export interface HttpPost extends Omit<CallbackPost, 'headers' | 'body'> {
  /** POST by default. */
  readonly method?: string
  /** A list is a header that is sent several times. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string | Uint8Array
  /** Without a Content-Length. */
  readonly chunked?: boolean
}

export interface HttpTransport {
  (post: HttpPost): Promise<CallbackAnswer>
  close(): void
}

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** Resolves a name to all its addresses; rejects with `code` `ENOTFOUND` and the like. */
export type ResolveName = (host: string) => Promise<readonly ResolvedAddress[]>

const kindOfCode: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EACCES: 'unreachable',
  ETIMEDOUT: 'timeout',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** An error that has no code of ours came from TLS while the connection was being encrypted, else from reading HTTP. */
function failureOf(error: unknown, encrypting: boolean): CallbackFailure {
  if (error instanceof CallbackFailure) return error
  // Several addresses were tried (localhost is 127.0.0.1 and ::1): the first one's error speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors[0], encrypting)
  // OpenSSL's text carries file names of its own source; between them is what went wrong.
  const ssl = /:SSL routines:[^:]*:([^:]+):/.exec(messageOf(error))?.[1]
  if (ssl !== undefined) return new CallbackFailure('tls', ssl, `ERR_SSL_${ssl.toUpperCase().replaceAll(' ', '_')}`)
  const code = codeOf(error)
  const kind = (code === undefined ? undefined : kindOfCode[code]) ?? (encrypting ? 'tls' : 'protocol')
  return new CallbackFailure(kind, messageOf(error), code)
}

/** Posts over real sockets: connections are kept alive, and each goes to an address that the host rules have seen. */
export function createHttpTransport({
  clock,
  timeoutMs,
  rules,
  resolveName = (host) => systemLookup(host, { all: true }),
}: {
  clock: Clock
  /** For the whole exchange, in real time: `--speed` makes no receiver faster. */
  timeoutMs: number
  rules: HostRules
  resolveName?: ResolveName | undefined
}): HttpTransport {
  // A receiver closes an idle connection after 5 s (Apache, Node), so ours must go sooner, or an attempt meets a reset.
  const pool = { keepAlive: true, timeout: 4000, maxFreeSockets: 16 }
  const agents = { 'http:': new HttpAgent(pool), 'https:': new HttpsAgent(pool) }
  const underWay = new Set<(failure: CallbackFailure) => void>()

  const addressesOf = async (host: string): Promise<readonly ResolvedAddress[]> => {
    if (isLoopbackName(host)) {
      return [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ]
    }
    const addresses = await resolveName(host)
    for (const { address } of addresses) {
      const reason = rules.refusal(host, address)
      if (reason !== undefined) throw new CallbackFailure('forbidden', reason)
    }
    return addresses
  }

  // Node connects to what this answers and asks nobody again: the address that was judged is the one that is used.
  const pinned: LookupFunction = (host, options, callback) => {
    addressesOf(host).then(
      (addresses) => {
        const first = addresses[0]
        if (first === undefined) callback(new CallbackFailure('dns', `${host} has no address`, 'ENOTFOUND'), '')
        else if (options.all)
          callback(
            null,
            addresses.map(({ address, family }) => ({ address, family })),
          )
        else callback(null, first.address, first.family)
      },
      (error: Error) => callback(error, ''),
    )
  }

  const send = ({ url: address, method = 'POST', headers, body, chunked = false, connectTo }: HttpPost) =>
    new Promise<CallbackAnswer>((resolve, reject) => {
      const url = new URL(address)
      const secure = url.protocol === 'https:'
      const { destination } = connectTo === undefined ? rules.route(url) : { destination: connectTo }
      const bytes = Buffer.from(body)
      const options: RequestOptions = {
        method,
        host: destination.host,
        port: destination.port,
        path: url.pathname + url.search,
        agent: secure ? agents['https:'] : agents['http:'],
        lookup: pinned,
        headers: {
          host: url.host,
          ...(headers as OutgoingHttpHeaders),
          ...(chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length }),
        },
        ...(url.username === '' ? {} : { auth: decodeURIComponent(`${url.username}:${url.password}`) }),
      }
      // The name for TLS (SNI, and what the certificate is checked against) is taken from the Host header.
      const request = secure ? httpsRequest(options) : httpRequest(options)

      let connected = false
      let encrypted = false
      let received: IncomingMessage | undefined
      const chunks: Buffer[] = []
      let size = 0

      const end = () => {
        timer.cancel()
        underWay.delete(fail)
      }
      const fail = (failure: CallbackFailure) => {
        end()
        reject(failure)
        request.destroy()
      }
      const answered = (response: IncomingMessage) => {
        end()
        const names: Record<string, string> = {}
        for (const [name, value] of Object.entries(response.headers)) names[name] = String(value)
        const text = Buffer.concat(chunks).subarray(0, answerLimit).toString()
        resolve({ status: response.statusCode ?? 0, headers: names, body: text })
      }
      const timer = clock.at(clock.now() + timeoutMs, () => {
        const what = !connected ? 'no connection' : received === undefined ? 'no answer' : 'no end of the answer'
        fail(new CallbackFailure('timeout', `${what} within ${timeoutMs / 1000} s`, 'ETIMEDOUT'))
      })
      underWay.add(fail)

      request.on('socket', (socket) => {
        if (!socket.connecting) {
          connected = true
          encrypted = true
          return
        }
        socket.once('connect', () => (connected = true))
        socket.once('secureConnect', () => (encrypted = true))
      })
      request.on('error', (error) => fail(failureOf(error, secure && !encrypted)))
      request.on('close', () => {
        if (received === undefined) {
          fail(new CallbackFailure('reset', 'the connection closed without an answer', 'ECONNRESET'))
        }
      })
      request.on('response', (response) => {
        received = response
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          size += chunk.length
          if (size <= answerLimit) return
          answered(response)
          request.destroy()
        })
        response.on('end', () => answered(response))
        // After `end` or a cut-off these find the promise settled.
        response.on('error', () => {})
        response.on('close', () => {
          const message = `the connection closed in the middle of the answer (${response.statusCode})`
          if (!response.complete) fail(new CallbackFailure('reset', message, 'ECONNRESET'))
        })
      })
      request.end(bytes)
    })

  return Object.assign(send, {
    close() {
      for (const fail of underWay) fail(new CallbackFailure('stopped', 'the emulator stops'))
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  })
}
