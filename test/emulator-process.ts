import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface RunningEmulator {
  readonly pid: number
  readonly url: string
  readonly inbox: string
  readonly smtp: string
  readonly queueUrl: string
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
}

/** `offload up --json` as a process of its own, as a user starts it. */
export async function startEmulator(
  flags: readonly string[],
  env: Record<string, string> = {},
): Promise<RunningEmulator> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      'emulator/cli/bin.ts',
      'up',
      '--json',
      '--port',
      '0',
      '--smtp-port',
      '0',
      '--inbox-port',
      '0',
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  )
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-4000)))
  const lines = createInterface({ input: child.stdout })
  const ready = Promise.withResolvers<{ url: string; inbox: string; smtp: string; queue_url: string; pid: number }>()
  lines.on('line', (line) => {
    if (line.startsWith('{"event":"ready"')) ready.resolve(JSON.parse(line) as never)
  })
  child.once('exit', (code) => ready.reject(new Error(`the emulator ended with ${code}: ${complaints}`)))
  const { url, inbox, smtp, queue_url, pid } = await ready.promise
  return { pid, url, inbox, smtp, queueUrl: queue_url, kill: () => kill(child) }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
