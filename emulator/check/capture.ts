import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JobMessage } from '../../contracts/checks/job-message.ts'
import { envelopeOf, type MessageAttributes } from '../../contracts/dialects/index.ts'
import { createEmulator } from '../emulator.ts'
import { EmulatorError } from '../kernel/errors.ts'

/** What the cloud does with a submission. */
export type Meeting = 'answer' | 'refuse' | 'lose-answer'

export interface Capture {
  /** Base URL, without a final slash. */
  readonly url: string
  readonly queueUrl: string
  close(): Promise<void>
}

const queuePath = '/000000000000/manireports-jobs'

/**
 * A cloud that takes jobs by every way in and shows them as they came, valid or not; nobody works on them. `meet` decides
 * what becomes of each submission before it is answered. Throws EmulatorError `port-taken`.
 */
export async function startCapture({
  port,
  token,
  meet,
}: {
  port: number
  /** What the plugin sends to `POST /jobs`; the emulator's own by default. */
  token?: string | undefined
  meet: (message: JobMessage) => Promise<Meeting>
}): Promise<Capture> {
  const emulator = await createEmulator({
    listen: false,
    ephemeral: true,
    worker: 'none',
    ...(token === undefined ? {} : { ingest_token: token }),
  })

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bytesOf(request)
    const messages = submissionsIn(request, body)
    let meeting: Meeting = 'answer'
    for (const message of messages) meeting = await meet(message)
    if (meeting === 'refuse') return refuse(request, response)
    const answer = await emulator.inject(forwarded(request, body, emulator.url))
    if (meeting === 'lose-answer') return void response.socket?.destroy()
    response.writeHead(answer.status, Object.fromEntries([...answer.headers].filter(([name]) => !hopByHop.has(name))))
    await new Promise<void>((resolve) => {
      response.on('close', resolve)
      void answer.arrayBuffer().then((bytes) => response.end(Buffer.from(bytes)))
    })
  }
  const underWay = new Set<Promise<void>>()
  const server = createServer((request, response) => {
    const handled = handle(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
    underWay.add(handled)
    void handled.finally(() => underWay.delete(handled))
  })
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  } catch (error) {
    await emulator.stop()
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw taken ? new EmulatorError('port-taken', `port ${port} is taken`, { port, role: 'port' }) : error
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    queueUrl: `${url}${queuePath}`,
    async close() {
      // Who has submitted gets the answer.
      await Promise.all(underWay)
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await emulator.stop()
    },
  }
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'expect', 'host'])

function forwarded({ method = 'GET', url = '/', headers, rawHeaders }: IncomingMessage, body: Buffer, base: string) {
  const kept: [string, string][] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!hopByHop.has(name)) kept.push([name, rawHeaders[index + 1] ?? ''])
  }
  // A queue's URL is told with the host by which it was asked.
  if (headers.host !== undefined) kept.push(['host', headers.host])
  const withBody = method !== 'GET' && method !== 'HEAD' && body.length > 0
  return new Request(new URL(url, base), { method, headers: kept, ...(withBody ? { body: new Uint8Array(body) } : {}) })
}

/** The job messages in a request: one from `POST /jobs` or SendMessage, several from SendMessageBatch. */
function submissionsIn(request: IncomingMessage, body: Buffer): JobMessage[] {
  if (request.method !== 'POST') return []
  const target = header(request, 'x-amz-target')
  if (target !== undefined) return /^AmazonSQS\.SendMessage(Batch)?$/.test(target) ? fromJson(body) : []
  const path = new URL(request.url ?? '/', 'http://localhost').pathname
  const form = header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true
  const fields = form ? new URLSearchParams(body.toString()) : undefined
  if (fields?.has('Action') === true)
    return /^SendMessage(Batch)?$/.test(fields.get('Action') ?? '') ? fromQuery(fields) : []
  if (path !== '/jobs' && path !== '/') return []
  const tenant = header(request, 'x-tenant-id')
  return [
    {
      body,
      envelope: tenant !== undefined && /^\d{1,15}$/.test(tenant) ? { tenant: Number(tenant) } : {},
      via: 'api',
      idempotencyKey: header(request, 'idempotency-key') !== undefined,
    },
  ]
}

interface SqsEntry {
  MessageBody?: unknown
  MessageAttributes?: Record<string, { DataType?: unknown; StringValue?: unknown }>
}

function fromJson(body: Buffer): JobMessage[] {
  let request: SqsEntry & { Entries?: SqsEntry[] }
  try {
    request = JSON.parse(body.toString()) as typeof request
  } catch {
    return []
  }
  return (request.Entries ?? [request]).flatMap(({ MessageBody, MessageAttributes = {} }) => {
    const attributes = Object.entries(MessageAttributes).map(([name, { DataType, StringValue }]) => [
      name,
      { dataType: String(DataType), value: String(StringValue) },
    ])
    return typeof MessageBody === 'string'
      ? [queued(MessageBody, Object.fromEntries(attributes) as MessageAttributes)]
      : []
  })
}

function fromQuery(fields: URLSearchParams): JobMessage[] {
  const prefixes = [...fields.keys()].flatMap((name) => {
    const [, prefix] = /^((?:SendMessageBatchRequestEntry\.\d+\.)?)MessageBody$/.exec(name) ?? []
    return prefix === undefined ? [] : [prefix]
  })
  return prefixes.map((prefix) => {
    const attributes: Record<string, { dataType: string; value: string }> = {}
    for (let n = 1; fields.has(`${prefix}MessageAttribute.${n}.Name`); n++) {
      const at = `${prefix}MessageAttribute.${n}`
      attributes[fields.get(`${at}.Name`) ?? ''] = {
        dataType: fields.get(`${at}.Value.DataType`) ?? '',
        value: fields.get(`${at}.Value.StringValue`) ?? '',
      }
    }
    return queued(fields.get(`${prefix}MessageBody`) ?? '', attributes)
  })
}

const queued = (text: string, attributes: MessageAttributes): JobMessage => ({
  body: Buffer.from(text),
  envelope: envelopeOf(attributes),
  via: 'sqs',
})

const reason = 'refused on purpose by offload check'

/** In the form that the asking client reads. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  if (header(request, 'x-amz-target') !== undefined) {
    response.writeHead(403, {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-errortype': 'AccessDeniedException',
    })
    return void response.end(JSON.stringify({ __type: 'com.amazonaws.sqs#AccessDeniedException', message: reason }))
  }
  if (header(request, 'content-type')?.startsWith('application/x-www-form-urlencoded') === true) {
    response.writeHead(403, { 'content-type': 'text/xml' })
    return void response.end(
      `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${reason}</Message></Error></ErrorResponse>`,
    )
  }
  response.writeHead(400, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ title: 'The job does not hold the contract', status: 400, detail: reason }))
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.[0]
}
