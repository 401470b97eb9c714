import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../emulator/cli/bin.ts', import.meta.url))
const tsx = import.meta.resolve('tsx')

export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** More for Node itself, before the program. */
  readonly node?: readonly string[]
}

export const emptyFolder = (): string => mkdtempSync(join(tmpdir(), 'offload-cli-'))

type Child = ChildProcessByStdio<null, Readable, Readable>

export function start(args: readonly string[], { cwd, env = {}, node = [] }: RunOptions = {}): Child {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('OFFLOAD_') && name !== 'FORCE_COLOR',
  )
  return spawn(process.execPath, [...node, '--import', tsx, bin, ...args], {
    cwd: cwd ?? emptyFolder(),
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs `offload …` as a user would, to its end. */
export async function offload(args: readonly string[], options?: RunOptions): Promise<Ran> {
  const child = start(args, options)
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: await stdout, stderr: await stderr }
}

export async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** Every line of an output that is said to be NDJSON; a line that is none makes the test fail. */
export const ndjson = (output: string): Record<string, unknown>[] =>
  output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** The lines of an output as they come, and what has come so far. */
export function linesOf(stream: Readable): {
  readonly seen: string[]
  until(wanted: (line: string) => boolean): Promise<string>
} {
  const seen: string[] = []
  const waiting = new Set<() => void>()
  const reader = createInterface({ input: stream })
  let closed = false
  const wake = () => {
    for (const look of waiting) look()
  }
  reader.on('line', (line) => {
    seen.push(line)
    wake()
  })
  reader.on('close', () => {
    closed = true
    wake()
  })
  return {
    seen,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = seen.find(wanted)
          if (found === undefined && !closed) return
          waiting.delete(look)
          if (found === undefined) reject(new Error(`the output ended without the line:\n${seen.join('\n')}`))
          else resolve(found)
        }
        waiting.add(look)
        look()
      }),
  }
}
