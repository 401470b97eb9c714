import { parse } from 'yaml'
import type { Verdict } from '../../contracts/invariants/index.ts'
import { live } from '../../scenarios/life.ts'
import type { LifeStep } from '../../scenarios/schema.ts'
import { virtualWorld } from '../../scenarios/world.ts'

export interface Case {
  readonly seed: number
  readonly rate: number
  readonly batchSize: number
  readonly concurrency: number
  /** Rules, each a line of YAML. */
  readonly faults: readonly string[]
  readonly steps: readonly LifeStep[]
}

interface Lived {
  readonly ended: boolean
  readonly failed: readonly Verdict[]
  readonly journal: string
}

/** A case as the file of a scenario has it. */
export const scenarioOf = ({ seed, rate, batchSize, concurrency, faults, steps }: Case) => ({
  seed: String(seed),
  config: {
    worker_mail_rate: rate,
    job_batch_size: batchSize,
    worker_concurrency: concurrency,
    callback_delay: 0,
    bounce_window: '2s',
    tenants: { 2: { cloud_callback_secret: 'the secret of the second' } },
  },
  faults: faults.flatMap((rule) => parse(rule) as unknown[]),
  life: steps,
})

/** Lives a case to its end, and holds the laws against it. */
export async function runCase(drawn: Case): Promise<Lived> {
  const { seed, config, ...rest } = scenarioOf(drawn)
  const world = await virtualWorld({ seed, config })
  try {
    const { ended } = await live(rest, world)
    const { evidence, journal } = world.emulator
    const failed = (await evidence.check()).filter(({ verdict }) => verdict === 'fail')
    return {
      ended,
      failed,
      journal: journal
        .read()
        .map((line) => JSON.stringify(line))
        .join('\n'),
    }
  } finally {
    await world.stop()
  }
}
