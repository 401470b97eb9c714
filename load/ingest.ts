import exec from 'k6/execution'
import { risesOf, risingScenarios } from './k6/rising.ts'
import { readSettings } from './k6/settings.ts'
import { credentialsOf, submit } from './k6/submit.ts'

// How many submissions a second, until answers become slow: each step twice as fast as the one before.

const settings = readSettings(__ENV)
const credentials = credentialsOf(__ENV)
const rises = risesOf({ durationMs: settings.durationMs, highest: settings.highest, lowest: settings.lowest })
const all = { ...settings, recipients: rises.reduce((sum, { calls }) => sum + calls, 0) * settings.batch }
const [first] = rises

export const options = {
  scenarios: risingScenarios(rises, 'submitNext'),
  thresholds: {
    submitted: [`count>=${first?.calls ?? 1}`],
    [`submit_refused{step:${first?.name}}`]: ['count<1'],
    [`submitted{step:${first?.name}}`]: ['count>=1'],
    // The later ones are shown, not judged: what is sought is where they bend.
    ...Object.fromEntries(
      rises.map(({ name }, index) => [`submit_ms{step:${name}}`, [index === 0 ? 'p(95)<1000' : 'max>=0']]),
    ),
  },
}

export function submitNext(): void {
  const name = exec.vu.metrics.tags['step']
  const rise = rises.find((each) => each.name === name)
  const nth = exec.scenario.iterationInTest
  if (rise !== undefined && nth < rise.calls) submit(all, credentials, rise.first + nth, { step: rise.name })
}
