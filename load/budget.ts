import exec from 'k6/execution'
import { arrival, messagesOf } from './k6/messages.ts'
import { readSettings } from './k6/settings.ts'
import { credentialsOf, submit } from './k6/submit.ts'
import { outcomeThresholds, watchOutcome, watchScenario } from './k6/watch.ts'

// 50,000 recipients within half an hour: all come to one end, callbacks arrive, nothing is lost or sent twice.

const settings = readSettings(__ENV)
const credentials = credentialsOf(__ENV)
const messages = messagesOf(settings)

export const options = {
  scenarios: {
    submissions: { ...arrival(settings, messages.count), exec: 'submitNext' },
    watch: watchScenario(settings),
  },
  thresholds: {
    ...outcomeThresholds(settings),
    submitted: [`count>=${messages.count}`],
    submit_ms: ['p(95)<30000'],
  },
}

export function submitNext(): void {
  const index = messages.at(exec.scenario.iterationInTest)
  if (index !== undefined) submit(settings, credentials, index)
}

export function watch(): void {
  watchOutcome(settings)
}
