import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { linesOf, ndjson, offload, start, type RunOptions } from '../cli/offload.ts'

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'offload-cloud-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

export interface Up {
  readonly url: string
  readonly queueUrl: string
  readonly smtp: string
  readonly inbox: string
}

/** `offload up` as a process of its own, to the end of the test. */
export async function up(flags: readonly string[], options: RunOptions = {}): Promise<Up> {
  const child = start(
    ['up', '--json', '--ephemeral', '--port', '0', '--smtp-port', '0', '--inbox-port', '0', ...flags],
    options,
  )
  child.stderr.resume()
  onTestFinished(() => end(child))
  const line = await linesOf(child.stdout).until((text) => text.startsWith('{"event":"ready"'))
  const { url, queue_url, smtp, inbox } = JSON.parse(line) as {
    url: string
    queue_url: string
    smtp: string
    inbox: string
  }
  return { url, queueUrl: queue_url, smtp, inbox }
}

/** Another `offload …` that runs to the end of the test. */
export function beside(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const child = start(args, options)
  child.stderr.resume()
  child.stdout.resume()
  onTestFinished(() => end(child))
  return child
}

export interface Checked {
  readonly code: number | null
  readonly summary: string
  /** Of what neither passed nor was skipped: `verdict id: reason`. */
  readonly wrong: readonly string[]
  readonly lines: readonly Record<string, unknown>[]
}

/** Runs `offload check cloud … --json`. */
export async function checkCloud(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Checked> {
  const { code, stdout, stderr } = await offload(['check', 'cloud', ...args, '--json'], { env })
  const lines = ndjson(stdout)
  return {
    code,
    summary: stderr.trim().split('\n').at(-1) ?? '',
    wrong: lines
      .filter(({ verdict }) => verdict === 'fail' || verdict === 'unobserved')
      .map(({ verdict, id, reason }) => `${String(verdict)} ${String(id)}: ${String(reason)}`),
    lines,
  }
}
