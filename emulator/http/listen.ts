import { createServer } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { EmulatorError, messageOf } from '../kernel/errors.ts'

/**
 * Opens one port on each host (a container's bridge beside 127.0.0.1, say); port 0 takes a free one, the same for all.
 * Resolves with the first one's base URL. Throws EmulatorError `port-taken`, which names the flag that moves it.
 */
export async function listen(
  app: FastifyInstance,
  { hosts, port, flag }: { hosts: readonly string[]; port: number; flag: string },
): Promise<string> {
  const [first = '127.0.0.1', ...others] = hosts
  try {
    await app.listen({ host: first, port })
    const address = app.server.address()
    const actual = typeof address === 'object' && address !== null ? address.port : port
    for (const host of others) await listenToo(app, host, actual)
    const shown = first === '0.0.0.0' || first === '::' ? '127.0.0.1' : first.includes(':') ? `[${first}]` : first
    return `http://${shown}:${actual}`
  } catch (error) {
    throw portTaken(error, port, flag)
  }
}

async function listenToo(app: FastifyInstance, host: string, port: number): Promise<void> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => app.server.emit('connection', socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  // A server added after the start has no hook of its own: it ends with the first one, whose its connections are, also
  // those that came while that one closed.
  app.server.once('close', () => {
    server.close()
    app.server.closeAllConnections()
  })
}

export function portTaken(error: unknown, port: number, flag: string): Error {
  const { code, address } = error as NodeJS.ErrnoException & { address?: string }
  const said = {
    EADDRINUSE: `Port ${port} is taken (--${flag}).`,
    EACCES: `Port ${port} needs rights that this process has not (--${flag}).`,
    EADDRNOTAVAIL: `${address} is no address of this machine (--host).`,
  }[code ?? '']
  if (said !== undefined) return new EmulatorError('port-taken', said, { port, role: flag })
  return error instanceof Error ? error : new Error(messageOf(error))
}
