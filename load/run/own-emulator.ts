import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ConfigInput } from '../../emulator/config.ts'
import { EmulatorError } from '../../emulator/kernel/errors.ts'

export interface OwnEmulator {
  readonly url: string
  readonly inbox: string
  readonly queueUrl: string
  readonly pid: number
  /** Ends it in its own time. */
  stop(): Promise<void>
  /** Ends it at once. */
  kill(): void
}

const main = fileURLToPath(new URL('./emulator-main.ts', import.meta.url))
/** Compiled, it lies beside this file under the same name, but for its ending. */
const entry = import.meta.url.endsWith('.ts') ? main : main.replace(/\.ts$/, '.js')

/** Starts an emulator as a process of its own, on free ports. Throws EmulatorError `no-emulator` with what it said. */
export async function startOwnEmulator(settings: ConfigInput): Promise<OwnEmulator> {
  const input = { port: 0, smtp_port: 0, inbox_port: 0, ...settings }
  // Node that reads TypeScript itself is faster than a loader for it.
  const loader = process.features.typescript === false && entry.endsWith('.ts') ? process.execArgv : []
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...loader, entry, JSON.stringify(input)],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (said = `${said}${chunk}`.slice(-4000)))
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const ready = await Promise.race([once(lines, 'line') as Promise<[string]>, ended.then(() => undefined)])
  if (ready === undefined) {
    throw new EmulatorError('no-emulator', `the emulator did not start: ${said.trim() || `exit ${child.exitCode}`}`)
  }
  const { url, inbox, queueUrl, pid } = JSON.parse(ready[0]) as {
    url: string
    inbox: string
    queueUrl: string
    pid: number
  }
  return {
    url,
    inbox,
    queueUrl,
    pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      await ended
    },
    kill: () => void child.kill('SIGKILL'),
  }
}
