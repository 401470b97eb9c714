import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { sleep, type Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Invocation } from './answer.ts'
import { answerLimit, backoff, type FunctionSlot } from './function.ts'

/** Where Lambda's Runtime Interface Emulator takes events. */
const invocationPath = '/2015-03-31/functions/function/invocations'

/** Below `lambda:`: an address without a path gets Lambda's own. */
export function invocationUrl(base: string): string {
  const url = new URL(base)
  if (url.pathname === '/' && url.search === '') url.pathname = invocationPath
  return url.href
}

interface Answered {
  readonly status: number
  readonly functionError: string | undefined
  readonly body: string
}

const read = async (response: IncomingMessage): Promise<Answered> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    const bytes = chunk as Buffer
    size += bytes.length
    if (size > answerLimit) throw new Error(`the answer is larger than ${answerLimit} bytes, Lambda's limit`)
    chunks.push(bytes)
  }
  const functionError = response.headers['x-amz-function-error']
  return {
    status: response.statusCode ?? 0,
    functionError: Array.isArray(functionError) ? functionError[0] : functionError,
    body: Buffer.concat(chunks).toString(),
  }
}

const post = (url: string, body: string, signal: AbortSignal): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    // A connection of its own: a container that was restarted has closed the one of the last event.
    const request = send(url, { method: 'POST', headers, signal, agent: false }, (response) => {
      read(response).then(resolve, reject)
    })
    request.on('error', reject)
    request.end(body)
  })

/** The Runtime Interface Emulator answers 400 without a word while another event is worked on; Lambda itself 429. */
const isBusy = ({ status, body }: Answered) => status === 429 || (status === 400 && body.trim() === '')

const neverArrived = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const codeOf = (error: unknown): string => {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error && 'code' in first ? String(first.code) : ''
}

/** A function behind a Lambda-style endpoint. */
export function createLambdaSlot(deps: {
  readonly clock: Clock
  readonly url: string
  /** The function's timeout: wall time in milliseconds. */
  readonly timeoutMs: number
}): FunctionSlot {
  const { clock, timeoutMs } = deps
  const url = invocationUrl(deps.url)
  let unreachable = 0

  const read2xx = ({ status, functionError, body }: Answered): Invocation => {
    if (status < 200 || status > 299)
      return { outcome: 'failed', error: `${url} answered ${status}: ${body.slice(0, 200)}` }
    if (functionError !== undefined) return { outcome: 'failed', error: `${functionError}: ${body.slice(0, 1000)}` }
    return { outcome: 'answered', payload: body }
  }

  return {
    ready: (signal) => (unreachable === 0 ? Promise.resolve() : sleep(clock, backoff(unreachable), signal)),
    async invoke(event, signal) {
      const late = new AbortController()
      const timer = clock.at(clock.now() + timeoutMs, () => late.abort())
      const either = AbortSignal.any([signal, late.signal])
      try {
        for (let attempt = 0; ; attempt++) {
          const answer = await post(url, event, either)
          unreachable = 0
          if (!isBusy(answer)) return read2xx(answer)
          await sleep(clock, Math.min(2000, 50 * 2 ** attempt), either)
        }
      } catch (error) {
        if (signal.aborted) return { outcome: 'stopped', error: 'the emulator was stopped' }
        if (late.signal.aborted) return { outcome: 'timed-out', error: `no answer within ${timeoutMs / 1000} s` }
        const code = codeOf(error)
        if (!neverArrived.has(code)) return { outcome: 'failed', error: `${url}: ${messageOf(error)}` }
        unreachable++
        return { outcome: 'unreachable', error: `nobody listens at ${url} (${code}): start the function there` }
      } finally {
        timer.cancel()
      }
    },
    stop: () => Promise.resolve(),
  }
}
