import { runCase, type Case } from './run-case.ts'

/** Lives a case, and says which laws it breaks and how to see it again. */
export async function everyLaw(drawn: Case): Promise<void> {
  const { ended, failed } = await runCase(drawn)
  if (ended && failed.length === 0) return
  const broken = failed.map(({ id, law, violations }) => `law ${id} (${law}): ${violations[0]?.text ?? ''}`)
  const what = [...(ended ? [] : ['the run does not come to its end']), ...broken].join('\n')
  throw new Error(
    `${what}\nAgain: OFFLOAD_SIMULATION='${JSON.stringify(drawn)}' npm exec -- vitest run test/simulation`,
  )
}
