import { onTestFinished } from 'vitest'
import type { AlarmName, AlarmState } from '../../contracts/alarms.ts'
import { createSimulation, type Simulation, type SimulationOptions } from '../../emulator/simulation.ts'

export interface Watched extends Simulation {
  alarm(name: AlarmName): Promise<{ state: AlarmState; reason: string; value: number | null; since: number }>
  /** The changes of an alarm, the oldest first. */
  changes(name: AlarmName): AlarmState[]
  /** The stand-in submits a job of so many people; some of them bounce. */
  submit(recipients: number, more?: { bounces?: number }): Promise<string>
  faults(...rules: string[]): Promise<void>
}

const answer = async (simulated: Simulation, path: string, init: RequestInit = {}) => {
  const response = await simulated.during(({ inject, url }) => inject(new Request(`${url}${path}`, init)))
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as never
}

/** An emulator in virtual time, with what a test of alarms does. */
export async function watched(config: SimulationOptions = {}): Promise<Watched> {
  const simulated = await createSimulation({ seed: 'alarms', callback_delay: 0, bounce_window: '2s', ...config })
  onTestFinished(() => simulated.stop())
  let from = 1
  return Object.assign(Object.create(simulated) as Simulation, {
    async alarm(name: AlarmName) {
      const { alarms } = (await answer(simulated, '/_offload/alarms')) as { alarms: { name: string }[] }
      return alarms.find((one) => one.name === name) as never
    },
    changes: (name: AlarmName) =>
      simulated.emulator.journal
        .read()
        .flatMap(({ event }) => (event.type === 'alarm.changed' && event.alarm === name ? [event.to] : [])),
    async submit(count: number, { bounces = 0 } = {}) {
      const recipients = Array.from({ length: count }, (_, n) => ({
        userid: from + n,
        email: n < bounces ? `bounce+${from + n}@simulator.amazonses.com` : `p${from + n}@example.com`,
      }))
      from += count
      const { jobIds } = await simulated.during(({ moodle }) =>
        moodle.submit({
          type: 'reminder',
          tenant: 1,
          recipients,
          certificate: false,
          mode: 'api',
          dialect: 'spec',
          shape: 'batches',
        }),
      )
      return jobIds[0] ?? ''
    },
    async faults(...rules: string[]) {
      const body = rules.length === 0 ? '[]' : rules.map((rule) => `- ${rule}`).join('\n')
      await answer(simulated, '/_offload/faults', { method: 'PUT', body })
    },
  })
}

export const post = (simulated: Simulation, path: string) => answer(simulated, path, { method: 'POST' })
