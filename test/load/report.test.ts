import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { makePlan } from '../../load/run/make-plan.ts'
import { htmlReport } from '../../load/run/report/html.ts'
import { lineChart } from '../../load/run/report/chart.ts'
import type { LoadResult } from '../../load/run/result.ts'
import { createRunFolder, findRunFolder } from '../../load/run/run-folder.ts'
import { percent, time } from '../../load/run/words.ts'

const plan = makePlan({
  scenario: 'budget',
  recipients: 1000,
  budgetMs: 60_000,
  durationMs: 30_000,
  dialect: 'spec',
  shape: 'batches',
  batch: 200,
  certificates: true,
  tenant: 1,
  listen: '127.0.0.1:0',
  ownsTarget: false,
  allowedDomains: [],
  quietMs: 300_000,
  now: Date.UTC(2026, 10, 22),
})

const result: LoadResult = {
  id: 'run',
  scenario: 'budget',
  verdict: 'fail',
  interrupted: false,
  startedAt: '2026-11-22T00:00:00.000Z',
  seconds: 12,
  plan,
  target: 'http://<target>',
  submission: 'POST /jobs',
  machine: 'a machine',
  k6: { version: '2.2.0', exit: 99 },
  findings: [
    {
      id: 'mails/once',
      title: 'nobody is mailed twice',
      level: 'required',
      verdict: 'fail',
      reason: '<script>alert(1)</script>',
    },
  ],
  groups: [],
  samples: [0, 1, 2].map((at) => ({
    at: at * 1000,
    submitted: 1000,
    sent: at * 100,
    failed: 0,
    mailed: null,
    depth: 5 - at,
    callbacks: at,
    submitP95: 12,
  })),
  stages: {},
  steps: [],
}

it('is one page that needs nothing else, in which nothing of a target is markup', () => {
  const page = htmlReport(result)
  expect(page).not.toMatch(/<script|<link|src=|@import|url\(/)
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  expect(page).toContain('http://&lt;target&gt;')
  expect(page).toContain('prefers-color-scheme: dark')
  expect(page.match(/<figure/g)?.length).toBeGreaterThanOrEqual(3)
  expect(page.match(/<svg/g)?.length).toBe(page.match(/<\/svg>/g)?.length)
  expect(page).not.toContain('NaN')
})

it('draws hours of samples with as many points as a picture can show', () => {
  const points = Array.from({ length: 20_000 }, (_, at) => [at * 500, at] as const)
  const chart = lineChart({ title: 'many', lines: [{ name: 'a', tone: 1, points }] })
  expect(chart.length).toBeLessThan(20_000)
  expect(chart).toContain('aria-label="many"')
  expect(lineChart({ title: 'none', lines: [{ name: 'a', tone: 1, points: [] }] })).toBe('')
})

it('never rounds a share up to what it is not', () => {
  expect([0.98999, 0.99, 1, 0.9999999].map(percent)).toEqual(['98.99 %', '99 %', '100 %', '99.99 %'])
  expect([12, 1500, 90_000, 7_200_000].map(time)).toEqual(['12 ms', '1.5 s', '1.5 min', '2.0 h'])
})

it('keeps what a run needs to go on, until it has come to its end', () => {
  const base = mkdtempSync(join(tmpdir(), 'offload-load-'))
  onTestFinished(() => rmSync(base, { recursive: true }))
  const folder = createRunFolder(base, 'one', plan)
  folder.write({ begun: 1 })
  folder.write({ stopped: 2 })
  const again = findRunFolder(base, 'one')
  expect(again.plan()).toEqual(plan)
  expect(again.lines()).toEqual([{ begun: 1 }, { stopped: 2 }])
  expect(() => findRunFolder(base, 'two')).toThrow(/there is no run two to resume: there are one/)
  again.finish()
  expect(() => findRunFolder(base, 'one')).toThrow('has come to its end')
})
