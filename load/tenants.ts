import exec from 'k6/execution'
import { arrival, messagesOf } from './k6/messages.ts'
import { readSettings } from './k6/settings.ts'
import { credentialsOf, submit } from './k6/submit.ts'
import { quietPerSecond, quietTenant } from './k6/tenants.ts'
import { outcomeThresholds, watchOutcome, watchScenario } from './k6/watch.ts'

// A noisy tenant submits all at once; a quiet one a job for each of a few recipients, and must not wait for the other.

const noisy = readSettings(__ENV)
const quiet = { ...noisy, ...quietTenant(noisy) }
const both = { ...noisy, recipients: noisy.recipients + quiet.recipients }
const credentials = credentialsOf(__ENV)
const messages = messagesOf(noisy)

export const options = {
  scenarios: {
    noisy: { ...arrival(noisy, messages.count), exec: 'submitNoisy' },
    quiet: {
      executor: 'constant-arrival-rate',
      rate: quietPerSecond,
      timeUnit: '1s',
      // What is too much ends at once.
      duration: `${Math.ceil(quiet.recipients / quietPerSecond) + 1}s`,
      preAllocatedVUs: 4,
      maxVUs: 50,
      exec: 'submitQuiet',
    },
    watch: watchScenario(both),
  },
  thresholds: {
    ...outcomeThresholds(both),
    submitted: [`count>=${messages.count + quiet.recipients}`],
  },
}

export function submitNoisy(): void {
  const index = messages.at(exec.scenario.iterationInTest)
  if (index !== undefined) submit(noisy, credentials, index)
}

export function submitQuiet(): void {
  const index = exec.scenario.iterationInTest
  if (index < quiet.recipients) submit(quiet, credentials, index)
}

export function watch(): void {
  watchOutcome(both)
}
