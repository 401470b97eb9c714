import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
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

interface SmtpError extends Error {
  readonly code?: string
  readonly responseCode?: number
  readonly response?: string
  readonly recipient?: string
}

interface Line {
  readonly connection: SMTPConnection
  /** Messages that it has carried. */
  carried: number
}

const lost = (error: Error, ambiguous: boolean, where: string): Delivery => ({
  outcome: 'deferred',
  error: `SMTP ${where}: ${error.message}`,
  ambiguous,
})

function outcomeOf(error: SmtpError, started: boolean, where: string): Delivery {
  const { code, responseCode, response } = error
  const said = response ?? error.message
  if (responseCode !== undefined && responseCode >= 500) return { outcome: 'rejected', error: said }
  if (responseCode !== undefined) return { outcome: 'deferred', error: said, ambiguous: false }
  // nodemailer itself will not send it: too big for the server, or no address.
  if (!started && (code === 'EMESSAGE' || code === 'EENVELOPE')) return { outcome: 'rejected', error: said }
  return lost(error, started, where)
}

/**
 * A pool of nodemailer's SMTP connections, without its message composer, which costs more than the whole delivery.
 * Sends what it is given as it is, to one fixed address, in plain SMTP.
 */
export function createSmtpTransport({
  address,
  connections = 64,
  timeoutMs = 30_000,
}: SmtpTransportOptions): MailTransport {
  const where = `${address.host}:${address.port}`
  const idle: Line[] = []
  const open = new Set<Line>()
  let waiting: Task[] = []
  let next = 0
  let closed = false

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

  const drop = (line: Line) => {
    open.delete(line)
    const at = idle.indexOf(line)
    if (at >= 0) idle.splice(at, 1)
    line.connection.close()
  }

  const carry = (line: Line, task: Task) => {
    let started = false
    const message = new Readable({
      read() {
        started = true
        this.push(task.raw)
        this.push(null)
      },
    })
    const { from, to } = task.envelope
    line.connection.send({ from, to: [...to], size: task.raw.length }, message, (error, info) => {
      line.carried++
      if (error) {
        const failure = error as SmtpError
        if (failure.responseCode === undefined || failure.responseCode === 421) {
          drop(line)
          // The server had ended an idle connection: nothing of the message has gone out, so it takes another one.
          if (line.carried > 1 && !started && !closed) {
            start(task)
            return
          }
          task.resolve(outcomeOf(failure, started, where))
          refill()
          return
        }
        task.resolve(outcomeOf(failure, started, where))
        line.connection.reset((failed) => {
          if (failed) {
            drop(line)
            refill()
          } else release(line)
        })
        return
      }
      const refused = (info.rejectedErrors ?? []).map((refusal) => ({
        address: refusal.recipient ?? '',
        response: refusal.response ?? refusal.message,
      }))
      task.resolve({
        outcome: 'accepted',
        response: info.response ?? '',
        ...(refused.length === 0 ? {} : { refused }),
      })
      release(line)
    })
  }

  const release = (line: Line) => {
    const task = take()
    if (task !== undefined) carry(line, task)
    else if (closed) drop(line)
    else idle.push(line)
  }

  const start = (task: Task) => {
    const connection = new SMTPConnection({
      host: address.host,
      port: address.port,
      name: 'offload',
      ignoreTLS: true,
      logger: false,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    })
    const line: Line = { connection, carried: 0 }
    open.add(line)
    let settled = false
    const fail = (error: Error) => {
      if (settled) return
      settled = true
      drop(line)
      task.resolve(lost(error, false, where))
      refill()
    }
    // Later errors reach the callback of `send`; on an idle connection they only mean that it is gone.
    connection.on('error', fail)
    connection.once('end', () => {
      fail(new Error('the server closed the connection'))
      drop(line)
    })
    connection.connect((error) => {
      if (error) return fail(error)
      if (settled) return
      settled = true
      carry(line, task)
    })
  }

  /** Opens a connection for the next message that waits, where one has gone. */
  const refill = () => {
    if (closed || open.size >= connections) return
    const task = take()
    if (task !== undefined) start(task)
  }

  return {
    deliver: (envelope, raw) =>
      new Promise((resolve) => {
        const task: Task = { envelope, raw, resolve }
        const line = idle.pop()
        if (closed) resolve({ outcome: 'deferred', error: 'the mail transport is closed', ambiguous: false })
        else if (line !== undefined) carry(line, task)
        else if (open.size < connections) start(task)
        else waiting.push(task)
      }),
    close() {
      closed = true
      for (const task of waiting.splice(next)) {
        task.resolve({ outcome: 'deferred', error: 'the mail transport is closed', ambiguous: false })
      }
      for (const line of [...open]) {
        if (idle.includes(line)) line.connection.quit()
        else line.connection.close()
      }
    },
  }
}
