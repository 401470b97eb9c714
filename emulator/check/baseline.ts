import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { z } from 'zod'
import { shortcomings, type Baseline } from '../../contracts/checks/baseline.ts'

const schema = z.record(z.string(), z.record(z.string(), z.enum(shortcomings)))

const heading = `# What did not hold yet: \`offload check --baseline\` fails on what is worse than this alone. It is tightened when
# something is better; \`--update-baseline\` takes everything as it is now.
`

const byName = (one: readonly [string, unknown], other: readonly [string, unknown]) => (one[0] < other[0] ? -1 : 1)

/** One line a case, in the order of their names: the same findings give the same file, and a change one line of it. */
export function baselineText(baseline: Baseline): string {
  const sorted = Object.entries(baseline)
    .toSorted(byName)
    .flatMap(([suite, cases]) => {
      const entries = Object.entries(cases).toSorted(byName)
      return entries.length === 0 ? [] : [[suite, Object.fromEntries(entries)] as const]
    })
  return `${heading}${stringify(Object.fromEntries(sorted), { lineWidth: 0 })}`
}

/** Undefined where there is no such file. Throws where it holds something else. */
export function readBaseline(file: string): Baseline | undefined {
  return existsSync(file) ? schema.parse(parse(readFileSync(file, 'utf8')) ?? {}) : undefined
}

/** Says whether the file is another one now. */
export function writeBaseline(file: string, baseline: Baseline): boolean {
  const text = baselineText(baseline)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false
  writeFileSync(file, text)
  return true
}
