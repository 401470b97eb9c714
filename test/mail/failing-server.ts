import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** What a scripted SMTP server says; a step that is left out is answered well. `drop` ends the connection instead. */
export interface Script {
  /** What it says to EHLO beside its name, such as `PIPELINING` or `SIZE 1000`. */
  readonly extensions?: readonly string[]
  readonly greeting?: string
  readonly mail?: string
  readonly rcpt?: string
  readonly data?: string
  /** The answer to the message itself, or `drop`. */
  readonly message?: string
  /** Ends the connection after so many messages, as a server does with idle ones. */
  readonly messagesPerConnection?: number
}

/** A small SMTP server that answers exactly what it is told, without waiting before its greeting. */
export async function scriptedServer(script: Script) {
  const received: string[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => undefined)
    const say = (line: string) => socket.write(`${line}\r\n`)
    let body: string[] | undefined
    let rest = ''
    let messages = 0
    say(script.greeting ?? '220 scripted')
    const onLine = (line: string) => {
      if (body !== undefined) {
        if (line !== '.') return void body.push(line)
        received.push(body.join('\n'))
        body = undefined
        messages++
        if (script.message === 'drop') return void socket.destroy()
        say(script.message ?? '250 2.0.0 Ok')
        if (messages === script.messagesPerConnection) socket.end()
        return
      }
      const command = line.slice(0, 4).toUpperCase()
      if (command === 'EHLO') {
        const lines = ['scripted', ...(script.extensions ?? [])]
        for (const [nth, one] of lines.entries()) say(`250${nth === lines.length - 1 ? ' ' : '-'}${one}`)
      } else if (command === 'MAIL') say(script.mail ?? '250 2.1.0 Ok')
      else if (command === 'RCPT') say(script.rcpt ?? '250 2.1.5 Ok')
      else if (command === 'DATA') {
        const answer = script.data ?? '354 Go on'
        if (answer.startsWith('354')) body = []
        say(answer)
      } else if (command === 'QUIT') {
        say('221 Bye')
        socket.end()
      } else say('250 2.0.0 Ok')
    }
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host: '127.0.0.1',
    port: address.port,
    received,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
