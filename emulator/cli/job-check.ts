import type { z } from 'zod'
import type { verdicts } from './answers.ts'
import { columns } from './table.ts'
import type { Terminal } from './terminal.ts'

type Verdict = z.output<typeof verdicts>['verdicts'][number]

const tones = { pass: 'green', fail: 'red', unobserved: 'dim' } as const

/** The laws and how they stand, and what shows that one is broken. */
export function verdictTable(checked: readonly Verdict[], { style }: Pick<Terminal, 'style'>): string {
  const rows = checked.map(({ id, law, verdict, checked: cases }) => [
    id,
    style(tones[verdict], verdict),
    verdict === 'unobserved' ? '-' : `${cases}`,
    law,
  ])
  const broken = checked.flatMap(({ id, broken: count, violations }) => {
    const lines = violations.map(
      ({ text, entries }) => `${id}: ${text}${entries.length === 0 ? '' : evidence(entries)}`,
    )
    return count > violations.length ? [...lines, `${id}: … and ${count - violations.length} more`] : lines
  })
  const table = columns(['law', 'verdict', 'cases', 'says that'], rows)
  const count = (wanted: Verdict['verdict']) => checked.filter(({ verdict }) => verdict === wanted).length
  const summary = `${count('pass')} laws hold, ${count('fail')} are broken, ${count('unobserved')} had nothing to be held against.`
  return [table, ...(broken.length === 0 ? [] : [broken.map((line) => style('red', line)).join('\n')]), summary].join(
    '\n\n',
  )
}

const evidence = (entries: readonly number[]) =>
  ` (journal ${entries.slice(0, 5).join(', ')}${entries.length > 5 ? ', …' : ''})`
