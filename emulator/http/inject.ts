import { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock } from '../kernel/clock.ts'
import type { CallbackTransport } from '../worker/callbacks/transport.ts'

const protocolHeader = 'x-offload-injected-protocol'

/**
 * A hook of the app: what is https for a caller in this process is https in our URLs too (an SDK warns of a queue URL that
 * differs from its endpoint). What comes over a port cannot pretend to it.
 */
export async function injectedProtocol({ raw, headers }: FastifyRequest): Promise<void> {
  if (!(raw.socket instanceof Socket) && headers[protocolHeader] === 'https:') {
    Object.assign(raw.socket, { encrypted: true })
  }
}

/** Answers a web request inside this process, as if it had come over the port: same router, same faces. */
export async function injectRequest(app: FastifyInstance, request: Request, clock: Clock): Promise<Response> {
  const url = new URL(request.url)
  const headers: Record<string, string> = Object.fromEntries(request.headers)
  // Nobody waits for a go-ahead here: the body is at hand.
  delete headers['expect']
  const answer = await app.inject({
    method: request.method as 'GET',
    url: url.pathname + url.search,
    headers: { ...headers, host: url.host, [protocolHeader]: url.protocol },
    payload: Buffer.from(await request.arrayBuffer()),
    signal: request.signal,
  })
  const answered = new Headers()
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) answered.append(name, String(one))
  }
  // Node writes the machine's time, and time may be virtual here.
  answered.set('date', new Date(clock.now()).toUTCString())
  const empty = [204, 205, 304].includes(answer.statusCode) || request.method === 'HEAD'
  return new Response(empty ? null : new Uint8Array(answer.rawPayload), {
    status: answer.statusCode,
    statusText: answer.statusMessage,
    headers: answered,
  })
}

/** Callbacks to the emulator's own stand-in for Moodle stay in the process; all others go over HTTP. */
export function injectCallbacks({
  inject,
  origin,
  others,
}: {
  inject: (request: Request) => Promise<Response>
  /** The emulator's own URL. */
  origin: string
  others: CallbackTransport
}): CallbackTransport {
  const transport: CallbackTransport = async (post) => {
    if (new URL(post.url).origin !== new URL(origin).origin) return await others(post)
    const answer = await inject(new Request(post.url, { method: 'POST', headers: post.headers, body: post.body }))
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
  }
  return Object.assign(transport, { close: () => others.close?.() })
}
