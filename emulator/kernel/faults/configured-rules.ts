import { readFileSync } from 'node:fs'
import { EmulatorError, messageOf } from '../errors.ts'
import type { ParsedRule } from './faults.ts'
import { readRules } from './read-rules.ts'

/** The rules of the configuration: a list, or the name of a file. Throws EmulatorError `bad-configuration`. */
export function configuredRules(given: string | readonly unknown[]): readonly ParsedRule[] {
  const read = readRules(typeof given === 'string' ? textOf(given) : JSON.stringify(given))
  if (read.ok) return read.rules
  const inFile = typeof given === 'string'
  const lines = read.issues.map(({ line, path, reason }) =>
    inFile ? `${given}${line === undefined ? '' : `:${line}`} ${path}: ${reason}` : `faults${path}: ${reason}`,
  )
  throw new EmulatorError('bad-configuration', lines.join('; '))
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new EmulatorError('bad-configuration', `faults: ${file} cannot be read: ${messageOf(error)}`)
  }
}
