import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Figures } from '../k6/figures.ts'

/** Where k6 asks what has arrived: it cannot receive anything itself. On this machine alone. */
export async function serveFigures(figures: () => Figures): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(figures()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/figures`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
