import { spawn, type ChildProcess } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import { sleep, type Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { Invocation } from './answer.ts'
import { answerLimit, backoff, type FunctionSlot } from './function.ts'

export interface ExecDeps {
  readonly clock: Clock
  /** As it would be typed: the shell reads it, so quotes, variables and `cd app && …` mean what they always do. */
  readonly command: string
  /** What the command finds in its environment, beside the emulator's own. */
  readonly environment: Readonly<Record<string, string>>
  /** Wall time in milliseconds; a handler that takes longer is killed, as Lambda does. */
  readonly timeoutMs: number
  /** What the handler writes to stderr, and what it prints that is no answer. */
  readonly log: (line: string) => void
}

/** What would lead an AWS client away from the emulator, or into an account of somebody's. */
const misleading = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_SECURITY_TOKEN']

/** How long a handler that was told to end may take, in milliseconds. */
const graceMs = 2000

/** The longest line that is passed on to the log, in characters. */
const logLine = 4000

interface Running {
  readonly child: ChildProcess
  /** Resolves with the reason when the process has ended. */
  readonly ended: Promise<string>
}

/**
 * A handler that prints, as one does in Lambda, means its log, be it a record of a structured logger: an answer is a JSON
 * object without a level, a string or null.
 */
function isAnswer(line: string): boolean {
  const text = line.trim()
  if (text !== 'null' && !/^["{]/.test(text)) return false
  try {
    const answer: unknown = JSON.parse(text)
    if (typeof answer !== 'object' || answer === null || 'batchItemFailures' in answer) return true
    return !('level' in answer || 'levelname' in answer || 'severity' in answer)
  } catch {
    return false
  }
}

/** A handler as a child process: an event is a line of JSON on stdin, the answer the next line of JSON on stdout. */
export function createExecSlot({ clock, command, environment, timeoutMs, log }: ExecDeps): FunctionSlot {
  const stopping = new AbortController()
  const own = process.platform !== 'win32'
  let running: Running | undefined
  let answer: ((line: string) => void) | undefined
  // Ends in a row without an answer between them.
  let deaths = 0

  const onLine = (line: string) => {
    if (answer !== undefined && isAnswer(line)) answer(line)
    else if (line.trim() !== '') log(line.slice(0, logLine))
  }

  const kill = (child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL') => {
    try {
      // The whole group: the shell would otherwise leave what it started behind.
      if (own && child.pid !== undefined) process.kill(-child.pid, signal)
      else child.kill(signal)
    } catch {
      // It has ended by itself.
    }
  }

  const start = (): Running => {
    // oxlint-disable-next-line node/no-process-env -- a command needs PATH, HOME and the like
    const inherited = Object.entries(process.env).filter(([name]) => !misleading.includes(name))
    const child = spawn(command, {
      shell: true,
      detached: own,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Python holds back what it prints to a pipe: the answer would never come.
      env: { ...Object.fromEntries(inherited), PYTHONUNBUFFERED: '1', ...environment },
    })
    eachLine(child.stdout, answerLimit, onLine, () => {
      log(`a line of more than ${answerLimit} bytes on stdout: the handler is ended`)
      kill(child, 'SIGKILL')
    })
    eachLine(
      child.stderr,
      logLine,
      (line) => log(line),
      () => undefined,
    )
    // Writing to a process that has ended; `ended` tells of it.
    child.stdin.on('error', () => undefined)
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`${command} cannot be started: ${messageOf(error)}`))
      child.once('close', (code, signal) => resolve(`the handler ended (${code === null ? signal : `exit ${code}`})`))
    })
    const started = { child, ended }
    void ended.then((reason) => {
      if (running !== started) return
      running = undefined
      deaths++
      if (!stopping.signal.aborted) log(`${reason}: it is started again`)
    })
    return started
  }

  const end = async ({ child, ended }: Running) => {
    kill(child, 'SIGTERM')
    const timer = clock.at(clock.now() + graceMs, () => kill(child, 'SIGKILL'))
    await ended
    timer.cancel()
  }

  return {
    async ready(signal) {
      if (deaths > 0 && running === undefined) await sleep(clock, backoff(deaths - 1), signal)
      if (!signal.aborted && !stopping.signal.aborted) running ??= start()
    },
    async invoke(event, signal) {
      if (stopping.signal.aborted) return { outcome: 'stopped', error: 'the emulator was stopped' }
      const current = (running ??= start())
      let late = false
      const timer = clock.at(clock.now() + timeoutMs, () => {
        late = true
        kill(current.child, 'SIGKILL')
      })
      const stop = () => kill(current.child, 'SIGTERM')
      signal.addEventListener('abort', stop)
      try {
        const line = new Promise<string>((resolve) => {
          answer = resolve
        })
        current.child.stdin?.write(`${event}\n`)
        const result = await Promise.race([
          line.then((payload): Invocation => ({ outcome: 'answered', payload })),
          current.ended.then((error): Invocation => ({ outcome: 'failed', error })),
        ])
        if (result.outcome === 'answered') deaths = 0
        else if (late) return { outcome: 'timed-out', error: `no answer within ${timeoutMs / 1000} s: it was ended` }
        else if (signal.aborted) return { outcome: 'stopped', error: 'the emulator was stopped' }
        return result
      } finally {
        answer = undefined
        timer.cancel()
        signal.removeEventListener('abort', stop)
      }
    },
    async stop() {
      stopping.abort()
      if (running !== undefined) await end(running)
    },
  }
}

/** Calls `take` for each line; one that is longer than `limit` characters is cut there, and `tooLong` is told once. */
function eachLine(
  stream: NodeJS.ReadableStream,
  limit: number,
  take: (line: string) => void,
  tooLong: () => void,
): void {
  const decoder = new StringDecoder('utf8')
  let rest: string[] = []
  let length = 0
  let told = false
  stream.on('data', (chunk: Buffer) => {
    const [first = '', ...more] = decoder.write(chunk).split('\n')
    const add = (text: string) => {
      const kept = text.slice(0, Math.max(0, limit - length))
      length += text.length
      if (kept !== '') rest.push(kept)
      if (length > limit && !told) {
        told = true
        tooLong()
      }
    }
    add(first)
    for (const text of more) {
      take(rest.join('').replace(/\r$/, ''))
      rest = []
      length = 0
      add(text)
    }
  })
  stream.on('end', () => {
    if (rest.length > 0) take(rest.join(''))
  })
}
