import exec from 'k6/execution'
import { readSettings } from './k6/settings.ts'
import { spikePhases, spikeRecipients } from './k6/spike-phases.ts'
import { credentialsOf, submit } from './k6/submit.ts'
import { outcomeThresholds, watchOutcome, watchScenario } from './k6/watch.ts'

// The usual rate, ten times as much, the usual rate: nothing is lost, and the backlog goes away.

const given = readSettings(__ENV)
const phases = spikePhases(given)
const settings = { ...given, recipients: spikeRecipients(given) }
const credentials = credentialsOf(__ENV)

export const options = {
  scenarios: {
    ...Object.fromEntries(
      phases.map(({ name, startMs, durationMs, rate }) => [
        name,
        {
          executor: 'constant-arrival-rate' as const,
          // In ten seconds, since k6 takes whole numbers only; a little more often, since what is too much ends at once.
          rate: Math.ceil((rate / settings.batch) * 10 * 1.05) + 1,
          timeUnit: '10s',
          startTime: `${startMs}ms`,
          duration: `${durationMs}ms`,
          preAllocatedVUs: 20,
          maxVUs: 200,
          exec: 'submitNext',
          gracefulStop: '30s',
        },
      ]),
    ),
    watch: watchScenario(settings),
  },
  thresholds: {
    ...outcomeThresholds(settings),
    submitted: [`count>=${phases.reduce((sum, { messages }) => sum + messages, 0)}`],
  },
}

export function submitNext(): void {
  const phase = phases.find(({ name }) => name === exec.scenario.name)
  const nth = exec.scenario.iterationInTest
  if (phase !== undefined && nth < phase.messages) submit(settings, credentials, phase.firstMessage + nth)
}

export function watch(): void {
  watchOutcome(settings)
}
