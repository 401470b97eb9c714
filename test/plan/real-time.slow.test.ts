import { beforeAll, expect, it } from 'vitest'
import type { RuleInput } from '../../contracts/faults/rule.ts'
import type { ConfigInput } from '../../emulator/config.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'
import { modelSchema, type ModelInput } from '../../load/plan/model.ts'
import { planOf } from '../../load/plan/plan.ts'

/** The emulator's own worker, as a model. */
const ownWorker = { count: 4, at_once: 128 }

/** From the first submission to the last accepted callback, on an emulator with ports, in real time. */
async function really(recipients: number, config: ConfigInput): Promise<number> {
  const clock = systemClock()
  const people = await sampleRecipients({ count: recipients, kind: 'reminder', seed: 'plan' })
  const emulator = await createEmulator({
    callback_delay: 0,
    ...config,
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
  })
  try {
    const began = clock.monotonic()
    const ended = new Promise<number>((resolve) => {
      emulator.journal.subscribe(({ event }) => {
        if (event.type === 'callback.settled' && emulator.evidence.ended()) resolve(clock.monotonic())
      })
    })
    await emulator.moodle.submit({
      ...people,
      tenant: 1,
      certificate: false,
      mode: 'api',
      dialect: 'spec',
      shape: 'batches',
    })
    return (await ended) - began
  } finally {
    await emulator.stop()
  }
}

const rule = (at: string, effect: RuleInput['then'], when: RuleInput['when'] = {}): RuleInput => ({
  at,
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- the rule's own name for it
  then: effect,
})

const cases: readonly (readonly [what: string, model: ModelInput, config: ConfigInput])[] = [
  ['a mail rate', { recipients: 1400, workers: ownWorker, mail: { rate: 70 } }, { worker_mail_rate: 70 }],
  [
    'few workers with slow mails, and slow callbacks',
    {
      recipients: 200,
      ingest: { batch: 50 },
      workers: { ...ownWorker, count: 1 },
      mail: { latency: '5s..7s' },
      callback: { latency: '500ms' },
    },
    {
      job_batch_size: 50,
      worker_concurrency: 1,
      faults: [rule('worker.mail', { delay: { from: '5s', to: '7s' } }), rule('callback.attempt', { delay: '500ms' })],
    },
  ],
  [
    'errors, of which the last is retried',
    { recipients: 600, workers: ownWorker, mail: { rate: 60, error_rate: 0.02 } },
    {
      worker_mail_rate: 60,
      faults: [rule('worker.mail', { error: 451 }, { share: 0.02, times: 1 })],
    },
  ],
]

const foretold = new Map<string, number>()

// Before: a simulation leaves no time to what is beside it.
beforeAll(async () => {
  for (const [what, input] of cases) foretold.set(what, (await planOf(modelSchema.parse(input))).makespanMs)
}, 60_000)

// All at once: they mostly wait.
it.concurrent.each(cases)(
  'foretells what really takes place: %s',
  { timeout: 120_000 },
  async (what, input, config) => {
    const took = await really(input.recipients as number, config)
    expect(took).toBeGreaterThan(10_000)
    expect((foretold.get(what) ?? 0) / took).toBeGreaterThan(0.9)
    expect((foretold.get(what) ?? 0) / took).toBeLessThan(1.1)
  },
)
