import { once } from 'node:events'
import type { Socket } from 'node:net'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import { messageOf } from '../../kernel/errors.ts'
import type { Chaos } from './chaos.ts'
import { CutOff } from './faulty-accept.ts'

/** What came over one SMTP transaction. */
export interface Received {
  readonly from: string
  readonly to: readonly string[]
  readonly username: string
  readonly raw: Buffer
}

export interface SmtpListenerOptions {
  readonly host: string
  readonly port: number
  readonly chaos: Chaos
  /** Resolves with the message's id once it is on disk. */
  readonly accept: (received: Received) => Promise<string>
  readonly onRefused: () => void
}

export interface SmtpListener {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Mailpit's limits. */
const maxSize = 50 * 1024 * 1024
const maxRecipients = 100

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}

/** The whole message, or undefined when it is too big; then the rest of it is read and dropped. */
function collect(stream: SMTPServerDataStream): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxSize) chunks.push(chunk)
      else chunks.length = 0
    })
    stream.once('end', () => resolve(size > maxSize ? undefined : Buffer.concat(chunks)))
    stream.once('error', reject)
  })
}

/**
 * Takes whatever anybody sends, with or without a login, and answers `250 2.0.0 Ok: queued as <ID>` when it is durable.
 * A connection waits 100 ms for its greeting (smtp-server's check for early talkers), so clients should reuse theirs.
 */
export async function listenSmtp(options: SmtpListenerOptions): Promise<SmtpListener> {
  const { chaos, accept, onRefused } = options

  const receive = async (stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> => {
    const raw = await collect(stream)
    if (raw === undefined) {
      throw refusal(552, `5.3.4 Requested mail action aborted: exceeded storage allocation (${maxSize})`)
    }
    const { mailFrom, rcptTo } = session.envelope
    return accept({
      from: mailFrom === false ? '' : mailFrom.address,
      to: rcptTo.map(({ address }) => address),
      username: typeof session.user === 'string' ? session.user : '',
      raw,
    })
  }

  // smtp-server writes each reply by itself; those to pipelined commands leave together.
  const sockets = new Map<string, Socket>()
  const placeOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>) =>
    `${remoteAddress} ${remotePort}`
  const replyTogether = (session: SMTPServerSession) => {
    const socket = sockets.get(placeOf(session))
    if (socket === undefined || socket.writableCorked > 0) return
    socket.cork()
    process.nextTick(() => socket.uncork())
  }

  const server = new SMTPServer({
    name: 'offload-inbox',
    logger: false,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    authMethods: ['PLAIN', 'LOGIN'],
    size: maxSize,
    // Our replies carry their own enhanced codes: smtp-server would answer 2.6.0 where Mailpit answers 2.0.0.
    hideENHANCEDSTATUSCODES: true,
    onAuth(auth, _session, callback) {
      const code = chaos.strike('authentication')
      if (code !== undefined) callback(refusal(code, 'Chaos authentication error'))
      else callback(null, { user: auth.username ?? '' })
    },
    onMailFrom(_address, session, callback) {
      replyTogether(session)
      const code = chaos.strike('sender')
      if (code !== undefined) onRefused()
      callback(code === undefined ? null : refusal(code, 'Chaos sender error'))
    },
    onRcptTo(_address, session, callback) {
      const code = chaos.strike('recipient')
      if (code !== undefined) {
        onRefused()
        callback(refusal(code, 'Chaos recipient error'))
      } else if (session.envelope.rcptTo.length >= maxRecipients) {
        callback(refusal(452, '4.5.3 Too many recipients'))
      } else callback(null)
    },
    onData(stream, session, callback) {
      receive(stream, session).then(
        (id) => {
          replyTogether(session)
          callback(null, `2.0.0 Ok: queued as ${id}`)
        },
        (error: unknown) => {
          onRefused()
          if (error instanceof CutOff) {
            for (const connection of server.connections) if (connection.session === session) connection.close()
            return
          }
          const known = error instanceof Error && 'responseCode' in error
          callback(known ? error : refusal(451, `4.3.5 Unable to process mail: ${messageOf(error)}`))
        },
      )
    },
  })
  // A client that goes away is the normal end of a connection; what it had not finished was not acknowledged.
  server.on('error', () => {})

  server.server.on('connection', (socket) => {
    const place = placeOf(socket)
    sockets.set(place, socket)
    socket.once('close', () => sockets.delete(place))
  })

  server.listen(options.port, options.host)
  await once(server.server, 'listening')
  const address = server.server.address()
  if (address === null || typeof address === 'string') throw new Error('the SMTP listener has no TCP address')

  return {
    host: options.host,
    port: address.port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const connection of server.connections) {
          connection.send(421, '4.3.2 The inbox is shutting down')
          connection.close()
        }
      }),
  }
}
