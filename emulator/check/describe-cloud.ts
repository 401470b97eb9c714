import type { Exchange, SeenCallback } from '../../contracts/checks/deployment/index.ts'
import type { Finding } from '../../contracts/checks/verdict.ts'
import { submitHeaders } from '../deployment/submitter.ts'
import type { CloudResult } from './cloud.ts'
import { curlOf, hidden, quoted, shellBytes, type Secret } from './curl.ts'

/** How a deployment takes jobs, for the commands that send one again. */
export interface WayIn {
  readonly kind: 'api' | 'worker-url' | 'sqs'
  /** Of the request, or of the queue. */
  readonly url: string
  readonly token: string
  readonly queueUrl?: string | undefined
}

interface DescribedSubmission {
  readonly to: 'api' | 'worker-url' | 'sqs'
  readonly bytes: number
  /** Its beginning. */
  readonly body: string
  readonly answer: { readonly status: number | null; readonly body: string; readonly milliseconds: number }
  /** A command that sends it again, byte for byte. */
  readonly again: string
}

interface DescribedCallback {
  /** Milliseconds since the first of the case's submissions was answered; before it they are negative. */
  readonly after: number
  readonly method: string
  readonly path: string
  readonly bytes: number
  readonly body: string
  readonly answered: number | 'hang'
  readonly authentic?: boolean
  readonly problem?: string
}

/** A case's result as a report holds it; secrets taken out. */
export interface DescribedCloud extends Finding {
  readonly mistake?: number
  readonly seconds: number
  readonly submissions: readonly DescribedSubmission[]
  readonly callbacks: readonly DescribedCallback[]
  /** How many were seen; absent where nobody looked. */
  readonly mails?: number | string
  readonly certificates?: readonly {
    readonly url: string
    readonly answers: Readonly<Record<string, number | string>>
  }[]
  /** The last submission again. */
  readonly curl?: string
  /** The case again. */
  readonly again: string
}

const shownCharacters = 2000
const shownEntries = 50

export function describeCloud(
  result: CloudResult,
  { way, secrets, again }: { way: WayIn; secrets: readonly Secret[]; again: string },
): DescribedCloud {
  const { id, title, level, verdict, reason, fix, mistake, exchanges, callbacks, mails, certificates, tookMs } = result
  const submissions = exchanges.map((exchange) => submission(exchange, way, secrets))
  const from = exchanges[0]?.answeredAt ?? 0
  const curl = submissions.at(-1)?.again
  return {
    id,
    title,
    level,
    verdict,
    reason: hidden(reason, secrets),
    ...(fix === undefined ? {} : { fix }),
    ...(mistake === undefined ? {} : { mistake }),
    seconds: Math.round(tookMs) / 1000,
    submissions,
    callbacks: callbacks.slice(0, shownEntries).map((callback) => described(callback, from, secrets)),
    ...(mails === undefined ? {} : { mails: mails.observed ? mails.mails.length : mails.reason }),
    ...(certificates.length === 0
      ? {}
      : {
          certificates: certificates.map(({ url, answers }) => ({
            url,
            answers: Object.fromEntries(answers.map(({ how, status, error }) => [how, status ?? error ?? 'no answer'])),
          })),
        }),
    ...(curl === undefined ? {} : { curl }),
    again,
  }
}

function submission({ send, answer }: Exchange, way: WayIn, secrets: readonly Secret[]): DescribedSubmission {
  const to = send.to === 'queue' ? 'sqs' : way.kind
  const body = Buffer.from(send.body)
  return {
    to,
    bytes: body.length,
    body: hidden(beginning(body.toString()), secrets),
    answer: {
      status: answer.status,
      body: hidden(beginning(answer.answer), secrets),
      milliseconds: Math.round(answer.ms * 10) / 10,
    },
    again:
      to === 'sqs'
        ? awsOf(send, way.queueUrl ?? way.url, secrets)
        : curlOf({ method: 'POST', headers: Object.entries(submitHeaders(way, send)), body }, way.url, secrets),
  }
}

/** The AWS CLI's own command; credentials and region come from its usual chain. */
function awsOf({ body, attributes = {} }: Exchange['send'], queueUrl: string, secrets: readonly Secret[]): string {
  const { origin, hostname } = new URL(queueUrl)
  const named = Object.entries(attributes)
  const words = ['aws', 'sqs', 'send-message', '--queue-url', quoted(queueUrl)]
  if (!hostname.endsWith('.amazonaws.com')) words.push('--endpoint-url', origin)
  words.push('--message-body', `"$(${shellBytes(Buffer.from(body), secrets)})"`)
  if (named.length > 0) {
    const values = named.map(([name, { dataType, value }]) => [name, { DataType: dataType, StringValue: value }])
    words.push('--message-attributes', quoted(JSON.stringify(Object.fromEntries(values))))
  }
  return words.join(' ')
}

function described(callback: SeenCallback, from: number, secrets: readonly Secret[]): DescribedCallback {
  const { at, method, path, bytes, body, answered, authentic, problem } = callback
  return {
    after: Math.round(at - from),
    method,
    path,
    bytes,
    body: hidden(beginning(body === undefined ? '' : Buffer.from(body).toString()), secrets),
    answered: answered === 'hang' ? answered : answered.status,
    ...(authentic === undefined || method !== 'POST' ? {} : { authentic: authentic.ok }),
    ...(problem === undefined || method !== 'POST' ? {} : { problem }),
  }
}

const beginning = (text: string): string =>
  text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text
