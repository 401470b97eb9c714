import { expect, it } from 'vitest'
import { bottleneckOf, steadyRate, type Sample } from '../../load/run/bottleneck.ts'
import type { GroupFigures } from '../../load/run/figures.ts'
import { judge, usualLimits, verdictOf, type Circumstances } from '../../load/run/judge.ts'

const times = { count: 1000, mean: 100, p50: 80, p90: 150, p95: 200, p99: 300, max: 400 }

const right: GroupFigures = {
  name: 'all',
  recipients: 1000,
  messages: { waiting: 0, begun: 0, accepted: 5, refused: 0, unknown: 0 },
  accepted: 1000,
  sent: 990,
  failed: 10,
  missing: 0,
  missingMailed: 0,
  late: 0,
  mails: 990,
  duplicateMails: 0,
  duplicated: [],
  ambiguousMails: 0,
  unmailed: 0,
  strangers: 0,
  callbacks: 50,
  callbacksRefused: 0,
  repeatedUpdates: 0,
  makespanMs: 20_000,
  stages: { submit: times, mail: times, callback: times, total: times },
  reasons: [['550 nobody at …', 10]],
  submitReasons: [],
  callbackReasons: [],
  otherPaths: [],
  requests: 5,
}
const limits = { ...usualLimits, recipients: 1000, budgetMs: 30_000 }
const usual: Circumstances = { moving: false, callbackUrl: 'http://127.0.0.1:9/callback', dialect: 'spec' }

const held = (change: Partial<GroupFigures>, circumstances: Partial<Circumstances> = {}) =>
  judge({ ...right, ...change }, limits, { ...usual, ...circumstances })
const failing = (change: Partial<GroupFigures>, circumstances: Partial<Circumstances> = {}) =>
  held(change, circumstances).filter(({ verdict }) => verdict === 'fail')

