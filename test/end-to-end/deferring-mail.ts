import { once } from 'node:events'
import { createServer } from 'node:http'
import { SMTPServer } from 'smtp-server'
import { onTestFinished } from 'vitest'

/** A mail server that defers the addresses named, as often as said, and a Mailpit API that finds nothing. */
export async function deferringMail(deferrals: (address: string) => number) {
  const tries = new Map<string, number>()
  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo({ address }, _session, callback) {
      const before = tries.get(address) ?? 0
      tries.set(address, before + 1)
      if (before < deferrals(address)) {
        callback(Object.assign(new Error('4.7.0 try again later'), { responseCode: 451 }))
      } else callback()
    },
    onData(stream, _session, callback) {
      stream.resume()
      stream.once('end', () => callback())
    },
  })
  smtp.listen(0, '127.0.0.1')
  await once(smtp.server, 'listening')
  const api = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ Version: 'test', Messages: 0, messages: [] }))
  })
  api.listen(0, '127.0.0.1')
  await once(api, 'listening')
  onTestFinished(() => {
    api.close()
    smtp.close(() => undefined)
  })
  const port = (server: { address(): unknown }) => (server.address() as { port: number }).port
  return { smtp: `127.0.0.1:${port(smtp.server)}`, mailpit: `http://127.0.0.1:${port(api)}`, tries }
}
