import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EmulatorError } from '../../emulator/kernel/errors.ts'
import type { LoadPlan } from './plan.ts'
import type { SubmitEvent } from '../k6/submit.ts'
import type { Told } from './tally.ts'

/** What is written down while a run goes on: enough to go on with it. */
export type RunLine =
  | { readonly submission: SubmitEvent }
  | { readonly told: Told; readonly group: number }
  /** The run began, or went on. */
  | { readonly begun: number }
  | { readonly stopped: number }

export interface RunFolder {
  readonly path: string
  readonly id: string
  /** A file's path inside. */
  file(name: string): string
  write(line: RunLine): void
  lines(): RunLine[]
  plan(): LoadPlan
  /** The plan as it turned out. */
  keep(plan: LoadPlan): void
  /** Nothing is left to go on with: what only a resumption needs is thrown away. */
  finish(): void
}

const planFile = 'plan.json'
const linesFile = 'lines.ndjson'

function open(path: string, id: string): RunFolder {
  const file = (name: string) => join(path, name)
  return {
    path,
    id,
    file,
    // Synchronous: what was written is there even where this process is killed the moment after.
    write: (line) => appendFileSync(file(linesFile), `${JSON.stringify(line)}\n`),
    lines() {
      if (!existsSync(file(linesFile))) return []
      return readFileSync(file(linesFile), 'utf8')
        .split('\n')
        .flatMap((line) => {
          try {
            return line === '' ? [] : [JSON.parse(line) as RunLine]
          } catch {
            // The last line of a process that was killed may be cut.
            return []
          }
        })
    },
    keep: (plan) => writeFileSync(file(planFile), `${JSON.stringify(plan, null, 2)}\n`),
    plan: () => JSON.parse(readFileSync(file(planFile), 'utf8')) as LoadPlan,
    finish() {
      for (const name of ['state', linesFile, 'messages.json']) rmSync(file(name), { recursive: true, force: true })
    },
  }
}

/** A new run's folder, under `base`. */
export function createRunFolder(base: string, id: string, plan: LoadPlan): RunFolder {
  const path = join(base, id)
  mkdirSync(path, { recursive: true })
  const folder = open(path, id)
  folder.keep(plan)
  return folder
}

/** The folder of a run that was interrupted, by its path or its id. Throws EmulatorError `no-run`. */
export function findRunFolder(base: string, given: string): RunFolder {
  const path = [given, join(base, given)].find((each) => existsSync(join(each, planFile)))
  if (path === undefined) {
    const known = existsSync(base) ? readdirSync(base).filter((name) => existsSync(join(base, name, linesFile))) : []
    const hint = known.length === 0 ? `there is none in ${base}` : `there are ${known.slice(-5).join(', ')}`
    throw new EmulatorError('no-run', `there is no run ${given} to resume: ${hint}`)
  }
  if (!existsSync(join(path, linesFile))) {
    throw new EmulatorError('no-run', `the run ${given} has come to its end: its report is in ${path}`)
  }
  return open(path, path.split(/[\\/]/).findLast((part) => part !== '') ?? given)
}
