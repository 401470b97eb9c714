import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ndjson, offload } from '../cli/offload.ts'
import { goodJob } from '../mutants/jobs.ts'
import { hasPhp, startPhp, withoutPhp } from './php-receiver.ts'

/** A folder of somebody's, with a configuration and files. */
function project(configuration: string, files: Readonly<Record<string, string>> = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'offload-project-'))
  writeFileSync(join(cwd, 'offload.config.yaml'), configuration)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  return {
    cwd,
    write: (name: string, text: string) => writeFileSync(join(cwd, name), text),
    read: (name: string) => readFileSync(join(cwd, name), 'utf8'),
    async check(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
      const ran = await offload(['check', ...args], { cwd, env })
      const last = (ran.stdout.trim() || ran.stderr.trim()).split('\n').at(-1)
      return { ...ran, last }
    },
  }
}

const job = (change: object = {}) => JSON.stringify({ ...goodJob, ...change })

describe('what offload.config.yaml lists', () => {
  it('is run, suite by suite, and ends with one line', async () => {
    const { cwd, check, read } = project(
      'check: { jobs: job.json, moodle: { stand_in: true }, scenarios: [csv-import] }',
      {
        'job.json': job({ callback_secret: 'x' }),
      },
    )
    const env = { GITHUB_STEP_SUMMARY: join(cwd, 'summary.md') }
    const ran = await check(['--json', '--reporter', 'junit,json,github'], env)
    expect([ran.code, ran.stderr.trim().split('\n').at(-1)]).toEqual([
      0,
      expect.stringMatching(/^\d+ passed, 0 failed, 1 advised, \d+ skipped$/),
    ])
    const suites = Map.groupBy(ndjson(ran.stdout), ({ suite }) => suite)
    expect([...suites.keys()]).toEqual(['job job.json', 'moodle spec', 'scenarios'])
    expect(suites.get('scenarios')).toMatchObject([{ id: 'csv-import', verdict: 'pass' }])
    expect(ran.stderr).toMatch(/^::warning file=job\.json,title=job job\.json%3A advice\/secret-in-body::/m)
    expect([...read('offload-check.xml').matchAll(/<testsuite name="([^"]+)"/g)].map(([, name]) => name)).toEqual([
      ...suites.keys(),
    ])
    expect(JSON.parse(read('offload-check.json'))).toMatchObject({ suite: 'check', tally: { failed: 0, advised: 1 } })
    expect(read('summary.md')).toContain('| ⚠️ job job.json: `advice/secret-in-body` |')
  })

  it('fails what is required and was skipped, and tells what is advised', async () => {
    const rules = `
  moodle:
    stand_in: true
    required: { time/300-s-old: 'we promise it', signature/previous-secret: we rotate }
    skipped: { body: 'another time' }
  jobs: { files: [job.json], required: { advice/secret-in-body: nobody reads it } }`
    const { check } = project(`check:${rules}\n`, { 'job.json': job({ callback_secret: 'x' }) })
    const ran = await check(['--json'])
    expect(ran.code).toBe(1)
    const found = ndjson(ran.stdout)
    expect(found.filter(({ verdict }) => verdict === 'fail').map(({ id, reason }) => [id, reason])).toEqual([
      ['advice/secret-in-body', expect.anything()],
      ['signature/previous-secret', expect.stringMatching(/^it is required \(we rotate\), and was skipped: /)],
      ['time/300-s-old', expect.stringMatching(/^it is required \(we promise it\), and was skipped: /)],
    ])
    const left = found.filter(({ id }) => String(id).startsWith('body/'))
    expect(left.length).toBeGreaterThan(10)
    expect(new Set(left.map(({ verdict, reason }) => [verdict, reason].join(': ')))).toEqual(
      new Set(['skip: left out: another time']),
    )
  })

  it('is refused where it cannot be what was meant', async () => {
    const said = async (configuration: string, ...args: string[]) => {
      const { code, stderr } = await project(configuration).check(args)
      return [code, stderr.split('\n').slice(0, 1).join('')]
    }
    expect(
      await Promise.all([
        said('port: 4566\n'),
        said('check:\n  moodle:\n    stand_in: true\n    skipped: { meaning/reply: x }\n'),
        said('check:\n  moodle:\n    - { stand_in: true }\n    - { stand_in: true }\n'),
        said('check:\n  moodle:\n    - { stand_in: true, rubish: false }\n'),
        said('check:\n  scenarios: [csv-imprt]\n'),
        said('check: { jobs: { files: [], advised: { x: y } } }\n'),
        said('check: { jobs: [job.json] }\n', '--baseline', 'none.yaml'),
        said('check: { jobs: [job.json] }\n', '--update-baseline'),
      ]),
    ).toEqual([
      [2, 'offload: offload.config.yaml lists nothing to check'],
      [2, 'offload: offload.config.yaml:4 check.moodle.skipped.meaning/reply is no case: meaning/replay was meant?'],
      [
        2,
        'offload: offload.config.yaml:4 check.moodle[1]: there are two suites "moodle spec": give one a name of its own',
      ],
      [2, 'offload: offload.config.yaml:3 check.moodle[0].rubish is no setting: rubbish was meant?'],
      [2, 'offload: There is no scenario "csv-imprt": csv-import was meant?'],
      [2, 'offload: offload.config.yaml:1 check.jobs.files: must not be empty'],
      [2, 'offload: there is no baseline none.yaml'],
      [2, 'offload: --update-baseline needs --baseline FILE, which it writes'],
    ])
  })

  it('goes on where one suite cannot be run, and exits as that one would alone', async () => {
    const { check } = project(
      'cloud_callback_secret: s\ncheck: { jobs: [job.json, nowhere.json], moodle: { url: "http://127.0.0.1:9/x" } }\n',
      { 'job.json': job() },
    )
    const ran = await check(['--json'])
    expect(ran.code).toBe(2)
    expect(ndjson(ran.stdout).map(({ suite, id, verdict }) => [suite, id, verdict])).toEqual([
      ['job job.json', 'job/contract', 'pass'],
      ['job nowhere.json', 'suite/runs', 'fail'],
      ['moodle spec', 'suite/runs', 'fail'],
    ])
    expect(ran.stdout).toContain('connection refused')
  })

  it('zero cases are no pass', async () => {
    const { check } = project('check: { jobs: { files: [job.json], skipped: { job: not now } } }\n', {
      'job.json': job(),
    })
    const ran = await check()
    expect([ran.code, ran.stderr]).toEqual([2, 'offload: no case was run\n'])
  })

  it('starts an emulator with the configuration where none runs, and checks it as a deployment', async () => {
    const { check } = project(
      'port: 0\nsmtp_port: 0\ninbox_port: 0\ncheck: { cloud: { skipped: { throughput: takes long } } }\n',
    )
    const ran = await check()
    expect([ran.code, ran.last]).toEqual([0, expect.stringMatching(/^\d+ passed, 0 failed, 1 skipped$/)])
    expect(ran.stdout).toContain('on an emulator of its own at http://127.0.0.1:')
  })
})

