import { expect, it } from 'vitest'
import { everyScenario } from '../../scenarios/catalogue.ts'
import { runScenario } from '../../scenarios/run-scenario.ts'

/** The others take their time, and run in test/slow. */
const quick = [
  'callback-before-the-answer',
  'callback-schedule',
  'csv-import',
  'daily-quota',
  'dead-letter-redriven',
  'duplicate-events',
  'every-dialect',
  'ingest-throttled',
  'kill-and-restart',
  'mail-answer-lost',
  'moodle-answers',
  'partial-failure-and-retry',
  'poison-message',
  'restart-costs-no-attempt',
  'retry-schedule',
  'same-job-twice',
  'secret-rotation',
  'ses-sandbox',
  'visibility-too-short',
]

it.each(everyScenario().filter(({ name }) => quick.includes(name)))(
  '$name comes out as it should, whatever the seed',
  async ({ scenario }) => {
    expect((await runScenario(scenario)).differences).toEqual([])
    expect((await runScenario(scenario, { seed: 'another' })).differences).toEqual([])
  },
)
