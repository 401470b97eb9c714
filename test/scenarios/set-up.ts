import { readScenario, type ReadScenario } from '../../scenarios/read-scenario.ts'

/** A scenario from its text, without the head that all have. */
export function scenario(text: string, name = 'mine'): ReadScenario {
  const read = readScenario(`name: ${name}\nwhy: a test\n${text}`, name)
  if (!read.ok) throw new Error(read.issues.map(({ line, path, reason }) => `${line} ${path}: ${reason}`).join('\n'))
  return read.scenario
}

/** What is wrong with a scenario, a line each. */
export function issues(text: string, name = 'mine'): string[] {
  const read = readScenario(text, name)
  return read.ok ? [] : read.issues.map(({ line, path, reason }) => `${line} ${path}: ${reason}`)
}
