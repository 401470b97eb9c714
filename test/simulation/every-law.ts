import { createHash } from 'node:crypto'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { anyRun } from './any-run.ts'
import { runCase, scenarioOf, type Case } from './run-case.ts'

/** Lives a case, and says which laws it breaks. */
export async function everyLaw(drawn: Case): Promise<void> {
  const { ended, failed } = await runCase(drawn)
  if (ended && failed.length === 0) return
  const broken = failed.map(({ id, law, violations }) => `law ${id} (${law}): ${violations[0]?.text ?? ''}`)
  throw new Error([...(ended ? [] : ['the run does not come to its end']), ...broken].join('\n'))
}

/** Lives so many cases; the smallest that breaks a law is written down as a scenario, with the command that repeats it. */
export async function everyLawIn(numRuns: number, seed: number): Promise<void> {
  const {
    counterexample,
    errorInstance,
    seed: drawn,
    counterexamplePath: path,
  } = await fc.check(fc.asyncProperty(anyRun, everyLaw), { numRuns, seed })
  if (counterexample === null) return
  const [smallest] = counterexample
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance)
  const { file, again } = writeCase(smallest, why)
  const message = `${why}\nThe smallest case is in ${file} (seed ${drawn}, path ${path}).\nAgain: ${again}`
  throw new Error(message, { cause: errorInstance })
}

function writeCase(smallest: Case, why: string): { file: string; again: string } {
  const name = `simulation-${createHash('sha256').update(JSON.stringify(smallest)).digest('hex').slice(0, 8)}`
  const file = join(mkdtempSync(join(tmpdir(), 'offload-simulation-')), `${name}.yaml`)
  const scenario = { name, why: why.replaceAll('\n', '; ').slice(0, 200), ...scenarioOf(smallest) }
  // What a drawn life leaves in the dead letters is nobody's expectation: the laws alone are.
  writeFileSync(file, stringify({ ...scenario, expect: { dead_letters: { at_least: 0 } } }))
  return { file, again: `npm run -s offload -- scenario run ${file} --seed ${smallest.seed}` }
}
