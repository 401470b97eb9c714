import { messageOf } from '../../kernel/errors.ts'
import { dataOf, openSmtpClient, type Reply, type SmtpClient } from './smtp-client.ts'
import type { SmtpAddress } from './smtp-host.ts'

export interface Envelope {
  readonly from: string
  readonly to: readonly string[]
}

/** What the server said, or that it said nothing. */
export type Delivery =
  | {
      readonly outcome: 'accepted'
      readonly response: string
      /** Recipients that it refused while it took the message for others, with its words. */
      readonly refused?: readonly { readonly address: string; readonly response: string }[]
    }
  /** 5xx: the same message will be refused again. */
  | { readonly outcome: 'rejected'; readonly error: string }
  /** 4xx, no connection, no answer. `ambiguous` where the message was handed over and the answer never came. */
  | { readonly outcome: 'deferred'; readonly error: string; readonly ambiguous: boolean }

export interface MailTransport {
  deliver(envelope: Envelope, raw: Buffer): Promise<Delivery>
  close(): void
}

export interface SmtpTransportOptions {
  /** Already checked by `innerSmtpAddress`. */
  readonly address: SmtpAddress
  /**
   * Connections that are kept open and used again: each waits once for smtp-server's 100 ms greeting. As many messages
   * as there are connections share one commit of the embedded inbox, so few of them make it slow.
   */
  readonly connections?: number
  /** Milliseconds without an answer. */
  readonly timeoutMs?: number
}

interface Task {
  readonly envelope: Envelope
  readonly raw: Buffer
  readonly resolve: (delivery: Delivery) => void
}

/** What the server makes of an envelope: it waits for the message, or says why it will not have it. */
type Opened =
  | { readonly ready: true; readonly refused: readonly { readonly address: string; readonly response: string }[] }
  /** `waits`: it waits for a message all the same. */
  | { readonly ready: false; readonly said: Reply; readonly waits: boolean }

/** A message whose envelope has gone out. */
interface Begun {
  readonly task: Task
  readonly opened: Promise<Opened>
}

interface Line {
  readonly client: SmtpClient
  /** Messages that it has carried. */
  carried: number
}

const closedDelivery: Delivery = { outcome: 'deferred', error: 'the mail transport is closed', ambiguous: false }

const refusedWith = ({ code, text }: Reply): Delivery =>
  code >= 500 ? { outcome: 'rejected', error: text } : { outcome: 'deferred', error: text, ambiguous: false }

/** What would end a command early, or needs SMTPUTF8. */
const unsendable = /[^\x21-\x7e]|[<>]/

const isGood = ({ code }: Reply) => code >= 200 && code < 300

const commandsOf = ({ from, to }: Envelope): string[] => [
  `MAIL FROM:<${from}>\r\n`,
  ...to.map((address) => `RCPT TO:<${address}>\r\n`),
  'DATA\r\n',
]

/** The answers to MAIL, each RCPT and DATA; there are fewer where the last one ended it. */
function judge({ to }: Envelope, replies: readonly Reply[]): Opened {
  const [mail, ...others] = replies
  const recipients = others.slice(0, to.length)
  const data = others[to.length]
  const waits = data?.code === 354
  const refused = recipients.flatMap((reply, nth) =>
    isGood(reply) ? [] : [{ address: to[nth] ?? '', response: reply.text }],
  )
  if (mail !== undefined && isGood(mail) && waits && refused.length < to.length) return { ready: true, refused }
  const unlessTaken = [mail, refused.length === to.length ? recipients[0] : undefined, data, replies.at(-1)]
  const said = unlessTaken.find((reply) => reply !== undefined && !isGood(reply) && reply.code !== 354)
  return { ready: false, said: said ?? { code: 0, text: 'no answer' }, waits }
}

/** For a server that wants one command at a time. */
async function openSlowly(client: SmtpClient, envelope: Envelope): Promise<Opened> {
  const replies: Reply[] = []
  for (const [nth, command] of commandsOf(envelope).entries()) {
    if (nth > envelope.to.length && !replies.slice(1).some(isGood)) break
    client.send(command)
    const [reply] = await client.answers(1)
    if (reply !== undefined) replies.push(reply)
    if (reply === undefined || reply.code === 421 || (nth === 0 && !isGood(reply))) break
  }
  return judge(envelope, replies)
}

/**
 * A pool of SMTP connections that are used again. Sends what it is given as it is, to one fixed address, in plain SMTP.
 * Where the server allows it, an envelope is one write, together with the message before it.
 */
