import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs'
import fastify, { type FastifyInstance } from 'fastify'
import type { AddressInfo } from 'node:net'
import type { Credentials } from '../../contracts/sigv4.ts'
import { createQueues, type Queues } from '../../emulator/cloud/queue/queues.ts'
import { mounted, type DirectFace, type Exchange } from '../../emulator/http/exchange.ts'
import { createFastPath } from '../../emulator/http/fast-path.ts'
import { createPortServer } from '../../emulator/http/port-server.ts'
import { sqsFace, type SqsRefusal } from '../../emulator/http/sqs/face.ts'
import { virtualClock, type VirtualClock } from '../../emulator/kernel/clock.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { createJournal, type Journal } from '../../emulator/kernel/journal.ts'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

export interface SqsServer {
  readonly url: string
  readonly client: SQSClient
  readonly clock: VirtualClock
  readonly store: Store
  readonly queues: Queues
  readonly journal: Journal
  readonly refusals: readonly SqsRefusal[]
  /** How many requests have not been answered yet. */
  open(): number
  /** A further client, for instance one that does not try again. */
  connect(config?: SQSClientConfig): SQSClient
  /** Creates a queue and answers its URL. */
  queue(name: string, attributes?: Record<string, string>): string
  close(): Promise<void>
}

interface Options {
  readonly directory?: string
  readonly clock?: VirtualClock
  readonly maximumMessageSize?: number
  readonly inFlightLimit?: number
  readonly credentials?: readonly Credentials[]
}

export async function sqsServer({
  directory,
  clock = virtualClock(),
  maximumMessageSize = 1_048_576,
  inFlightLimit,
  credentials,
}: Options = {}): Promise<SqsServer> {
  const store = openStore(directory === undefined ? {} : { directory })
  const { ids } = boot({ store, seed: 'sqs' })
  const journal = createJournal({ store, clock })
  const queues = createQueues({
    store,
    clock,
    ids,
    journal,
    account: '000000000000',
    region: 'us-east-1',
    maximumMessageSize,
    ...(inFlightLimit !== undefined && { inFlightLimit }),
  })
  const refusals: SqsRefusal[] = []
  const onError = (error: unknown) => process.stderr.write(`${String(error)}\n`)
  const onRefusal = (refusal: SqsRefusal) => refusals.push(refusal)
  const face = sqsFace({ queues, clock, ids, onRefusal, onError, ...(credentials && { credentials }) })
  let open = 0
  const counted: DirectFace = {
    bodyLimit: face.bodyLimit,
    meet(exchange) {
      open++
      const answer = (...answered: Parameters<Exchange['answer']>) => {
        open--
        exchange.answer(...answered)
      }
      face.meet({ ...exchange, answer })
    },
  }
  // As the app does it: JSON by the fast path, forms by Fastify, and the router in front.
  const fastPath = createFastPath({
    face: counted,
    clock,
    takes: ({ headers }) => headers['x-amz-target'] !== undefined,
    onAnswered: () => undefined,
  })
  const app: FastifyInstance = fastify({
    serverFactory: (handler) => createPortServer(fastPath, handler),
    rewriteUrl: (request) => `/@sqs${request.url ?? '/'}`,
    forceCloseConnections: true,
  })
  app.addHook('preClose', async () => fastPath.close())
  await app.register(mounted(counted), { prefix: '/@sqs' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const clients: SQSClient[] = []
  const connect = (config: SQSClientConfig = {}) => {
    const client = new SQSClient({
      endpoint: url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'offload', secretAccessKey: 'offload' },
      maxAttempts: 1,
      ...config,
    })
    clients.push(client)
    return client
  }
  return {
    url,
    client: connect(),
    clock,
    store,
    queues,
    journal,
    refusals,
    open: () => open,
    connect,
    queue(name, attributes = {}) {
      queues.ensureQueue(name, attributes)
      return `${url}/000000000000/${name}`
    },
    async close() {
      for (const client of clients) client.destroy()
      queues.close()
      await app.close()
      store.close()
    },
  }
}

/** The Query protocol, as an old SDK speaks it. */
export async function query(url: string, parameters: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams({ Version: '2012-11-05', ...parameters }),
  })
  return { status: response.status, headers: response.headers, xml: await response.text() }
}

/** The JSON protocol without an SDK in between. */
export async function json(url: string, action: string, body: unknown) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
  }
}
