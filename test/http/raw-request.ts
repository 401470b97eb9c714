import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A connection to a base URL, for what no HTTP client would send. */
export async function connected(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

/** Sends lines as they are and reads the whole answer. */
export async function exchange(url: string, lines: readonly string[], body = ''): Promise<string> {
  const socket = await connected(url)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write([...lines, '', body].join('\r\n'))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}
