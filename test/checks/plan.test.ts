import { describe, expect, it } from 'vitest'
import { comparedWith, shortcomingsOf, tightened } from '../../contracts/checks/baseline.ts'
import { jobCases } from '../../contracts/checks/job-message.ts'
import { asDemanded, wrongNames } from '../../contracts/checks/plan.ts'
import type { Rules } from '../../contracts/checks/section.ts'
import { summaryLine, tallyOf, type Finding, type Verdict } from '../../contracts/checks/verdict.ts'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { baselineText } from '../../emulator/check/baseline.ts'
import { runPlan, type Suite } from '../../emulator/check/plan.ts'

const finding = (id: string, verdict: Verdict, more: Partial<Finding> = {}): Finding => ({
  id,
  title: id,
  level: 'required',
  verdict,
  reason: `it is ${verdict}`,
  ...more,
})
const rulesOf = (rules: Partial<Rules>): Rules => ({ required: {}, advised: {}, skipped: {}, ...rules })

describe('what the configuration asks of a case', () => {
  it('fails what is required and was not seen', () => {
    const rules = rulesOf({ required: { time: 'we promise it' } })
    for (const verdict of ['skip', 'unobserved'] as const) {
      const judged = asDemanded(finding('time/list', verdict), rules)
      expect([judged.verdict, judged.reason]).toEqual([
        'fail',
        expect.stringContaining('it is required (we promise it)'),
      ])
    }
    expect(asDemanded(finding('time/list', 'fail', { level: 'advised' }), rules).level).toBe('required')
    expect(asDemanded(finding('body/bom', 'skip'), rules).verdict).toBe('skip')
  })

  it('leaves the one diagnosis of a suite of which nothing could be seen alone', () => {
    const rules = rulesOf({ required: { time: 'we promise it' } })
    expect(asDemanded(finding('time/list', 'skip'), rules, true).verdict).toBe('skip')
  })

  it('tells what is advised, and leaves out what is skipped, with the reason', () => {
    const rules = rulesOf({ advised: { 'time/list': 'until release 2' }, skipped: { time: 'another time' } })
    expect(asDemanded(finding('time/list', 'fail'), rules)).toMatchObject({
      level: 'advised',
      verdict: 'fail',
      reason: 'it is fail; it is only advised: until release 2',
    })
    expect(asDemanded(finding('time/words', 'fail'), rules)).toMatchObject({
      verdict: 'skip',
      reason: 'left out: another time',
    })
  })

  it('names what is no case, what was meant, and what is asked twice', () => {
    const rules = rulesOf({
      required: { 'time/list': 'a' },
      advised: { 'time/list': 'b', tme: 'c' },
      skipped: { body: 'd' },
    })
    expect(wrongNames(rules, ['time/list', 'body/bom'])).toEqual([
      { path: ['advised', 'time/list'], reason: 'stands under required too' },
      { path: ['advised', 'tme'], reason: 'is no case: time was meant?' },
    ])
  })

  it('knows every case that a job message can fail', () => {
    const folder = join(import.meta.dirname, '../../contracts')
    const sources = [
      ...readdirSync(join(folder, 'dialects')).map((file) => `dialects/${file}`),
      'checks/job-message.ts',
    ]
    const texts = sources.filter((file) => file.endsWith('.ts')).map((file) => readFileSync(join(folder, file), 'utf8'))
    const codes = texts.flatMap((text) => [
      ...[...text.matchAll(/\bcode: (?:over \? )?'([a-z0-9-]+)'(?: : '([a-z0-9-]+)')?/g)].flatMap(
        ([, ...names]) => names,
      ),
      ...[...text.matchAll(/\badvice\(\s*'([a-z0-9-]+)'/g)].map(([, name]) => name),
    ])
    const named = [...new Set(codes)].flatMap((code) => (code === undefined ? [] : [`advice/${code}`]))
    expect([...jobCases].toSorted()).toEqual(['job/contract', ...named].toSorted())
  })
})

describe('a baseline', () => {
  it('knows what is no worse than before, and fails what is', () => {
    const before = { a: 'fail', b: 'unobserved', c: 'skip' } as const
    const judged = (id: string, verdict: Verdict) => {
      const { known, verdict: now } = comparedWith(finding(id, verdict), before)
      return known === true ? 'known' : now
    }
    expect(['fail', 'skip', 'unobserved', 'pass'].map((each) => judged('a', each as Verdict))).toEqual([
      'known',
      'known',
      'known',
      'pass',
    ])
    // To be skipped is as bad as to be unseen, to fail is worse.
    expect(['fail', 'skip', 'unobserved', 'pass'].map((each) => judged('b', each as Verdict))).toEqual([
      'fail',
      'known',
      'known',
      'pass',
    ])
    // What is not in it held: it fails, and fails too where nobody looks any more.
    expect(['fail', 'skip', 'unobserved', 'pass'].map((each) => judged('new', each as Verdict))).toEqual([
      'fail',
      'fail',
      'fail',
      'pass',
    ])
    expect(comparedWith(finding('new', 'fail', { level: 'advised' }), before).known).toBeUndefined()
  })

  it('gets tighter and never looser', () => {
    const before = { better: 'fail', gone: 'fail', same: 'skip', worse: 'skip', hidden: 'fail' } as const
    const now = shortcomingsOf([
      finding('better', 'skip'),
      finding('gone', 'pass'),
      finding('same', 'skip'),
      finding('worse', 'fail'),
      finding('new', 'fail'),
    ])
    expect(tightened(before, now, new Set(['hidden']))).toEqual({
      better: 'skip',
      same: 'skip',
      worse: 'skip',
      hidden: 'fail',
    })
  })

  it('is one line a case, in the order of their names, without empty suites', () => {
    const text = baselineText({ b: { z: 'fail', 'a recipients[0]': 'skip' }, empty: {}, a: { x: 'unobserved' } })
    expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
      'a:',
      '  x: unobserved',
      'b:',
      '  a recipients[0]: skip',
      '  z: fail',
      '',
    ])
  })
})