describe.runIf(hasPhp)(`a baseline${withoutPhp}`, () => {
  it('lets a team begin red, and fails on what is worse alone', { timeout: 120_000 }, async () => {
    const php = await startPhp('snippet.php')
    const moodle = `{ url: "${php.url}", submit: "${php.submit}", port: 0, advised: { submission: nobody sees it } }`
    const { check, write, read } = project(`check: { jobs: job.json, moodle: ${moodle} }\n`, { 'job.json': job() })
    const run = async (...args: string[]) => {
      const { code, last } = await check(['--baseline', 'known.yaml', ...args], { OFFLOAD_CALLBACK_SECRET: php.secret })
      return [code, last?.replace(/, \d+ advised.*/, '').replace(/^\d+ passed, /, '')]
    }
    const cases = () =>
      read('known.yaml')
        .split('\n')
        .filter((line) => line.startsWith('  '))

    expect(await run('--update-baseline')).toEqual([0, '0 failed, 11 known'])
    const before = read('known.yaml')
    expect(cases()).toContain('  time/list: fail')
    expect(cases()).toContain('  meaning/replay: unobserved')
    expect(await run()).toEqual([0, '0 failed, 11 known'])
    expect(read('known.yaml')).toBe(before)

    // Worse: what held fails.
    write('job.json', job({ type: 'confetti' }))
    expect(await run()).toEqual([1, '1 failed, 11 known'])
    expect(read('known.yaml')).toBe(before)

    // Better: what failed holds, and must hold from now on.
    write('job.json', job())
    write('known.yaml', before.replace('moodle spec:', 'job job.json:\n  job/contract type: fail\nmoodle spec:'))
    expect(await run()).toEqual([0, '0 failed, 11 known'])
    expect(read('known.yaml')).toBe(before)
  })
})
