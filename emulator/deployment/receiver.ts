import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EmulatorError } from '../kernel/errors.ts'
import { callbackPaths } from '../moodle/submission.ts'
import { createCallbackLog, type CallbackLog, type CallbackLogOptions } from './callback-log.ts'

/** A receiver for callbacks that a deployment can reach: a `CallbackLog` behind HTTP. */
export interface Receiver extends CallbackLog {
  /** Base URL as the deployment sees it, without a final slash. */
  readonly url: string
  /** Where it really listens. */
  readonly listensOn: string
  /** What a job names as its `callback_url`: Moodle's own path in this dialect. */
  readonly callbackUrl: string
  close(): Promise<void>
}

/** A callback of 50,000 recipients has about 10 MB. */
const largestBody = 64 * 1024 * 1024

/** Longer than any sender keeps a connection: who reuses one that we close at that moment would see a failure of ours. */
const keepAliveMs = 600_000

export interface ReceiverOptions extends CallbackLogOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string
  /** Base URL under which the deployment reaches it, where that is another (a tunnel, a proxy). */
  readonly publicUrl?: string | undefined
}

/** Opens it. Throws EmulatorError `port-taken`, or `bad-address` for what is no HOST:PORT of this machine. */
export async function createReceiver(options: ReceiverOptions): Promise<Receiver> {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(options.listen) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535) {
    throw new EmulatorError('bad-address', `${options.listen} must be HOST:PORT, such as 127.0.0.1:0`)
  }
  const log = createCallbackLog(options)
  const server = createServer((request, response) => {
    answer(log, request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = keepAliveMs
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new EmulatorError('port-taken', `port ${port} is taken`, { port: Number(port), role: 'listen' })
          : new EmulatorError('bad-address', `cannot listen on ${options.listen}: ${error.message}`),
      )
    })
    server.listen(Number(port), host, resolve)
  })
  const at = server.address() as AddressInfo
  const listensOn = `${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`
  const own = isWildcard(at.address) ? `127.0.0.1:${at.port}` : listensOn
  const url = (options.publicUrl ?? `http://${own}`).replace(/\/+$/, '')
  return {
    ...log,
    url,
    listensOn,
    callbackUrl: `${url}${options.dialect === 'plugin' ? callbackPaths.plugin : callbackPaths.spec}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Listens everywhere, and is no address to call. */
export const isWildcard = (host: string): boolean => /^\[?(0\.0\.0\.0|::)\]?$/.test(host)

async function answer(log: CallbackLog, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += (chunk as Buffer).length
    if (length > largestBody) {
      response.writeHead(413, { connection: 'close' }).end()
      return
    }
    chunks.push(chunk as Buffer)
  }
  const { answer: given, hungUp } = log.receive({
    method: request.method ?? '',
    path: request.url ?? '/',
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    body: Buffer.concat(chunks),
  })
  if (given === 'hang') {
    response.once('close', hungUp)
    return
  }
  response.writeHead(given.status, { 'content-type': 'application/json', ...given.headers })
  response.end(given.status < 300 ? '{"status":"ok"}' : '{"error":"answered so by offload"}')
}
