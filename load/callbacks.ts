import exec from 'k6/execution'
import http from 'k6/http'
import { Counter, Rate, Trend } from 'k6/metrics'
import { risesOf, risingScenarios } from './k6/rising.ts'
import { readSettings } from './k6/settings.ts'
import { signBody, standardWebhookHeaders } from './k6/signature.ts'
import { now } from './k6/time.ts'

// How many callbacks a second a Moodle takes, from the 28 that 50,000 recipients in half an hour are: signed, each about
// one recipient of a job that it knows. TARGET is the whole URL of its callback endpoint.

const settings = readSettings(__ENV)
const rises = risesOf({ durationMs: settings.durationMs, highest: settings.highest, lowest: settings.lowest })
const [first] = rises
const job = __ENV['JOB'] || ''
const firstUserid = Number(__ENV['FIRST_USERID'] || '1001')
const userids = Number(__ENV['USERIDS'] || '1')

const callbackMs = new Trend('callback_ms', true)
const callbacks = new Counter('callbacks')
const callbackOk = new Rate('callback_ok')

export const options = {
  scenarios: risingScenarios(rises, 'callBack'),
  thresholds: {
    callbacks: ['count>=1'],
    [`callback_ok{step:${first?.name}}`]: ['rate>0.99'],
    [`callbacks{step:${first?.name}}`]: ['count>=1'],
    ...Object.fromEntries(
      rises.map(({ name }, index) => [`callback_ms{step:${name}}`, [index === 0 ? 'p(95)<1000' : 'max>=0']]),
    ),
  },
}

export function callBack(): void {
  const step = String(exec.vu.metrics.tags['step'] ?? '')
  const nth = exec.scenario.iterationInTest
  const at = now()
  const seconds = Math.floor(at / 1000)
  const body = JSON.stringify({
    job_id: job,
    recipient_updates: [{ userid: firstUserid + (nth % userids), status: 'completed', timesent: seconds }],
    timestamp: seconds,
  })
  const headers = {
    'content-type': 'application/json',
    'x-signature': signBody(settings.callbackSecret, body),
    ...standardWebhookHeaders(settings.callbackSecret, { id: `load-${settings.run}-${step}-${nth}`, seconds, body }),
  }
  const answer = http.post(settings.target, body, {
    headers,
    tags: { name: 'callback', step },
    redirects: 0,
    timeout: '10s',
  })
  const ok = answer.status >= 200 && answer.status < 300
  const tags = { step }
  callbackMs.add(answer.timings.duration, tags)
  callbacks.add(1, tags)
  callbackOk.add(ok, tags)
  if (settings.events) {
    const why = ok
      ? {}
      : { why: `${answer.status} ${typeof answer.body === 'string' ? answer.body.slice(0, 200) : answer.error}` }
    const told = { event: 'answer', step, at: now(), ms: answer.timings.duration, status: answer.status, ...why }
    console.log(JSON.stringify(told))
  }
}
