import { isUtf8 } from 'node:buffer'
import {
  invalidMessageContents,
  isQueueError,
  malformedInput,
  missingParameter,
  requestTooLarge,
  unknownOperation,
} from '../../cloud/queue/errors.ts'
import type { FailedEntry } from '../../cloud/queue/operations/batch.ts'
import type { Answer, Caller, Operation } from '../../cloud/queue/operation.ts'
import type { Queues } from '../../cloud/queue/queues.ts'
import type { Clock } from '../../kernel/clock.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Credentials } from '../../../contracts/sigv4.ts'
import type { DirectFace, Exchange } from '../exchange.ts'
import type { FormAnswer, FormRequest } from '../ses/face.ts'
import { verifyRequest } from '../signature/verify.ts'
import { failedEntry, wireError, type Face } from './errors.ts'
import { parseForm, readMembers, writeAnswer, writeError } from './query.ts'

/** A request that was refused, for the log: `error` says more than AWS's answer, such as the queues that exist. */
export interface SqsRefusal {
  /** Epoch milliseconds. */
  readonly at: number
  readonly action: string | undefined
  readonly error: EmulatorError
}

export interface SqsFaceOptions {
  readonly queues: Queues
  readonly clock: Clock
  readonly ids: Ids
  /** Refuse what none of these has signed; without them signatures are not looked at. */
  readonly credentials?: readonly Credentials[]
  /** Answers a form of another service that nobody signed, so that only its body says whose it is. */
  readonly otherForms?: (asked: FormRequest) => Promise<FormAnswer> | undefined
  readonly onRefusal?: (refusal: SqsRefusal) => void
  /** A defect of ours: the caller gets a 500 that says to look here. */
  readonly onError: (error: unknown) => void
}

// A message of 1 MiB is three times as long as a form and up to six times as JSON, when all of it must be escaped.
const bodyLimit = 8 * 1024 * 1024
const targetPrefix = 'AmazonSQS.'
const jsonType = 'application/x-amz-json-1.0'
const xmlType = 'text/xml'

interface Call {
  readonly action: string
  readonly input: unknown
}

function targetOf({ headers }: Exchange): string | undefined {
  const target = headers['x-amz-target']
  return typeof target === 'string' ? target : undefined
}

/** JSON where the request says so; a form is what everything else is read as. */
function faceOf(exchange: Exchange): Face {
  const json =
    targetOf(exchange) !== undefined || /^application\/(x-amz-)?json/i.test(exchange.headers['content-type'] ?? '')
  return json ? 'json' : 'query'
}

function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw invalidMessageContents()
  return body.toString()
}

