import exec from 'k6/execution'
import { arrival, messagesOf } from './k6/messages.ts'
import { readSettings } from './k6/settings.ts'
import { credentialsOf, submit } from './k6/submit.ts'
import { graceMs, outcomeThresholds, watchOutcome } from './k6/watch.ts'

// 50,000 recipients within half an hour: all come to one end, callbacks arrive, nothing is lost or sent twice.

const settings = readSettings(__ENV)
const credentials = credentialsOf(__ENV)
const messages = messagesOf(settings)

export const options = {
  scenarios: {
    submissions: { ...arrival(settings, messages.count), exec: 'submitNext' },
    watch: {
      executor: 'per-vu-iterations',
      vus: 1,
      iterations: 1,
      maxDuration: `${Math.ceil((settings.budgetMs + 2 * graceMs) / 1000)}s`,
      exec: 'watch',
    },
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
