import { explainAnswer } from '../../../contracts/answers.ts'
import type { CallbackContent } from '../../../contracts/callback.ts'
import { encodeCallback } from '../../../contracts/dialects/index.ts'
import type { Dialect } from '../../../contracts/job.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { CallbackTarget, Place } from './addressing.ts'
import { evidenceOf } from './evidence.ts'
import type { AttemptRow, CallbackRow } from './tables.ts'
import { CallbackFailure, type CallbackAnswer, type CallbackTransport } from './transport.ts'

export type Outcome =
  | ({ readonly result: 'attempted'; readonly retryAfter: string | undefined } & Omit<AttemptRow, 'attempt'>)
  /** The host rules refused the address behind the name: nothing was sent. */
  | { readonly result: 'parked'; readonly reason: string }
  /** We ended it ourselves. */
  | { readonly result: 'stopped' }

/** Bytes of an answer that the delivery log keeps. */
const excerptLimit = 2048

const userAgent = 'manireports-offload/1'

type Keys = Pick<CallbackTarget, 'secret' | 'token'>

/** A callback's headers and body, stamped and signed at `now`. */
export function encodeAt(row: CallbackRow, keys: Keys, now: number) {
  const content = JSON.parse(row.content) as CallbackContent
  return encodeCallback(content, { secret: row.secret ?? keys.secret, token: keys.token, now })
}

/** Stamps, signs and sends a callback once, and says in words what came of it. Never rejects. */
export async function attempt(
  row: CallbackRow,
  place: Extract<Place, { state: 'send' }>,
  { clock, keys, send }: { clock: Clock; keys: Keys; send: CallbackTransport },
): Promise<Outcome> {
  const at = clock.now()
  const started = clock.monotonic()
  let body = ''
  let signature: string | null = null
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
      retryAfter: undefined,
      ...fields,
    }) as const

  let answer: CallbackAnswer
  try {
    const request = encodeAt(row, keys, at)
    body = request.body
    signature = request.headers['x-signature'] ?? null
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
  const evidence = evidenceOf({
    id: row.id,
    signed: signature !== null,
    status,
    body,
    stampedAt: at,
    date: answer.headers['date'],
  })
  return log({
    status,
    words: evidence === undefined ? words : `${words}. ${evidence}`,
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
