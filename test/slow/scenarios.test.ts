import { expect, it } from 'vitest'
import { everyScenario } from '../../scenarios/catalogue.ts'
import { runScenario } from '../../scenarios/run-scenario.ts'

it.each(everyScenario())('$name comes out as it should', { timeout: 300_000 }, async ({ scenario }) => {
  expect((await runScenario(scenario)).differences).toEqual([])
})