export function createSmtpTransport({
  address,
  connections = 200,
  timeoutMs = 30_000,
}: SmtpTransportOptions): MailTransport {
  const idle: Line[] = []
  const open = new Set<Line>()
  let waiting: Task[] = []
  let next = 0
  let closed = false

  const lost = (error: unknown, ambiguous: boolean): Delivery => ({
    outcome: 'deferred',
    error: `SMTP ${address.host}:${address.port}: ${messageOf(error)}`,
    ambiguous,
  })

  const take = (): Task | undefined => {
    const task = waiting[next]
    if (task === undefined) return undefined
    next++
    if (next > 1000 && next * 2 > waiting.length) {
      waiting = waiting.slice(next)
      next = 0
    }
    return task
  }

  /** Why a message must not go to this server at all. */
  const refusalOf = ({ maxSize }: SmtpClient, { envelope: { from, to }, raw }: Task): string | undefined => {
    if (raw.length > maxSize) return `the server takes at most ${maxSize} bytes a message, not ${raw.length}`
    const bad = [from, ...to].find((one) => unsendable.test(one))
    return bad === undefined ? undefined : `no SMTP address: ${JSON.stringify(bad)}`
  }

  /** Sends the envelope of `task`, or of the next message that waits, behind `before`. */
  const begin = (client: SmtpClient, before: Buffer | undefined, first = take()): Begun | undefined => {
    let task = first
    for (; task !== undefined; task = take()) {
      const refusal = refusalOf(client, task)
      if (refusal === undefined) break
      task.resolve({ outcome: 'rejected', error: refusal })
    }
    if (task === undefined) {
      if (before !== undefined) client.send(before)
      return undefined
    }
    const { envelope } = task
    if (!client.pipelining) return { task, opened: openSlowly(client, envelope) }
    const commands = commandsOf(envelope)
    const text = commands.join('')
    client.send(before === undefined ? text : Buffer.concat([before, Buffer.from(text, 'latin1')]))
    return { task, opened: client.answers(commands.length).then((replies) => judge(envelope, replies)) }
  }

  /** Hands the message over, and begins the next one where the server need not be waited for. */
  const handOver = (client: SmtpClient, raw: Buffer) => {
    const ended = client.answers(1)
    const data = dataOf(raw)
    if (client.pipelining) return { ended, behind: begin(client, data) }
    client.send(data)
    return { ended, behind: undefined }
  }

  const withdraw = async (client: SmtpClient, waits: boolean) => {
    client.send(waits ? '.\r\nRSET\r\n' : 'RSET\r\n')
    await client.answers(waits ? 2 : 1)
  }

  /** Carries a message, and those that wait, until the line fails or none is left. */
  const carry = async (line: Line, first: Task): Promise<void> => {
    const { client } = line
    let begun = begin(client, undefined, first)
    while (begun !== undefined) {
      const { task, opened } = begun
      begun = undefined
      const isFresh = task === first && line.carried === 0
      let handedOver = false
      let settled = false
      try {
        const answer = await opened
        if (answer.ready) {
          handedOver = true
          const { ended, behind } = handOver(client, task.raw)
          begun = behind
          behind?.opened.catch(() => undefined)
          const [reply] = await ended
          if (reply === undefined) throw new Error('no answer')
          line.carried++
          const refused = answer.refused.length === 0 ? {} : { refused: answer.refused }
          task.resolve(isGood(reply) ? { outcome: 'accepted', response: reply.text, ...refused } : refusedWith(reply))
        } else {
          if (answer.said.code === 421 && !isFresh) throw new Error(answer.said.text)
          line.carried++
          settled = true
          task.resolve(refusedWith(answer.said))
          if (answer.said.code !== 421) await withdraw(client, answer.waits)
        }
        begun ??= begin(client, undefined)
      } catch (error) {
        // The server had ended a line that it knew: nothing of the message has gone out, so it takes another one.
        if (settled) continue
        if (!handedOver && !isFresh && !closed) queue(task)
        else task.resolve(lost(error, handedOver))
      }
    }
    if (closed) client.quit()
    else if (open.has(line)) idle.push(line)
  }

  const start = (task: Task) => {
    const line: Line = {
      carried: 0,
      client: openSmtpClient({
        address,
        name: 'offload',
        timeoutMs,
        onClose() {
          open.delete(line)
          const at = idle.indexOf(line)
          if (at >= 0) idle.splice(at, 1)
          refill()
        },
      }),
    }
    open.add(line)
    line.client.ready.then(
      () => void carry(line, task),
      (error: unknown) => task.resolve(lost(error, false)),
    )
  }

  const queue = (task: Task) => {
    if (open.size < connections) start(task)
    else waiting.push(task)
  }

  /** Opens a line for the next message that waits, where one has gone. */
  const refill = () => {
    if (closed || open.size >= connections) return
    const task = take()
    if (task !== undefined) start(task)
  }

  return {
    deliver: (envelope, raw) =>
      new Promise((resolve) => {
        const task: Task = { envelope, raw, resolve }
        if (closed) return resolve(closedDelivery)
        const line = idle.pop()
        if (line !== undefined) void carry(line, task)
        else queue(task)
      }),
    close() {
      closed = true
      for (const task of waiting.splice(next)) task.resolve(closedDelivery)
      for (const line of [...open]) {
        if (idle.includes(line)) line.client.quit()
        else line.client.destroy('the mail transport is closed')
      }
    },
  }
}
