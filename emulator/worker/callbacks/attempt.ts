import { explainAnswer } from '../../../contracts/answers.ts'
import type { AlterationContext } from '../../../contracts/alterations.ts'
import type { CallbackContent, CallbackRequest } from '../../../contracts/callback.ts'
import { encodeCallback } from '../../../contracts/dialects/index.ts'
import type { Dialect } from '../../../contracts/job.ts'
import { verify } from '../../../contracts/signature.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { CallbackTarget, Place } from './addressing.ts'
import { evidenceOf } from './evidence.ts'
import type { AttemptRow, CallbackRow } from './tables.ts'
import { CallbackFailure, type CallbackAnswer, type CallbackTransport } from './transport.ts'

export type Outcome =
  | ({
      readonly result: 'attempted'
      readonly retryAfter: string | undefined
      readonly evidence: Evidence
    } & Omit<AttemptRow, 'attempt'>)
  /** The host rules refused the address behind the name: nothing was sent. */
  | { readonly result: 'parked'; readonly reason: string }
  /** Nothing was sent, and it is due at another time (epoch milliseconds). */
  | { readonly result: 'put-off'; readonly until: number }
  /** We ended it ourselves. */
  | { readonly result: 'stopped' }

/** Bytes of an answer that the delivery log keeps. */
const excerptLimit = 2048

const userAgent = 'manireports-offload/1'

export type Keys = Pick<CallbackTarget, 'secret' | 'token'>

/** What the bytes that were sent say of themselves, where the dialect signs. */
interface Evidence {
  readonly timestamp?: number
  readonly verifies?: boolean
}

function readBack(
  { body, signature, dialect }: { body: string; signature: string | null; dialect: Dialect },
  { secret, now }: { secret: string; now: number },
): Evidence {
  if (signature === null) return {}
  const { timestamp } = JSON.parse(body) as { timestamp?: unknown }
  // The others sign without a time.
  const stamped = dialect === 'spec' ? timestamp : Math.floor(now / 1000)
  return {
    ...(typeof timestamp === 'number' ? { timestamp } : {}),
    verifies: verify({ secret, body, signature, now, timestamp: stamped }).ok,
  }
}

export interface Attempting {
  readonly clock: Clock
  readonly keys: Keys
  readonly send: CallbackTransport
  /** By how much the clock that stamps it is wrong. */
  readonly skewMs?: number
  /** What somebody does to it on its way. */
  readonly alter?: (request: CallbackRequest, context: AlterationContext) => CallbackRequest
}

/** A callback's headers and body, stamped and signed at `now`. */
export function encodeAt(row: CallbackRow, keys: Keys, now: number) {
  const content = JSON.parse(row.content) as CallbackContent
  return encodeCallback(content, { secret: row.secret ?? keys.secret, token: keys.token, now })
}

/** Stamps, signs and sends a callback once, and says in words what came of it. Never rejects. */
export async function attempt(
  row: CallbackRow,
  place: Extract<Place, { state: 'send' }>,
  { clock, keys, send, skewMs = 0, alter }: Attempting,
): Promise<Outcome> {
  const at = clock.now()
  const started = clock.monotonic()
  let body = ''
  let signature: string | null = null
  let evidence: Evidence = {}
  const log = (fields: {
    status: number | null
    words: string
    response: string | null
    retryAfter?: string | undefined
  }) =>
    ({
      result: 'attempted',
      at,
      url: place.url,
      milliseconds: Math.round((clock.monotonic() - started) * 10) / 10,
      bytes: Buffer.byteLength(body),
      signature,
      evidence,
      retryAfter: undefined,
      ...fields,
    }) as const

  let answer: CallbackAnswer
  try {
    const stampedAt = at + skewMs
    const signed = encodeAt(row, keys, stampedAt)
    const request = alter?.(signed, { secret: row.secret ?? keys.secret, now: stampedAt }) ?? signed
    body = request.body
    signature = request.headers['x-signature'] ?? null
    evidence = readBack({ body, signature, dialect: row.dialect }, { secret: row.secret ?? keys.secret, now: at })
    answer = await send({
      url: place.url,
      headers: { ...request.headers, 'user-agent': userAgent },
      body,
      ...(place.connectTo === undefined ? {} : { connectTo: place.connectTo }),
    })
  } catch (error) {
    if (error instanceof CallbackFailure && error.kind === 'forbidden')
      return { result: 'parked', reason: error.message }
    if (error instanceof CallbackFailure && error.kind === 'stopped') return { result: 'stopped' }
    const words = explainFailure(error, row.dialect, place.url)
    return log({ status: null, words, response: null })
  }
  const { status } = answer
  const location = answer.headers['location']
  const words = explainAnswer({
    status,
    dialect: row.dialect,
    url: place.url,
    ...(location === undefined ? {} : { location }),
  })
  const hint = evidenceOf({
    id: row.id,
    signed: signature !== null,
    status,
    body,
    stampedAt: at,
    date: answer.headers['date'],
  })
  return log({
    status,
    words: hint === undefined ? words : `${words}. ${hint}`,
    response: excerpt(answer.body, [row.secret ?? keys.secret, keys.token]),
    retryAfter: answer.headers['retry-after'],
  })
}

/** What no answer means, with the system's own words as evidence: they name the address that was really tried. */
function explainFailure(error: unknown, dialect: Dialect, url: string): string {
  const message = messageOf(error)
  const code = error instanceof CallbackFailure ? error.code : undefined
  const words = explainAnswer({
    status: null,
    dialect,
    url,
    error: code === undefined ? message : `${code}: ${message}`,
  })
  return words.includes(message) ? words : `${words} (${message})`
}

/** The answer's beginning; a receiver that echoes a secret does not bring it into the log. */
function excerpt(body: string, secrets: readonly string[]): string {
  let text = body
  for (const secret of secrets) if (secret !== '') text = text.replaceAll(secret, '***')
  const bytes = Buffer.from(text)
  return bytes.length > excerptLimit ? `${bytes.subarray(0, excerptLimit - 6).toString()}…` : text
}
