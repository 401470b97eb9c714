import { isUtf8 } from 'node:buffer'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
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
  readonly onRefusal?: (refusal: SqsRefusal) => void
}

// A message of 1 MiB is three times as long as a form and up to six times as JSON, when all of it must be escaped.
const bodyLimit = 8 * 1024 * 1024
const targetPrefix = 'AmazonSQS.'
const jsonType = 'application/x-amz-json-1.0'

interface Call {
  readonly face: Face
  readonly action: string
  readonly input: unknown
}

function targetOf(request: FastifyRequest): string | undefined {
  const target = request.headers['x-amz-target']
  return typeof target === 'string' ? target : undefined
}

/** JSON where the request says so; a form is what everything else is read as. */
function faceOf(request: FastifyRequest): Face {
  const json =
    targetOf(request) !== undefined || /^application\/(x-amz-)?json/i.test(request.headers['content-type'] ?? '')
  return json ? 'json' : 'query'
}

function textOf(body: unknown): string {
  if (!Buffer.isBuffer(body)) return ''
  if (!isUtf8(body)) throw invalidMessageContents()
  return body.toString()
}

function pathAndQuery(request: FastifyRequest): readonly [path: string, query: string] {
  const url = request.originalUrl
  const mark = url.indexOf('?')
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
}

function readJson(request: FastifyRequest): Call {
  const target = targetOf(request) ?? ''
  if (!target.startsWith(targetPrefix)) throw unknownOperation(target)
  const text = textOf(request.body)
  let input: unknown = {}
  try {
    if (text !== '') input = JSON.parse(text)
  } catch {
    throw malformedInput('The body is no valid JSON.')
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw malformedInput('The body must be a JSON object.')
  }
  return { face: 'json', action: target.slice(targetPrefix.length), input }
}

function readQuery(request: FastifyRequest): Call {
  const [, query] = pathAndQuery(request)
  const { Action: action, ...input } = readMembers([...parseForm(query), ...parseForm(textOf(request.body))])
  if (typeof action !== 'string' || action === '') throw missingParameter('Action')
  return { face: 'query', action, input }
}

function withQueue(input: unknown, request: FastifyRequest): unknown {
  const [path] = pathAndQuery(request)
  const members = input as Record<string, unknown>
  // Old clients post to the queue's URL and do not name it again.
  return (members.QueueUrl ?? '') === '' && /^\/[^/]+\/[^/]+\/?$/.test(path) ? { ...members, QueueUrl: path } : input
}

function callerOf(request: FastifyRequest, reply: FastifyReply, account: string): Caller {
  return {
    queueUrl: (name) => `${request.protocol}://${request.headers.host ?? 'localhost'}/${account}/${name}`,
    signal() {
      const gone = new AbortController()
      reply.raw.once('close', () => {
        if (!reply.raw.writableEnded) gone.abort()
      })
      if (reply.raw.destroyed) gone.abort()
      return gone.signal
    },
  }
}

const asItIs = (text: unknown) => text as string
// With a serializer of ours Fastify does not add a charset to the type, which AWS does not send either.
const send = (reply: FastifyReply, type: string, text: string) => reply.type(type).serializer(asItIs).send(text)

/** `Failed[]` as the wire has it. */
function withFailures(answer: Answer, face: Face): Answer {
  const failed = answer?.Failed as readonly FailedEntry[] | undefined
  return failed === undefined
    ? answer
    : { ...answer, Failed: failed.map(({ Id, error }) => failedEntry(Id, error, face)) }
}

/** SQS, in both its protocols: AWS JSON 1.0 (SDKs since 2024) and Query (forms and XML). */
export function sqsFace({ queues, clock, ids, credentials, onRefusal }: SqsFaceOptions): FastifyPluginAsync {
  const operations: Readonly<Record<string, Operation>> = queues.operations

  const refuse = (reply: FastifyReply, thrown: unknown, face: Face, action?: string) => {
    const requestId = ids.next('request')
    const error = wireError(thrown, face)
    if (isQueueError(thrown)) onRefusal?.({ at: clock.now(), action, error: thrown })
    if (error.fault === 'Receiver') {
      process.stderr.write(`SQS ${action ?? ''}: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
    }
    reply
      .code(error.status)
      .header('x-amzn-RequestId', requestId)
      .header('x-amzn-query-error', `${error.code};${error.fault}`)
    return face === 'json'
      ? send(reply, jsonType, JSON.stringify({ __type: error.type, message: error.message }))
      : send(reply, 'text/xml', writeError(error, requestId))
  }

  const checkSignature = (request: FastifyRequest) => {
    if (credentials === undefined) return
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const { method, originalUrl, headers } = request
    const verdict = verifyRequest(
      { method, originalUrl, headers, body },
      { credentials, now: clock.now(), service: 'sqs' },
    )
    if (!verdict.ok) throw new EmulatorError(verdict.code, verdict.message, verdict.details)
  }

  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const face = faceOf(request)
    let action: string | undefined
    try {
      checkSignature(request)
      const call = face === 'json' ? readJson(request) : readQuery(request)
      action = call.action
      const operation = Object.hasOwn(operations, action) ? operations[action] : undefined
      if (operation === undefined) throw unknownOperation(action)
      const outcome = await operation.perform(withQueue(call.input, request), callerOf(request, reply, queues.account))
      const members = withFailures(outcome, face)
      const requestId = ids.next('request')
      reply.header('x-amzn-RequestId', requestId)
      return face === 'json'
        ? send(reply, jsonType, members === undefined ? '' : JSON.stringify(members))
        : send(reply, 'text/xml', writeAnswer(action, members, requestId))
    } catch (error) {
      return refuse(reply, error, face, action)
    }
  }

  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    app.setErrorHandler((error, request, reply) => {
      const status = (error as { statusCode?: number }).statusCode ?? 500
      const refusal =
        status === 413 ? requestTooLarge(bodyLimit) : status < 500 ? malformedInput((error as Error).message) : error
      return refuse(reply, refusal, faceOf(request))
    })
    app.setNotFoundHandler((request, reply) => refuse(reply, unknownOperation(request.method), faceOf(request)))
    app.route({ method: ['GET', 'POST'], url: '/', bodyLimit, handler: answer })
    app.route({ method: ['GET', 'POST'], url: '/*', bodyLimit, handler: answer })
  }
}
