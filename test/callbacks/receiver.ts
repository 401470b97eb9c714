import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** What a receiver does with its nth request (from 0): an answer, or the bare connection to misbehave with. */
export type Script = (nth: number, request: Received) => Answer | ((response: ServerResponse, socket: Socket) => void)

export interface Receiver {
  readonly port: number
  readonly url: string
  readonly requests: readonly Received[]
  /** Resolves when so many requests have come in all. */
  received(count: number): Promise<void>
}

export const path = '/local/manireports/ui/ajax/cloud_callback.php'

/** A callback receiver on a free port of 127.0.0.1. */
export async function startReceiver(script: Script = () => ({ status: 200 })): Promise<Receiver> {
  const requests: Received[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const received = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks),
      }
      const nth = requests.push(received) - 1
      const answer = script(nth, received)
      if (typeof answer === 'function') answer(response, request.socket)
      else response.writeHead(answer.status, answer.headers).end(answer.body)
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}${path}`,
    requests,
    received: (count) =>
      requests.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
  }
}
