import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { JournalEntry } from '../../emulator/kernel/journal.ts'

/** An `offload worker --json` as a user starts it. */
export interface RunningWorker {
  readonly name: string
  /** What it has told since it was ready. */
  readonly entries: readonly JournalEntry[]
  readonly stderr: () => string
  /** Ends it with a signal; resolves with its exit code. */
  end(signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM'): Promise<number | null>
}

export async function startWorker(
  flags: readonly string[],
  environment: Record<string, string> = {},
): Promise<RunningWorker> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'emulator/cli/bin.ts', 'worker', '--json', '--bucket', 'manireports-certificates', ...flags],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        AWS_REGION: 'us-east-1',
        ...environment,
      },
    },
  )
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-20_000)))
  const entries: JournalEntry[] = []
  const ready = Promise.withResolvers<{ worker: string }>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as { event: 'ready'; worker: string } | JournalEntry
    if (said.event === 'ready') ready.resolve(said)
    else entries.push(said)
  })
  child.once('exit', (code) => ready.reject(new Error(`the worker ended with ${code}: ${complaints}`)))
  const { worker: name } = await ready.promise
  return {
    name,
    entries,
    stderr: () => complaints,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
      return child.exitCode
    },
  }
}
