import type { Finding } from '../../contracts/checks/verdict.ts'
import { curlOf, hidden, type Secret } from './curl.ts'
import type { CaseResult } from './receiver.ts'

/** One request as it was sent, and its answers; secrets taken out. */
interface DescribedExchange {
  readonly request: {
    readonly method: string
    readonly headers: readonly (readonly [string, string])[]
    readonly bytes: number
    /** Its beginning. */
    readonly body: string
  }
  readonly answers: readonly {
    readonly status: number | null
    readonly body: string
    readonly error?: string
    readonly milliseconds: number
  }[]
  readonly curl: string
}

/** A case's result as a report holds it. */
export interface Described extends Finding {
  /** What the verdict rests on. */
  readonly rests_on: string
  readonly leaves?: string
  readonly seconds: number
  readonly exchanges: readonly DescribedExchange[]
  /** The last request again, byte for byte: its timestamp is good for five minutes. */
  readonly curl?: string
  /** The case again, stamped and signed anew. */
  readonly again?: string
}

const shownBytes = 2000

export function describeCase(
  { exchanges, evidence, leaves, id, title, level, verdict, reason, fix }: CaseResult,
  { url, secrets, again }: { url: string; secrets: readonly Secret[]; again: string },
): Described {
  const shown = exchanges.map(({ request, answers }): DescribedExchange => ({
    request: {
      method: request.method,
      headers: request.headers.map(([name, value]) => [name, hidden(value, secrets)]),
      bytes: request.body.length,
      body: hidden(beginning(Buffer.from(request.body).toString()), secrets),
    },
    answers: answers.map(({ status, body, error, milliseconds }) => ({
      status,
      body: hidden(beginning(body), secrets),
      ...(error === undefined ? {} : { error }),
      milliseconds,
    })),
    curl: curlOf(request, url, secrets),
  }))
  const curl = shown.at(-1)?.curl
  const took = exchanges.reduce((sum, exchange) => sum + exchange.took, 0)
  return {
    id,
    title,
    level,
    verdict,
    reason: hidden(reason, secrets),
    ...(fix === undefined ? {} : { fix }),
    rests_on: evidence === 'tables' ? 'the answer and the tables' : 'the answer',
    ...(leaves === undefined ? {} : { leaves }),
    seconds: Math.round(took) / 1000,
    exchanges: shown,
    ...(curl === undefined ? {} : { curl, again }),
  }
}

const beginning = (text: string): string => (text.length > shownBytes ? `${text.slice(0, shownBytes)}…` : text)
