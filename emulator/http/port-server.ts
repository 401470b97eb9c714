import { createServer, type RequestListener, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { keepAliveMs, type FastPath } from './fast-path.ts'

/** The server of the one port: what the fast path does not take goes to Node's way of serving a connection. */
export function createPortServer(fastPath: FastPath, listener: RequestListener): Server {
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 0 }, listener)
  const [serve] = server.listeners('connection')
  server.removeAllListeners('connection')
  return server.on('connection', (socket: Socket) => fastPath.meet(socket, () => void serve?.call(server, socket)))
}
