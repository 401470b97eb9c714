import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ndjson, offload } from '../cli/offload.ts'
import { running } from '../end-to-end/running.ts'

vi.setConfig({ testTimeout: 60_000 })

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'offload-scenarios-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A scenario that does not come out as it says, by chance of its seed. */
const wrong = `name: wrong
why: a share of one in two, and a number that is not it
jobs:
  job: { type: reminder, recipients: 40 }
faults:
  - { at: worker.mail, when: { share: 50% }, then: { bounce: hard } }
expect:
  jobs:
    job: { sent: 1 }
`

it('lists what there is', async () => {
  const { code, stdout } = await offload(['scenario', 'list', '--json'])
  expect(code).toBe(0)
  expect(ndjson(stdout).find(({ name }) => name === 'csv-import')).toEqual({
    name: 'csv-import',
    why: 'A CSV import of 500 people, two of whose addresses bounce (flow, scenario 1)',
    file: expect.stringMatching(/scenarios\/csv-import\.yaml$/),
  })
})

it('says what passed, and exits with 0', async () => {
  const { code, stdout } = await offload(['scenario', 'run', 'retry-schedule', 'callback-schedule'])
  expect(stdout).toMatch(/✓ retry-schedule +9 sent, 1 failed, partial_failure +2 min 35 s in/)
  expect(stdout).toMatch(/✓ callback-schedule/)
  expect(stdout).toContain('2 passed')
  expect(code).toBe(0)
})

it('says the first difference with its line, the seed and the command that repeats it; exits with 1; writes reports', async () => {
  const into = folder()
  const file = join(into, 'wrong.yaml')
  writeFileSync(file, wrong)
  const { code, stdout } = await offload([
    'scenario',
    'run',
    file,
    '--json',
    '--seed',
    '42',
    '--reporter',
    'junit,json',
    '--report-dir',
    into,
  ])
  expect(code).toBe(1)
  const [result] = ndjson(stdout)
  const difference = { line: 9, at: 'expect.jobs.job.sent', expected: '1', got: expect.stringMatching(/^\d+$/) }
  expect(result).toMatchObject({ name: 'wrong', verdict: 'fail', seed: '42', differences: [difference] })

  const junit = readFileSync(join(into, 'scenarios.junit.xml'), 'utf8')
  expect(junit).toContain('tests="1" failures="1" skipped="0"')
  expect(junit).toMatch(/<failure message=".*wrong\.yaml:9 expect\.jobs\.job\.sent: expected 1, got \d+">/)
  expect(JSON.parse(readFileSync(join(into, 'scenarios.json'), 'utf8'))).toMatchObject({ failed: 1, results: [result] })

  // The command that it prints gives the same again.
  const words = String(result?.['again']).split(' -- ')[1]?.split(' ') ?? []
  expect(words.slice(-2)).toEqual(['--seed', '42'])
  const again = await offload([...words, '--json'])
  const [repeated] = ndjson(again.stdout)
  expect(repeated?.['differences']).toEqual(result?.['differences'])
  expect(again.code).toBe(1)
})

it('exits with 2 for what is not there, or cannot be read, with line and what was meant', async () => {
  const unknown = await offload(['scenario', 'run', 'csv-inport'])
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain('There is no scenario "csv-inport": csv-import was meant?')
  const file = join(folder(), 'wrong.yaml')
  writeFileSync(file, wrong.replace('share: 50%', 'chare: 50%'))
  const unread = await offload(['scenario', 'run', file])
  expect(unread.code).toBe(2)
  expect(unread.stderr).toMatch(/wrong\.yaml:6 faults\[0\]\.when\.chare: is no selector: share was meant\?/)
  expect((await offload(['scenario', 'run'])).code).toBe(2)
  expect((await offload(['scenario', 'run', 'csv-import', '--reporter', 'html'])).code).toBe(2)
})

it('plays in real time, too, and skips what would take too long', async () => {
  const { code, stdout } = await offload(['scenario', 'run', 'duplicate-events', 'daily-quota', '--real', '--json'])
  const results = ndjson(stdout)
  expect(results.find(({ name }) => name === 'duplicate-events')).toMatchObject({ verdict: 'pass', differences: [] })
  expect(results.find(({ name }) => name === 'daily-quota')).toMatchObject({
    verdict: 'skip',
    reason: 'in virtual time only: it takes a day',
  })
  expect(code).toBe(0)
})

it('plays on an emulator that runs already, what injects nothing', async () => {
  const { url } = await running({ bounce_window: '100ms', speed: 20 })
  const names = ['csv-import', 'duplicate-events', 'retry-schedule']
  const { code, stdout } = await offload(['scenario', 'run', ...names, '--url', url, '--json'])
  const results = ndjson(stdout)
  expect(results.find(({ name }) => name === 'csv-import')).toMatchObject({
    verdict: 'pass',
    differences: [],
    account: '498 sent, 2 failed, completed',
    again: expect.stringContaining(`--url ${url}`),
  })
  expect(results.find(({ name }) => name === 'duplicate-events')).toMatchObject({ verdict: 'pass', differences: [] })
  expect(results.find(({ name }) => name === 'retry-schedule')).toMatchObject({
    verdict: 'skip',
    reason: 'not on an emulator that is running already: it has fault rules',
  })
  expect(code).toBe(0)

  const into = folder()
  const file = join(into, 'wrong.yaml')
  const plain = wrong.replace(/faults:\n.*\n/, '')
  writeFileSync(file, plain)
  const failed = await offload(['scenario', 'run', file, '--url', url, '--json'])
  expect(ndjson(failed.stdout)[0]).toMatchObject({ differences: [{ line: 7, expected: '1', got: '40' }] })
  expect(failed.code).toBe(1)
  expect((await offload(['scenario', 'run', 'csv-import', '--url', 'http://127.0.0.1:1'])).code).toBe(3)
})
