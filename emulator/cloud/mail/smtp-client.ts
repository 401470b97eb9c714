import { connect } from 'node:net'
import type { SmtpAddress } from './smtp-host.ts'

/** An answer: its code, and all its lines as they came. */
export interface Reply {
  readonly code: number
  readonly text: string
}

/** One connection to a server in plain SMTP. */
export interface SmtpClient {
  /** Resolves once the server has answered EHLO; rejects where it does not take mail. */
  readonly ready: Promise<void>
  /** Whether several commands may be sent before the first is answered (RFC 2920). */
  readonly pipelining: boolean
  /** Bytes that a message may have; Infinity where the server names no limit. */
  readonly maxSize: number
  send(bytes: Buffer | string): void
  /**
   * The next `count` answers in their order, after those that were asked for before; fewer only where the last of them is
   * 421, after which the connection is over. Rejects where the connection ends without them.
   */
  answers(count: number): Promise<readonly Reply[]>
  /** Says QUIT and waits for nothing. */
  quit(): void
  destroy(reason: string): void
}

interface Waiting {
  readonly count: number
  readonly got: Reply[]
  readonly resolve: (replies: readonly Reply[]) => void
  readonly reject: (error: Error) => void
}

/** Longer than any answer that a server means. */
const longestAnswer = 65_536

export function openSmtpClient({
  address,
  name,
  timeoutMs,
  onClose,
}: {
  readonly address: SmtpAddress
  /** What it says to be. */
  readonly name: string
  /** Milliseconds without an answer. */
  readonly timeoutMs: number
  /** Called once, when the connection is over, whoever ended it. */
  readonly onClose: () => void
}): SmtpClient {
  const socket = connect({ host: address.host, port: address.port, noDelay: true })
  const waiting: Waiting[] = []
  let failure: Error | undefined
  let pipelining = false
  let maxSize = Infinity
  let rest = ''
  let lines: string[] = []

  const fail = (error: Error) => {
    if (failure !== undefined) return
    failure = error
    socket.destroy()
    for (const { reject } of waiting.splice(0)) reject(error)
    onClose()
  }

  const answered = (reply: Reply) => {
    const [group] = waiting
    if (group !== undefined) {
      group.got.push(reply)
      if (group.got.length < group.count && reply.code !== 421) return
      waiting.shift()
      group.resolve(group.got)
    }
    if (reply.code === 421) fail(new Error(reply.text))
  }

  socket.setEncoding('utf8')
  // Of the wire, so in real time whatever `--speed`; virtual time has no sockets.
  socket.setTimeout(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs / 1000} s`)))
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed the connection')))
  socket.on('data', (chunk: string) => {
    const text = rest + chunk
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const line = text.slice(from, text[end - 1] === '\r' ? end - 1 : end)
      from = end + 1
      lines.push(line)
      if (line[3] === '-') continue
      const reply = { code: Number(line.slice(0, 3)), text: lines.join('\n') }
      lines = []
      answered(reply)
    }
    rest = text.slice(from)
    if (rest.length > longestAnswer) fail(new Error(`an answer of more than ${longestAnswer} characters`))
  })

  const answers = (count: number) =>
    new Promise<readonly Reply[]>((resolve, reject) => {
      if (failure === undefined) waiting.push({ count, got: [], resolve, reject })
      else reject(failure)
    })

  const greet = async () => {
    const refuse = (reply: Reply | undefined) => {
      const error = new Error(`the server does not take mail: ${reply?.text ?? ''}`)
      fail(error)
      return error
    }
    const [greeting] = await answers(1)
    if (greeting?.code !== 220) throw refuse(greeting)
    socket.write(`EHLO ${name}\r\n`)
    const [hello] = await answers(1)
    if (hello?.code !== 250) throw refuse(hello)
    pipelining = /^250[- ]PIPELINING *$/im.test(hello.text)
    maxSize = Number(/^250[- ]SIZE (\d+)/im.exec(hello.text)?.[1] ?? 0) || Infinity
  }

  return {
    ready: greet(),
    get pipelining() {
      return pipelining
    },
    get maxSize() {
      return maxSize
    },
    send: (bytes) => void socket.write(bytes),
    answers,
    quit: () => void socket.end('QUIT\r\n'),
    destroy: (reason) => fail(new Error(reason)),
  }
}

// Servers differ in what a bare CR or LF means to them: a message must not end, or begin another, in only some of them.
const unclean = /^\.|\r(?!\n)|(?<!\r)\n|\n\./

/** A message as it goes after DATA: every line ends with CRLF, a dot that begins one is doubled, and a dot ends it. */
export function dataOf(raw: Buffer): Buffer {
  const text = raw.toString('latin1')
  const ending = text === '' || text.endsWith('\n') ? '.\r\n' : '\r\n.\r\n'
  if (!unclean.test(text)) return Buffer.concat([raw, Buffer.from(ending)])
  const lines = text.replace(/\r\n|\r|\n/g, '\r\n').replace(/(?<=^|\n)\./g, '..')
  return Buffer.from(`${lines}${lines.endsWith('\n') ? '.\r\n' : '\r\n.\r\n'}`, 'latin1')
}
