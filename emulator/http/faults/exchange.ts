import type { ServerResponse } from 'node:http'
import type { preHandlerHookHandler } from 'fastify'
import { exchangeEffects, type EffectName, type OperationName } from '../../../contracts/faults/operations.ts'
import { sendingPaused } from '../../cloud/ses/errors.ts'
import { sleep, type Clock } from '../../kernel/clock.ts'
import type { Faults, Struck } from '../../kernel/faults/faults.ts'
import { bytesOf } from '../body.ts'
import { nameOf, type Asked } from './names.ts'
import { refusalOf, skewRefusal } from './refusals.ts'
import { subjectOf } from './subjects.ts'

export interface ExchangeDeps {
  readonly faults: Faults
  readonly clock: Clock
}

/** How far a service lets a signature's time be from its own. */
const signatureToleranceMs = 15 * 60_000

/**
 * What a fault does to one HTTP exchange before its operation is performed. Resolves with whether it is to be performed:
 * `false` where nobody waits for an answer any more. Throws the protocol's own refusal.
 */
async function playFault(
  { effect, rule, delayMs }: Struck,
  {
    clock,
    operation,
    response,
    signedAt,
  }: {
    clock: Clock
    operation: OperationName
    response: ServerResponse
    /** `x-amz-date`, where the request has one. */
    signedAt: string | undefined
  },
): Promise<boolean> {
  switch (effect.kind) {
    case 'error':
    case 'throttle':
      throw refusalOf(operation, effect, rule, clock.now())
    case 'account-paused':
      throw sendingPaused()
    case 'delay':
      await sleep(clock, delayMs)
      return true
    case 'hang':
      await new Promise<void>((resolve) => {
        if (response.destroyed) resolve()
        else response.once('close', resolve)
      })
      return false
    case 'reset':
      cut(response)
      return false
    case 'answer-lost':
      loseAnswer(response)
      return true
    case 'clock-skew': {
      const now = clock.now() + effect.ms
      response.setHeader('date', new Date(now).toUTCString())
      const at = timeOf(signedAt)
      if (signedAt !== undefined && at !== undefined && Math.abs(at - now) > signatureToleranceMs) {
        throw skewRefusal(operation, signedAt, now)
      }
      return true
    }
    default:
      // The others are not of the exchange: what the operation's own part does with them is its business.
      return true
  }
}

/** Where mail is sent, an address may bring its own fault. */
const sends = /^\/@(ses|sendgrid|mailgun|mailchannels|cloudflare-email)\//
const magic = /(\+|%2B)(throttle|timeout|slow)(@|%40)/i

/** Effects that the exchange plays; a rule with another one is asked for by the part that plays it. */
const ofExchange: ReadonlySet<EffectName> = new Set(exchangeEffects)

/** What is asked before an operation is performed; see `playFault`. Undefined where no fault hits: nothing is waited for. */
export type MeetFault = (asked: Asked, response: ServerResponse) => Promise<boolean> | undefined

export function createExchangeFaults({ faults, clock }: ExchangeDeps): MeetFault {
  return (asked, response) => {
    if (!faults.any() && !sends.test(asked.url)) return undefined
    const operation = nameOf(asked)
    if (operation === undefined) return undefined
    if (!faults.active(operation) && !(sends.test(asked.url) && magic.test(asked.body.toString('latin1'))))
      return undefined
    const struck = faults.strike(operation, subjectOf(operation, asked), ofExchange)
    if (struck === undefined) return undefined
    const date = asked.headers['x-amz-date']
    return playFault(struck, { clock, operation, response, signedAt: typeof date === 'string' ? date : undefined })
  }
}

/**
 * Faults of the HTTP faces: a `preHandler` of the whole app, where the body is read and each face's own error handler
 * still comes after it.
 */
export function faultHook(meet: MeetFault): preHandlerHookHandler {
  return (request, reply, done) => {
    const { method, url, originalUrl, headers } = request
    const met = meet({ method, url, originalUrl, headers, body: bytesOf(request) }, reply.raw)
    if (met === undefined) return done()
    met.then(
      (performs) => {
        // Who is not answered is no longer Fastify's: neither handler nor answer follow.
        if (performs) done()
        else reply.hijack()
      },
      (error: Error) => done(error),
    )
  }
}

/** `20260314T150926Z` as epoch milliseconds. */
function timeOf(stamp: string | undefined): number | undefined {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp ?? '')?.map(Number) ?? []
  if (year === undefined || month === undefined) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function cut(response: ServerResponse): void {
  const { socket } = response
  if (socket !== null && 'resetAndDestroy' in socket && !socket.destroyed) socket.resetAndDestroy()
  response.destroy()
}

/** The operation is performed, and its answer goes nowhere: the connection ends where it would have begun. */
function loseAnswer(response: ServerResponse): void {
  const lose = () => {
    cut(response)
    return response
  }
  response.write = () => true
  response.end = lose
}
