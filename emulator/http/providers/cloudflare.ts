import type { FastifyReply } from 'fastify'
import { rateOf, type RateState } from '../../cloud/providers/rate-window.ts'
import type { Clock } from '../../kernel/clock.ts'
import { secondsUntil } from './face.ts'

/** An error in Cloudflare's envelope. */
export interface CloudflareError {
  readonly code: number
  readonly message: string
}

export const success = (reply: FastifyReply, result?: object): FastifyReply =>
  reply.send({ success: true, errors: [], messages: [], ...(result === undefined ? {} : { result }) })

/** `explained` says more than Cloudflare does, in the envelope's place for it. */
export function failure(
  reply: FastifyReply,
  status: number,
  error: CloudflareError,
  explained: readonly string[] = [],
): FastifyReply {
  return reply.code(status).send({
    success: false,
    errors: [error],
    messages: explained.map((message) => ({ code: error.code, message })),
    result: null,
  })
}

/** The API's global limit, and how its headers tell it. */
export function withRate(reply: FastifyReply, details: Readonly<Record<string, unknown>>, clock: Clock): void {
  const rate: RateState | undefined = rateOf(details)
  if (rate === undefined) return
  const seconds = secondsUntil(rate.resetsAt, clock.now())
  reply.headers({
    'retry-after': String(seconds),
    ratelimit: `"default";r=${rate.remaining};t=${seconds}`,
    'ratelimit-policy': `"default";q=${rate.limit};w=${rate.windowMs / 1000}`,
  })
}
