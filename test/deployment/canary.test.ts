import { expect, it } from 'vitest'
import { judgeCanary, type CanarySeen } from '../../contracts/checks/deployment/canary.ts'
import { inventJob } from '../../contracts/checks/deployment/job.ts'
import type { SeenCallback } from '../../contracts/checks/deployment/seen.ts'
import type { Dialect } from '../../contracts/job.ts'
import { createSafety } from '../../emulator/deployment/safety.ts'

const callbackUrl = 'http://127.0.0.1:8099/local/manireports/ui/ajax/cloud_callback.php'
const jobOf = (dialect: Dialect) =>
  inventJob({
    names: createSafety({ targets: [callbackUrl], ownsTarget: false, seed: 's' }),
    dialect,
    tenant: 1,
    name: 'canary',
    run: 'oc-1',
    kinds: ['success'],
    callbackUrl,
    now: 0,
  })
const job = jobOf('spec')
const nobody = { accepted: false, status: null, answer: '', headers: {}, unreachable: false, ms: 1 }
const answer = (status: number, text = '', headers = {}) => ({
  ...nobody,
  accepted: status < 300,
  status,
  answer: text,
  headers,
})
const mail = { address: job.people[0]?.email ?? '', messageId: 'm', subject: 'Welcome' }

const seen = (more: Partial<CanarySeen>): CanarySeen => ({
  job,
  way: 'api',
  target: 'https://x.example/prod/jobs',
  answer: answer(202, '{"status":"queued"}'),
  answeredAt: 0,
  callbacks: [],
  strays: [],
  mails: { observed: false, reason: 'nobody' },
  callbackUrl,
  listensOn: '127.0.0.1:8099',
  waitedMs: 60_000,
  ...more,
})
const callback = (more: Partial<SeenCallback>): SeenCallback => ({
  ordinal: 1,
  at: 1000,
  method: 'POST',
  path: '/',
  headers: {},
  bytes: 10,
  job: String(job.id),
  authentic: undefined,
  timestamp: undefined,
  answered: { status: 200 },
  hungUpAt: undefined,
  ...more,
})
const update = { userid: job.people[0]?.userid ?? 0, status: 'completed' } as const
const message = { dialect: 'spec', jobId: job.id, updates: [update], errors: [] } as const

it('a canary that comes back passes', () => {
  expect(judgeCanary(seen({ callbacks: [callback({ message })], waitedMs: 1234 }))).toEqual({
    ok: true,
    reason: 'accepted with 202, and told of after 1.2 s',
  })
})

it.each<[string, Partial<CanarySeen>, RegExp, RegExp]>([
  [
    'a token',
    { answer: answer(401, 'Unauthorized') },
    /answered 401: Unauthorized: it does not take this token/,
    /--token/,
  ],
  ['a path', { answer: answer(404) }, /answered 404: there is no way in/, /ends with its stage.*--worker-url/],
  [
    'a redirect',
    { answer: answer(302, '', { location: '/login' }) },
    /302, a redirect to \/login/,
    /the address that it leads to/,
  ],
  ['a failure', { answer: answer(502, 'Bad gateway') }, /answered 502: Bad gateway/, /log/],
  [
    'a dialect',
    { answer: answer(400, 'job_uuid missing') },
    /a valid job of `spec` was refused with 400: job_uuid missing/,
    /--dialect/,
  ],
  [
    'no answer',
    { answer: { ...nobody, answer: 'no answer within 30 s' } },
    /no answer from .*: no answer within 30 s/,
    /curl -i/,
  ],
  [
    'a queue',
    { way: 'sqs', answer: { ...nobody, answer: 'no AWS credentials: …' } },
    /the queue did not take the job: no AWS credentials/,
    /get-queue-attributes/,
  ],
  [
    'its own environment',
    { mails: { observed: true, mails: [mail] } },
    /no callback came here in 60 s, though the mail went out: the worker calls the address in its own environment/,
    /set the worker's to http:\/\/127\.0\.0\.1:8099\/local.*--public-url/,
  ],
  [
    'the environment of the plugin dialect',
    { job: jobOf('plugin') },
    /the worker calls the address in its own environment/,
    /`plugin` names no callback in the job: set the worker's own to http/,
  ],
  [
    'no worker',
    { mails: { observed: true, mails: [] } },
    /no mail was seen either: does a worker take this queue\?/,
    /the queue's depth/,
  ],
  [
    'a known job',
    { answer: answer(200, '{"job_id":"x"}'), mails: { observed: true, mails: [] } },
    /answered 200: the deployment knows this job from an earlier run/,
    /leave --seed out/,
  ],
  [
    'another job',
    { strays: [callback({ job: '17' })] },
    /for this job; what came was POST \//,
    /a callback names its job as the message did/,
  ],
  [
    'what cannot be read',
    { callbacks: [callback({ problem: 'timestamp is missing' })] },
    /none of `spec`: timestamp is missing/,
    /--dialect/,
  ],
  [
    'no outcome',
    { callbacks: [callback({ message: { ...message, updates: [] } })] },
    /a callback came within 60 s, and none says what became of the recipient/,
    /--patience/,
  ],
])('a canary that does not is one diagnosis: %s', (_name, more, reason, fix) => {
  const verdict = judgeCanary(seen(more))
  if (verdict.ok) throw new Error('it passed')
  expect([verdict.reason, verdict.fix]).toEqual([expect.stringMatching(reason), expect.stringMatching(fix)])
})
