import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './problem.ts'

const inner = new BlockList()
for (const [net, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  inner.addSubnet(net, bits, 'ipv4')
}
inner.addAddress('::1', 'ipv6')
inner.addSubnet('fc00::', 7, 'ipv6')

export interface GuardDeps {
  /** Host names that were given (`--host`, `--public-url`), beside those that are always ours. */
  readonly hosts: readonly string[]
  /** Wanted from callers beyond loopback. */
  readonly token: string
}

/**
 * Stands before the page and the control API: a known Host against DNS rebinding, and a token beyond loopback
 * (`Authorization: Bearer`, `x-api-key`, or `?token=` once, which a browser keeps as a cookie).
 */
export function guard({ hosts, token }: GuardDeps) {
  const known = new Set(['localhost', 'host.docker.internal', ...hosts.map((host) => host.toLowerCase())])
  const allowedHost = (host: string) =>
    known.has(host) ||
    host.endsWith('.localhost') ||
    (isIP(host) !== 0 && inner.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))

  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const host = hostName(request.headers.host ?? '')
    if (!allowedHost(host)) {
      return sendProblem(reply, {
        status: 403,
        title: 'Unknown host',
        detail: `This page answers to localhost, private addresses and the names given by --host or --public-url, not to "${host}".`,
      })
    }
    if (isLoopback(request.ip)) return undefined
    const given = tokenOf(request)
    if (given === undefined || !same(given, token)) {
      return sendProblem(reply, {
        status: 401,
        title: 'Token needed',
        detail:
          'From beyond this machine the page and the control API want the ingest token: "Authorization: Bearer TOKEN" or ?token=TOKEN.',
      })
    }
    if ((request.query as Record<string, unknown>)['token'] !== undefined) {
      reply.header('set-cookie', `offload_token=${encodeURIComponent(given)}; Path=/; HttpOnly; SameSite=Strict`)
    }
    return undefined
  }
}

/** The name or address in a Host header, without port and brackets, in lower case. */
function hostName(header: string): string {
  return header
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
}

/**
 * Stands before everything: what another site's page makes a browser send is refused, be it a form that purges a queue.
 * Only browsers send these headers; an SDK or a server sends neither.
 */
export async function refuseForeign(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  const sender = foreignSender(request)
  if (sender === undefined) return undefined
  return sendProblem(reply, {
    status: 403,
    title: 'Foreign origin',
    detail: `A page of ${sender} asked a browser to do this; only our own pages may. A server's own request, without Origin and Sec-Fetch-Site, is taken.`,
  })
}

/** Who made a browser send this; `url` is what the router made of it. Undefined where nobody did. */
export function foreignSender({
  method,
  url,
  headers,
}: {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}): string | undefined {
  const { origin, host, 'sec-fetch-site': site } = headers
  if (method === 'OPTIONS') return undefined
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host)) return origin
  // A link from elsewhere may be followed, but SQS changes things by GET too: an image's address would do.
  if ((method === 'GET' || method === 'HEAD') && !url.startsWith('/@sqs')) return undefined
  return site === undefined || site === 'same-origin' || site === 'none' ? undefined : 'another site'
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  return plain === '::1' || plain.startsWith('127.')
}

function tokenOf(request: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+)/i.exec(request.headers.authorization ?? '')?.[1]
  const key = request.headers['x-api-key']
  const query = (request.query as Record<string, unknown>)['token']
  const cookie = /(?:^|;\s*)offload_token=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]
  return (
    bearer ??
    (typeof key === 'string' ? key : undefined) ??
    (typeof query === 'string' ? query : undefined) ??
    (cookie === undefined ? undefined : decoded(cookie))
  )
}

/** Undefined for what nobody encoded, such as a lone `%`. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
