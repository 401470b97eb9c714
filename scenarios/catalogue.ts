import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { nearest } from '../contracts/nearest.ts'
import { EmulatorError } from '../emulator/kernel/errors.ts'
import { readScenario, type ReadScenario } from './read-scenario.ts'

/** A scenario's file, read. */
export interface Entry {
  readonly name: string
  /** From the working directory. */
  readonly file: string
  readonly scenario: ReadScenario
}

// Beside this file in a checkout; in the package, outside of what is compiled.
const folders = [import.meta.dirname, join(import.meta.dirname, '../../scenarios')]

const isYaml = (file: string) => file.endsWith('.yaml')
const nameOf = (file: string) => basename(file, '.yaml')

function files(): string[] {
  const folder = folders.find((each) => existsSync(each) && readdirSync(each).some(isYaml))
  if (folder === undefined) throw new EmulatorError('no-scenarios', 'There are no scenarios beside this program.')
  return readdirSync(folder)
    .filter(isYaml)
    .toSorted()
    .map((file) => join(folder, file))
}

/** Reads the file of a scenario. Throws EmulatorError `bad-scenario` with `details.lines`. */
function read(path: string): Entry {
  const file = relative(process.cwd(), path)
  const result = readScenario(readFileSync(path, 'utf8'), nameOf(path))
  if (result.ok) return { name: result.scenario.name, file, scenario: result.scenario }
  const lines = result.issues.map(
    ({ line, path: at, reason }) => `${file}:${line} ${at === '' ? '' : `${at}: `}${reason}`,
  )
  throw new EmulatorError('bad-scenario', `${file} cannot be read`, { lines })
}

/** Every scenario there is, by name. */
export const everyScenario = (): Entry[] => files().map(read)

/** A scenario by its name, or from a file of one's own. Throws EmulatorError `no-scenario` or `bad-scenario`. */
export function findScenario(name: string): Entry {
  if (isYaml(name)) {
    if (existsSync(name)) return read(name)
    throw new EmulatorError('no-scenario', `There is no file ${name}.`)
  }
  const path = files().find((file) => nameOf(file) === name)
  if (path !== undefined) return read(path)
  const meant = nearest(name, files().map(nameOf))
  const hint = meant === undefined ? 'offload scenario list names them' : `${meant} was meant?`
  throw new EmulatorError('no-scenario', `There is no scenario "${name}": ${hint}`)
}