it('passes what is right', () => {
  const findings = held({})
  expect(findings.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
  expect(verdictOf(findings)).toBe('pass')
})

const missing = { sent: 980, missing: 10, mails: 980 }
const broken: readonly (readonly [what: string, change: Partial<GroupFigures>, id: string, words: RegExp])[] = [
  [
    'a lost batch',
    { ...missing, missingMailed: 0 },
    'recipients/lost',
    /10 recipients accepted and never heard of again: no callback, and no mail/,
  ],
  [
    'dropped callbacks',
    { ...missing, missingMailed: 10 },
    'callbacks/told',
    /10 recipients of 1,000 were mailed and no callback told of it/,
  ],
  [
    'a mail too many',
    { mails: 992, duplicateMails: 2, duplicated: [499, 999] },
    'mails/once',
    /2 mails too many of 992 .*499, 999/,
  ],
  [
    'forged callbacks',
    { callbacksRefused: 5, callbackReasons: [['the secrets differ', 5]] },
    'callbacks/told',
    /90\.90 % of 55 callbacks are right; refused: 5 × the secrets differ/,
  ],
  ['callbacks elsewhere', { otherPaths: [['/other', 50]] }, 'callbacks/address', /they came to \/other \(50\)/],
  [
    'late answers',
    { stages: { ...right.stages, submit: { ...times, p95: 6200 } } },
    'submissions/answered',
    /p95 is 6.2 s/,
  ],
  [
    'late callbacks',
    { stages: { ...right.stages, callback: { ...times, p95: 90_000 } } },
    'callbacks/prompt',
    /p95 is 1.5 min/,
  ],
  [
    'a missed budget',
    { makespanMs: 40_000, late: 250 },
    'recipients/makespan',
    /1,000 recipients in 40.0 s, 250 of them late/,
  ],
  [
    'refused messages',
    { messages: { ...right.messages, accepted: 4, refused: 1 }, submitReasons: [['413 too large', 1]] },
    'submissions/accepted',
    /1 refused of 5 messages: 1 × 413 too large/,
  ],
  ['bounces', { sent: 900, failed: 100 }, 'mails/bounces', /10 % \(100\): 10 × 550 nobody/],
  ['strangers', { strangers: 3 }, 'recipients/unasked', /3 updates or mails/],
  ['mails that are not there', { unmailed: 4 }, 'mails/there', /4 recipients told as sent without a mail/],
]
it.each(broken)('fails %s for its own reason, and for no other', (_what, change, id, words) => {
  const found = failing(change)
  expect(found.map((one) => one.id)).toEqual([id])
  expect(found[0]?.reason).toMatch(words)
})

it('names the wrong address where no callback came at all', () => {
  expect(
    failing({ callbacks: 0, sent: 0, failed: 0, missing: 1000, missingMailed: 1000, makespanMs: null }).map(
      ({ id }) => id,
    ),
  ).toContain('callbacks/told')
  const [told] = failing({ callbacks: 0, stages: {} })
  expect(told?.fix).toContain('the worker calls the address in its own environment')
})

it('is no pass where nobody sees the mails', () => {
  const findings = held(
    { mails: null, duplicateMails: null, unmailed: null, missingMailed: null },
    { mailsUnseen: 'nobody sees the mails' },
  )
  expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([])
  expect(verdictOf(findings)).toBe('unobserved')
})

it('does not call lost what was still on its way when the time was over', () => {
  const found = failing(
    { sent: 400, failed: 0, missing: 600, missingMailed: 5, makespanMs: 30_000, mails: 405 },
    { moving: true },
  )
  expect(found.map(({ id }) => id)).toEqual(['recipients/makespan'])
})

it('fails nothing of a run that was stopped, but what is wrong already', () => {
  const half = {
    messages: { ...right.messages, accepted: 3, waiting: 2 },
    accepted: 600,
    sent: 200,
    failed: 0,
    missing: 400,
    mails: 250,
  }
  expect(failing(half, { broken: 'the run was stopped' })).toEqual([])
  expect(verdictOf(held(half, { broken: 'the run was stopped' }))).toBe('unobserved')
  expect(failing({ ...half, duplicateMails: 1 }, { broken: 'the run was stopped' }).map(({ id }) => id)).toEqual([
    'mails/once',
  ])
})

it('asks of a dialect only what it tells', () => {
  const findings = judge({ ...right, stages: { submit: times, total: times }, unmailed: null }, limits, {
    ...usual,
    dialect: 'flow',
  })
  expect(verdictOf(findings)).toBe('pass')
})

const run = (perSecond: number, seconds: number, over: Partial<Sample> = {}): Sample[] =>
  Array.from({ length: seconds + 1 }, (_, at) => ({
    at: at * 1000,
    submitted: 10_000,
    sent: perSecond * at,
    failed: 0,
    mailed: null,
    depth: 5,
    callbacks: at,
    submitP95: 20,
    ...over,
  }))

it('names the bottleneck, and which setting to change by how much', () => {
  const common = { recipients: 50_000, budgetMs: 1_800_000, submitRate: 5000 }
  expect(steadyRate(run(14, 60))).toBeCloseTo(14)
  expect(
    bottleneckOf({ ...common, samples: run(14, 60), mailRate: { perSecond: 14, setting: '--mail-rate' } }),
  ).toEqual({
    reason:
      'the mail rate (--mail-rate: 14 a second) is the bottleneck; 14.0 recipients a second take 59.5 min, 27.8 a second are needed',
    fix: 'raise --mail-rate from 14 to 28 a second or more',
  })
  expect(
    bottleneckOf({ ...common, samples: run(20, 60), mailRate: { perSecond: 100, setting: 'SES' } })?.reason,
  ).toMatch(/^the workers/)
  expect(bottleneckOf({ ...common, submitRate: 20, samples: run(20, 60) })?.reason).toMatch(/^the submission itself/)
  const callback = { ...times, p95: 90_000 }
  expect(bottleneckOf({ ...common, samples: run(20, 60), stages: { mail: times, callback } })?.reason).toMatch(
    /^the callbacks/,
  )
  // Where all was mailed between two looks there is no rate, but the callbacks' lateness all the same.
  expect(bottleneckOf({ ...common, samples: [], stages: { mail: times, callback } })?.reason).toMatch(/^the callbacks/)
  expect(bottleneckOf({ ...common, samples: run(0, 60) })).toBeUndefined()
})
