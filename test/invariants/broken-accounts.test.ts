import { beforeAll, expect, it } from 'vitest'
import { checkInvariants, invariants, sameRun, type RunView } from '../../contracts/invariants/index.ts'
import { createSimulation } from '../../emulator/simulation.ts'
import { withEvents, withJob, withMore } from './altered.ts'
import { healthyRun } from './healthy-run.ts'

let healthy: RunView

beforeAll(async () => {
  const simulated = await healthyRun()
  healthy = await simulated.emulator.evidence.view()
  await simulated.stop()
})

const failed = (view: RunView) =>
  checkInvariants(view)
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ id }) => id)

it('holds every law in a healthy run, and has something to hold each against', () => {
  expect(checkInvariants(healthy).filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  expect(invariants.map(({ id }) => id)).toEqual(Array.from({ length: 18 }, (_, n) => n + 1))
})

/** What a break leaves, by the law that must catch it. */
const accounts: readonly (readonly [law: number, what: string, broken: (view: RunView) => RunView])[] = [
  [1, 'a recipient without an end', (view) => withEvents(view, 'recipient.outcome', () => undefined, 3)],
  [
    1,
    'a recipient with two ends',
    (view) => withMore(view, 'recipient.outcome', undefined, ({ status }) => status === 'sent'),
  ],
  [
    1,
    'a recipient that is still open',
    (view) =>
      withJob(view, (job) => ({
        ...job,
        sent: job.sent - 1,
        rows: job.rows.map((row, n) => (n === 0 ? { ...row, status: 'pending' } : row)),
      })),
  ],
  [2, 'a job that is gone after it was acknowledged', (view) => ({ ...view, jobs: view.jobs.slice(1) })],
  [3, 'one message entered twice', (view) => withMore(view, 'job.accepted')],
  [
    3,
    'half of a message without an answer',
    (view) => {
      const [first, ...others] = view.received
      if (first === undefined) return view
      const received = [
        { ...first, batches: first.batches.map((batch) => ({ ...batch, status: 'local' as const })) },
        ...others,
      ]
      return { ...withJob(view, (job) => ({ ...job, rows: job.rows.slice(1) })), received }
    },
  ],
  [
    4,
    'a key that was taken again with another body',
    (view) =>
      withEvents(view, 'job.submitted', (event) =>
        event.answer === 'idempotency-conflict' ? { ...event, answer: 'accepted' } : event,
      ),
  ],
  [
    4,
    'one body that made two jobs',
    (view) =>
      withMore(
        view,
        'job.submitted',
        (event) => ({ ...event, job: 'another' }),
        ({ answer }) => answer === 'accepted',
      ),
  ],
  [
    5,
    'a mail for a stranger',
    (view) => withMore(view, 'mail.accepted', (event) => ({ ...event, recipient: 'stranger' })),
  ],
  [
    5,
    'an object that nobody asked for',
    (view) => ({ ...view, objects: [...view.objects, { key: 'certificates/1/x/y.pdf', at: 0, sha256: '' }] }),
  ],
  [
    5,
    'a callback about an unknown job',
    (view) => withMore(view, 'callback.created', (event) => ({ ...event, job: 'unknown' })),
  ],
  [
    6,
    'a mail that arrived twice',
    (view) => ({ ...view, mails: [...(view.mails ?? []), ...(view.mails ?? []).slice(0, 1)] }),
  ],
  [6, 'a mail that was accepted twice', (view) => withMore(view, 'mail.accepted')],
  [
    7,
    'a certificate that was written after its mail',
    (view) => ({ ...view, objects: view.objects.map((object) => ({ ...object, at: object.at + 3_600_000 })) }),
  ],
  [
    7,
    'a second version of a certificate',
    (view) => withMore(view, 'certificate.stored', (event) => ({ ...event, sha256: 'other' })),
  ],
  [8, 'an end that no callback tells', (view) => ({ ...view, callbacks: view.callbacks.slice(1) })],
  [
    8,
    'a callback that waits for ever',
    (view) => ({ ...view, callbacks: view.callbacks.map((callback) => ({ ...callback, state: 'waiting' as const })) }),
  ],
  [
    9,
    'a callback that was applied twice',
    (view) => withMore(view, 'moodle.callback', undefined, ({ applied }) => applied > 0),
  ],
  [
    10,
    'a receiver that has missed a callback',
    (view) => ({
      ...view,
      received: view.received.map((job, n) =>
        n === 0 ? { ...job, rows: job.rows.map((row) => ({ ...row, status: 'pending' as const })) } : job,
      ),
    }),
  ],
  [
    11,
    'a job that goes back',
    (view) => withMore(view, 'job.status', (event) => ({ ...event, from: event.to, to: 'queued' })),
  ],
  [
    11,
    'a recipient that is sent after it failed',
    (view) =>
      withMore(
        view,
        'recipient.outcome',
        (event) => ({ ...event, status: 'sent' }),
        ({ status }) => status === 'permanently_failed',
      ),
  ],
  [12, 'a counter that lost one', (view) => withJob(view, (job) => ({ ...job, sent: job.sent - 1 }))],
  [
    12,
    'figures that become less',
    (view) =>
      withMore(
        view,
        'job.status',
        (event) => ({ ...event, from: 'completed', to: 'processing', sent: 0, failed: 0 }),
        ({ to }) => to === 'completed',
      ),
  ],
  [
    13,
    'a retry with the bytes of the first attempt',
    (view) =>
      withEvents(view, 'callback.attempt', (event) =>
        event.timestamp === undefined ? event : { ...event, timestamp: event.timestamp - 5 },
      ),
  ],
  [
    13,
    'a signature over other bytes',
    (view) =>
      withEvents(view, 'callback.attempt', (event) =>
        event.verifies === undefined ? event : { ...event, verifies: false },
      ),
  ],
  [
    14,
    'an attempt after the answer 200',
    (view) =>
      withMore(
        view,
        'callback.attempt',
        (event) => ({ ...event, startedAt: event.startedAt + 60_000 }),
        ({ status }) => status === 200,
      ),
  ],
  [
    14,
    'a retry too early',
    (view) =>
      withEvents(view, 'callback.attempt', (event) =>
        event.attempt === 2 ? { ...event, startedAt: event.startedAt - 10_000 } : event,
      ),
  ],
  [
    14,
    'a recipient that is due too early',
    (view) => withEvents(view, 'recipient.retry', (event) => ({ ...event, dueAt: event.dueAt - 1000 })),
  ],
  [
    15,
    'a refused callback that changed something',
    (view) => withEvents(view, 'moodle.callback', (event) => (event.status >= 400 ? { ...event, applied: 1 } : event)),
  ],
  [
    15,
    'a refused submission that left a recipient',
    (view) => {
      const nth = view.jobs.findIndex(({ job }) => job.startsWith('1111'))
      return withJob(
        view,
        (job) => ({ ...job, recipients: 2, rows: [...job.rows, ...job.rows.map((row) => ({ ...row, key: '2' }))] }),
        nth,
      )
    },
  ],
  [
    16,
    'more mails in a second than the rate',
    (view) => ({ ...view, mails: (view.mails ?? []).map((mail) => ({ ...mail, at: 0 })) }),
  ],
  [
    17,
    'a mail after a hard bounce',
    (view) => {
      const bounced = view.jobs.flatMap(({ rows }) => rows).find(({ status }) => status === 'permanently_failed')
      const mail = {
        messageId: 'later@manireports.test',
        ofJob: false,
        addresses: [bounced?.address ?? ''],
        at: Infinity,
      }
      return { ...view, mails: [...(view.mails ?? []), mail] }
    },
  ],
  [
    18,
    "a callback that was applied to another tenant's job",
    (view) => withEvents(view, 'moodle.callback', (event) => (event.applied > 0 ? { ...event, tenant: 3 } : event)),
  ],
]

it.each(accounts)('law %i catches %s', (law, _what, broken) => {
  expect(failed(broken(healthy))).toContain(law)
})

it('law 16 forgives the jitter of real time, and no rate that is too high for longer', () => {
  const { workerRate } = healthy.settings
  const mail = healthy.mails?.find(({ ofJob }) => ofJob)
  const at = (times: readonly number[]) => ({
    ...healthy,
    mails: times.flatMap((time) => (mail === undefined ? [] : [{ ...mail, at: time }])),
  })
  const real = (view: RunView) => ({ ...view, settings: { ...view.settings, jitterMs: 1000 } })
  // As the worker sends them: a second's worth at once, then one after the other.
  const paced = Array.from({ length: 200 }, (_, n) => Math.ceil((Math.max(0, n + 1 - workerRate) * 1000) / workerRate))
  expect(failed(at(paced))).not.toContain(16)
  // What comes in the tenth second arrives at its end, all together.
  const bunched = paced.map((time) => (time >= 9000 && time < 10_000 ? 9999 : time))
  expect(failed(at(bunched))).toContain(16)
  expect(failed(real(at(bunched)))).not.toContain(16)
  // A fifth faster than it may.
  expect(failed(real(at(paced.map((time) => time / 1.2))))).toContain(16)
})

it('law 14 forgives the jitter of real time, and no other schedule', () => {
  const later = (ms: number) =>
    withEvents(healthy, 'recipient.retry', (event) => ({ ...event, dueAt: event.dueAt - ms }), 0)
  const real = (view: RunView) => ({ ...view, settings: { ...view.settings, jitterMs: 1000 } })
  expect(failed(later(300))).toContain(14)
  expect(failed(real(later(300)))).not.toContain(14)
  expect(failed(real(later(1500)))).toContain(14)
  expect(failed(real(later(-300)))).toContain(14)
})

it('law 19 catches a run that differs in one place', async () => {
  const run = async (rate: number) => {
    const simulated = await createSimulation({ seed: 'nineteen', worker_mail_rate: rate })
    await simulated.during(({ moodle }) =>
      moodle.submit({
        type: 'reminder',
        recipients: Array.from({ length: 30 }, (_, n) => ({ userid: n + 1, email: `p${n}@example.com` })),
        tenant: 1,
        certificate: false,
        mode: 'api',
        dialect: 'spec',
        shape: 'batches',
      }),
    )
    await simulated.end()
    const journal = simulated.emulator.journal.read()
    await simulated.stop()
    return journal
  }
  const [one, two, other] = [await run(14), await run(14), await run(15)]
  expect(sameRun(one, two).verdict).toBe('pass')
  expect(sameRun(one, other)).toMatchObject({
    verdict: 'fail',
    violations: [{ text: expect.stringContaining('differs') }],
  })
  expect(sameRun(one, one.slice(0, -1)).verdict).toBe('fail')
  expect(sameRun(one.slice(0, -1), one).verdict).toBe('fail')
})
