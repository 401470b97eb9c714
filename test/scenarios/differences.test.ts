import { expect, it } from 'vitest'
import { compare } from '../../scenarios/compare.ts'
import type { Observed } from '../../scenarios/observe.ts'
import { runScenario } from '../../scenarios/run-scenario.ts'
import { scenario } from './set-up.ts'

const people = 'jobs:\n  job: { type: reminder, recipients: 3, bounces: 1 }\n'
const differences = async (text: string) => (await runScenario(scenario(text))).differences

/** Each expectation, broken; every one must be told with its line. */
it.each([
  ['{ status: failed }', 'status', 'failed', 'completed'],
  ['{ statuses: [queued, completed] }', 'statuses', 'queued, completed', 'queued, processing, completed'],
  ['{ moodle: processing }', 'moodle', 'processing', 'completed'],
  ['{ jobs: 2 }', 'jobs', '2', '1'],
  ['{ recipients: 4 }', 'recipients', '4', '3'],
  ['{ sent: 3 }', 'sent', '3', '2'],
  ['{ failed: 0 }', 'failed', '0', '1'],
  ['{ permanently_failed: { at_least: 2 } }', 'permanently_failed', 'at least 2', '1'],
  ['{ duplicates: 1 }', 'duplicates', '1', '0'],
  ['{ skipped: 1 }', 'skipped', '1', '0'],
  ['{ accepted: 0 }', 'accepted', '0', '3'],
  ['{ refused: { at_least: 1, at_most: 2 } }', 'refused', 'at least 1, at most 2', '0'],
  ['{ local: 3 }', 'local', '3', '0'],
  ['{ certificates: 3 }', 'certificates', '3', '0'],
  ['{ mails: 3 }', 'mails', '3', '2'],
  ['{ ambiguous: 1 }', 'ambiguous', '1', '0'],
  ['{ callbacks: { delivered: 9 } }', 'callbacks.delivered', '9', '2'],
  ['{ callbacks: { dead: 9 } }', 'callbacks.dead', '9', '0'],
  ['{ callbacks: { parked: 9 } }', 'callbacks.parked', '9', '0'],
  ['{ took: 1m5s }', 'took', '1 min 5 s', '0.5 s'],
  ['{ took: { at_most: 100ms } }', 'took', 'at most 0.1 s', '0.5 s'],
  ['{ attempts_at: [0s, 5s] }', 'attempts_at', '0 s, 5 s', '0 s'],
  ['{ callbacks_at: [{ after: 0s, status: 500 }] }', 'callbacks_at', '0 s 500', '0 s 200, 0.5 s 200'],
  ['{ errors: [nonsense] }', 'errors.0', '"nonsense"', expect.stringContaining('Bounce: ')],
])('%s is told where it does not hold', async (expected, at, wanted, got) => {
  expect(await differences(`${people}expect:\n  jobs:\n    job: ${expected}\n`)).toEqual([
    { line: 7, at: `expect.jobs.job.${at}`, expected: wanted, got },
  ])
})

it.each([
  ['ends: false', 'ends', 'no end', 'an end'],
  ['mails: 3', 'mails', '3', '2'],
  ['dead_letters: 1', 'dead_letters', '1', '0'],
  ['alarms: { raised: [stuck-jobs] }', 'alarms.raised', 'stuck-jobs', 'none'],
  ['alarms: { standing: [bounce-rate, dead-letters] }', 'alarms.standing', 'bounce-rate, dead-letters', 'none'],
  ['events: { mail.accepted: 4 }', 'events.mail.accepted', '4', '3'],
  ['took: 1h', 'took', '1 h', '0.5 s'],
])('%s is told where it does not hold', async (expected, at, wanted, got) => {
  expect(await differences(`${people}expect:\n  ${expected}\n`)).toEqual([
    { line: 6, at: `expect.${at}`, expected: wanted, got },
  ])
})

it('tells of a law that is broken, without a line of the file', () => {
  const broken = {
    id: 6,
    law: 'one mail for a recipient',
    verdict: 'fail' as const,
    checked: 3,
    broken: 2,
    violations: [{ text: 'recipient 1001 has 2 mails', entries: [7] }],
  }
  const observed: Observed = {
    ended: true,
    jobs: new Map(),
    mails: 0,
    dead_letters: 0,
    alarms: { raised: [], standing: [] },
    events: {},
    took: 0,
    laws: [broken],
  }
  expect(compare(scenario('expect: {}\n'), observed, [0, 0])).toEqual([
    { path: ['laws', 6], expected: 'one mail for a recipient', got: 'recipient 1001 has 2 mails (and 1 more)' },
  ])
})

it('tells of a link that answers otherwise, at its step', async () => {
  const text = `jobs:\n  job: { recipients: 1, certificate: true }
steps:
  - submit: job
  - wait: end
  - open: { certificate_of: job, status: 404 }
expect: {}
`
  expect(await differences(text)).toEqual([{ line: 8, at: 'steps.2.open.status', expected: '404', got: '200' }])
})

it('says what a step could not do', async () => {
  const text = 'steps:\n  - redrive: no-such-queue\nexpect: {}\n'
  expect(await differences(text)).toMatchObject([{ at: 'steps', got: expect.stringContaining('no-such-queue') }])
})