function pathAndQuery(url: string): readonly [path: string, query: string] {
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function readJson(exchange: Exchange, body: Buffer): Call {
  const target = targetOf(exchange) ?? ''
  if (!target.startsWith(targetPrefix)) throw unknownOperation(target)
  const text = textOf(body)
  let input: unknown = {}
  try {
    if (text !== '') input = JSON.parse(text)
  } catch {
    throw malformedInput('The body is no valid JSON.')
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw malformedInput('The body must be a JSON object.')
  }
  return { action: target.slice(targetPrefix.length), input }
}

function readQuery(url: string, body: Buffer): Call {
  const [, query] = pathAndQuery(url)
  const { Action: action, ...input } = readMembers([...parseForm(query), ...parseForm(textOf(body))])
  if (typeof action !== 'string' || action === '') throw missingParameter('Action')
  return { action, input }
}

function withQueue(input: unknown, url: string): unknown {
  const members = input as Record<string, unknown>
  if ((members.QueueUrl ?? '') !== '') return input
  // Old clients post to the queue's URL and do not name it again.
  const [path] = pathAndQuery(url)
  return /^\/[^/]+\/[^/]+\/?$/.test(path) ? { ...members, QueueUrl: path } : input
}

function callerOf({ headers, protocol, signal }: Exchange, account: string): Caller {
  return { queueUrl: (name) => `${protocol}://${headers.host ?? 'localhost'}/${account}/${name}`, signal }
}

/** `Failed[]` as the wire has it. */
function withFailures(answer: Answer, face: Face): Answer {
  const failed = answer?.Failed as readonly FailedEntry[] | undefined
  return failed === undefined
    ? answer
    : { ...answer, Failed: failed.map(({ Id, error }) => failedEntry(Id, error, face)) }
}

/** SQS, in both its protocols: AWS JSON 1.0 (SDKs since 2024) and Query (forms and XML). */
export function sqsFace({
  queues,
  clock,
  ids,
  credentials,
  otherForms,
  onRefusal,
  onError,
}: SqsFaceOptions): DirectFace {
  const operations: Readonly<Record<string, Operation>> = queues.operations
  const nextId = requestIds(ids.next('requests'))

  const refuse = (exchange: Exchange, thrown: unknown) => {
    const requestId = nextId()
    const face = faceOf(exchange)
    const error = wireError(thrown, face)
    if (isQueueError(thrown)) onRefusal?.({ at: clock.now(), action: exchange.operation, error: thrown })
    else if (error.fault === 'Receiver') onError(thrown)
    const headers = ['x-amzn-RequestId', requestId, 'x-amzn-query-error', `${error.code};${error.fault}`]
    if (face === 'json') {
      const text = JSON.stringify({ __type: error.type, message: error.message })
      exchange.answer(error.status, ['Content-Type', jsonType, ...headers], text)
    } else {
      exchange.answer(error.status, ['Content-Type', xmlType, ...headers], writeError(error, requestId))
    }
  }

  const checkSignature = ({ method, url, headers }: Exchange, body: Buffer) => {
    if (credentials === undefined) return
    const verdict = verifyRequest(
      { method, originalUrl: url, headers, body },
      { credentials, now: clock.now(), service: 'sqs' },
    )
    if (!verdict.ok) throw new EmulatorError(verdict.code, verdict.message, verdict.details)
  }

  const perform = async (exchange: Exchange, body: Buffer) => {
    const { method, headers, url } = exchange
    const face = faceOf(exchange)
    try {
      if (method !== 'POST' && method !== 'GET') throw unknownOperation(method)
      const other = face === 'query' ? otherForms?.({ method, originalUrl: url, headers, body }) : undefined
      if (other !== undefined) {
        const { status, headers: given, text } = await other
        exchange.answer(status, ['Content-Type', xmlType, ...Object.entries(given).flat()], text)
        return
      }
      checkSignature(exchange, body)
      const call = face === 'json' ? readJson(exchange, body) : readQuery(url, body)
      exchange.operation = call.action
      const met = exchange.meetFault?.()
      if (met !== undefined && !(await met)) return
      const operation = Object.hasOwn(operations, call.action) ? operations[call.action] : undefined
      if (operation === undefined) throw unknownOperation(call.action)
      const outcome = await operation.perform(withQueue(call.input, url), callerOf(exchange, queues.account))
      const members = withFailures(outcome, face)
      const requestId = nextId()
      if (face === 'json') {
        const text = members === undefined ? '' : JSON.stringify(members)
        exchange.answer(200, ['Content-Type', jsonType, 'x-amzn-RequestId', requestId], text)
      } else {
        const text = writeAnswer(call.action, members, requestId)
        exchange.answer(200, ['Content-Type', xmlType, 'x-amzn-RequestId', requestId], text)
      }
    } catch (error) {
      refuse(exchange, error)
    }
  }

  return {
    bodyLimit,
    meet(exchange) {
      const { body } = exchange
      if (body === undefined) refuse(exchange, requestTooLarge(bodyLimit))
      else void perform(exchange, body)
    },
  }
}

/** Ids that need be nothing but different: one hash, and a number in its last digits. */
function requestIds(first: string): () => string {
  let ordinal = 0
  return () => first.slice(0, 24) + (ordinal++).toString(16).padStart(12, '0')
}
