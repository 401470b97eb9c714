import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** What is wrong with a cloud between the submitter and an emulator. */
export interface Wrong {
  /** These submissions are answered 202 and go nowhere, counted from 1. */
  readonly loses?: readonly number[]
  /** Changes a job before it goes on. */
  readonly changes?: (job: Record<string, unknown>) => Record<string, unknown>
}

/** An emulator behind a cloud that does something wrong; its base URL. */
export async function wrongCloud(emulator: string, { loses = [], changes = (job) => job }: Wrong): Promise<string> {
  let submissions = 0
  const forward = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    let body = Buffer.concat(chunks).toString()
    if (request.url === '/jobs' && request.method === 'POST') {
      if (loses.includes(++submissions)) {
        response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"queued"}')
        return
      }
      body = JSON.stringify(changes(JSON.parse(body) as Record<string, unknown>))
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !['host', 'content-length', 'connection'].includes(name)),
    ) as Record<string, string>
    const answer = await fetch(`${emulator}${request.url ?? '/'}`, {
      method: request.method ?? 'GET',
      headers,
      ...(body === '' ? {} : { body }),
    })
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  }
  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
