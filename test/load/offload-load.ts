import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Finding } from '../../contracts/checks/verdict.ts'
import type { LoadResult } from '../../load/run/result.ts'

export const root = join(import.meta.dirname, '../..')

/** Why tests with real k6 cannot run here; undefined where they can. */
export function withoutK6(): string | undefined {
  try {
    execFileSync('k6', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'k6 is not on the PATH'
  }
}

export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'offload-load-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A file of fault rules. */
export function faults(rules: string): string {
  const file = join(temporary(), 'faults.yaml')
  writeFileSync(file, rules)
  return file
}

export interface Run {
  readonly child: ChildProcess
  /** What it said to people, so far. */
  said(): string
  readonly ended: Promise<{
    code: number | null
    result: LoadResult | undefined
    failed: string[]
    reason(id: string): string
    said: string
  }>
}

/** `offload load …`, as a user starts it. */
export function startLoad(args: readonly string[], folder = temporary()): Run {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'emulator/cli/bin.ts', 'load', ...args, '--json', '--report-dir', folder],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (said += chunk))
  const ended = once(child, 'close').then(([code]) => {
    const records = out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const findings = records.filter((record) => 'level' in record) as unknown as Finding[]
    return {
      code: code as number | null,
      result: records.find(({ event }) => event === 'result') as LoadResult | undefined,
      failed: findings.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id),
      reason: (id: string) => findings.find((one) => one.id === id)?.reason ?? '',
      said,
    }
  })
  return { child, said: () => said, ended }
}

export const runLoad = (...args: readonly string[]) => startLoad(args).ended
