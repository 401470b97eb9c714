import { sleep } from 'k6'
import crypto from 'k6/crypto'
import http from 'k6/http'
import { Counter, Trend } from 'k6/metrics'
import { messageOf, rangeOf } from './bodies.ts'
import type { Settings, Variables } from './settings.ts'
import { signedHeaders, type AwsCredentials } from './sigv4.ts'
import { isoNow, now } from './time.ts'

const submitMs = new Trend('submit_ms', true)
const submitted = new Counter('submitted')
const refused = new Counter('submit_refused')
const retries = new Counter('submit_retries')

/** Waits before the second and later tries, as the plugin's. A message that is sent again says the same. */
const waits = [0.25, 1, 3]

/** One submission, as a line of JSON in k6's log. `status` is 0 where no answer came. */
export type SubmitEvent =
  | { readonly event: 'begin'; readonly run: number; readonly index: number; readonly at: number }
  | {
      readonly event: 'end'
      readonly run: number
      readonly index: number
      readonly at: number
      readonly status: number
      readonly ms: number
      readonly recipients: number
      readonly step?: string
      readonly why?: string
    }

/** AWS credentials as the environment has them. */
export function credentialsOf(variables: Variables): AwsCredentials {
  const token = variables['AWS_SESSION_TOKEN']
  return {
    accessKeyId: variables['AWS_ACCESS_KEY_ID'] || 'test',
    secretAccessKey: variables['AWS_SECRET_ACCESS_KEY'] || 'test',
    ...(token ? { sessionToken: token } : {}),
  }
}

export interface Sent {
  readonly status: number
  readonly ms: number
}

/** Submits one message, with a few tries while the target is busy or away. `tags` go to every metric. */
export function submit(
  settings: Settings,
  credentials: AwsCredentials,
  index: number,
  tags: Record<string, string> = {},
): Sent {
  const [from, to] = rangeOf(settings, index)
  const { run } = settings
  tell(settings, { event: 'begin', run, index, at: now() })
  for (let tries = 0; ; tries++) {
    const answer = send(settings, credentials, index, tags)
    const { status } = answer
    const ms = answer.timings.duration
    const accepted = status >= 200 && status < 300
    const wait = waits[tries]
    if (accepted || wait === undefined || !isPassing(answer)) {
      submitMs.add(ms, tags)
      if (accepted) submitted.add(1, tags)
      else refused.add(1, tags)
      const why = accepted ? {} : { why: reasonOf(answer) }
      const step = tags['step'] === undefined ? {} : { step: tags['step'] }
      tell(settings, { event: 'end', run, index, at: now(), status, ms, recipients: to - from, ...step, ...why })
      return { status, ms }
    }
    retries.add(1, tags)
    sleep(wait)
  }
}

type Answer = ReturnType<typeof http.post>

function send(settings: Settings, credentials: AwsCredentials, index: number, tags: Record<string, string>): Answer {
  const { body, attributes } = messageOf(settings, index, isoNow())
  const params = { tags: { name: `submit ${settings.way}`, ...tags }, timeout: '30s' }
  if (settings.way === 'sqs') {
    const given = Object.entries(attributes).map(([name, { type, value }]) => [
      name,
      { DataType: type, StringValue: value },
    ])
    const call = JSON.stringify({
      QueueUrl: settings.queueUrl,
      MessageBody: body,
      ...(given.length === 0 ? {} : { MessageAttributes: Object.fromEntries(given) as object }),
    })
    const headers = signedHeaders(crypto, {
      url: settings.queueUrl,
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
      body: call,
      region: settings.region,
      service: 'sqs',
      credentials,
      now: now(),
    })
    return http.post(settings.queueUrl, call, { ...params, headers })
  }
  const isWhole = settings.way === 'worker-url' || settings.target.endsWith('/jobs')
  const url = isWhole ? settings.target : `${settings.target}/jobs`
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${settings.token}`,
    'x-tenant-id': String(settings.tenant),
  }
  return http.post(url, body, { ...params, headers })
}

const isPassing = ({ status, body }: Answer) =>
  status === 0 || status === 429 || status >= 500 || (status === 400 && /Throttl/.test(textOf(body)))

const textOf = (body: Answer['body']) => (typeof body === 'string' ? body : '')

function reasonOf({ status, body, error }: Answer): string {
  return status === 0 ? error : `${status} ${textOf(body).slice(0, 300)}`
}

function tell(settings: Settings, event: SubmitEvent): void {
  if (settings.events) console.log(JSON.stringify(event))
}