const suiteOf = (name: string, findings: readonly Finding[], rules: Partial<Rules> = {}, canary?: string): Suite => ({
  name,
  rules: rulesOf(rules),
  at: ['check', name],
  cases: findings.map(({ id }) => id),
  ...(canary === undefined ? {} : { canary }),
  async *run() {
    yield* findings
  },
})

const summary = (result: Awaited<ReturnType<typeof runPlan>>) =>
  summaryLine(tallyOf(result.suites.flatMap(({ findings }) => findings)))

describe('a run of several suites', () => {
  it('goes on where one cannot be run, and says so', async () => {
    const broken: Suite = {
      ...suiteOf('broken', []),
      async *run() {
        yield finding('a/first', 'pass')
        throw new Error('nobody answers')
      },
    }
    const result = await runPlan([broken, suiteOf('fine', [finding('b/one', 'pass')])], {
      baseline: { broken: { 'a/old': 'fail' } },
    })
    expect(summary(result)).toBe('2 passed, 1 failed')
    expect(result.suites[0]?.findings[1]).toMatchObject({ id: 'suite/runs', reason: 'nobody answers', suite: 'broken' })
    expect(result.baseline['broken']).toEqual({ 'a/old': 'fail' })
  })

  it('takes everything as known, then fails on what is worse alone, and tightens what is better', async () => {
    const first = [finding('a/red', 'fail'), finding('a/dark', 'unobserved'), finding('a/green', 'pass')]
    const taken = await runPlan([suiteOf('s', first)], { takeAll: true })
    expect([summary(taken), taken.baseline]).toEqual([
      '1 passed, 0 failed, 1 known, 1 unobserved',
      { s: { 'a/red': 'fail', 'a/dark': 'unobserved' } },
    ])
    const { baseline } = taken
    const again = await runPlan([suiteOf('s', first)], { baseline })
    expect([summary(again), again.baseline]).toEqual(['1 passed, 0 failed, 1 known, 1 unobserved', baseline])
    const second = [finding('a/red', 'pass'), finding('a/dark', 'unobserved'), finding('a/green', 'fail')]
    const worse = await runPlan([suiteOf('s', second)], { baseline })
    expect([summary(worse), worse.baseline]).toEqual([
      '1 passed, 1 failed, 1 unobserved',
      { s: { 'a/dark': 'unobserved' } },
    ])
  })

  it('compares nothing that lies behind a canary that failed, or was left out', async () => {
    const rules = { skipped: { out: 'not ours' }, required: { b: 'promised' } }
    const dark = [finding('valid', 'fail'), finding('b/one', 'skip'), finding('out', 'skip')]
    const baseline = { s: { 'b/one': 'fail', out: 'fail' } } as const
    const result = await runPlan([suiteOf('s', dark, rules, 'valid')], { baseline })
    expect([summary(result), result.baseline]).toEqual(['0 passed, 1 failed, 2 skipped', baseline])
  })
})
