import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startReceiver } from '../callbacks/receiver.ts'
import { linesOf, ndjson, offload, start, text } from '../cli/offload.ts'
import { goodJob } from '../mutants/jobs.ts'
import { hasPhp, startPhp, withoutPhp } from './php-receiver.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'offload-check-'))
const summaryOf = (output: string) => output.trim().split('\n').at(-1)

const file = (content: object) => {
  const path = join(folder(), 'job.json')
  writeFileSync(path, JSON.stringify(content))
  return path
}

describe('check job', () => {
  it('passes a right one, with its advice, and says what to change', async () => {
    const ran = await offload(['check', 'job', file({ ...goodJob, callback_secret: 'x' })])
    expect([ran.code, ran.stderr, summaryOf(ran.stdout)]).toEqual([0, '', '1 passed, 0 failed, 1 advised'])
    expect(ran.stdout).toMatch(/! callback_secret: .*\n    → leave it out/)
  })

  it('writes reports for CI', async () => {
    const cwd = folder()
    const env = { GITHUB_STEP_SUMMARY: join(cwd, 'summary.md') }
    const job = file({ ...goodJob, type: 'confetti' })
    const ran = await offload(['check', 'job', job, '--reporter', 'junit,json=job.json,github', '--json'], { cwd, env })
    expect(ran.code).toBe(1)
    expect(ndjson(ran.stdout)).toMatchObject([{ id: 'job/contract', verdict: 'fail', path: 'type' }])
    expect(ran.stderr).toMatch(/^::error title=job%3A job\/contract::type holds the contract: "confetti" is no type/m)
    expect(readFileSync(join(cwd, 'offload-check.xml'), 'utf8')).toMatch(
      /failures="1".*<failure message="&quot;confetti&quot;/s,
    )
    expect(JSON.parse(readFileSync(join(cwd, 'job.json'), 'utf8'))).toMatchObject({ tally: { failed: 1 } })
    expect(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8')).toContain('| ❌ `job/contract` |')
  })

  it('waits for the next job that is sent, valid or not', async () => {
    const child = start(['check', 'job', '--capture', '--port', '0', '--json'])
    const out = text(child.stdout)
    const ready = await linesOf(child.stderr).until((line) => line.includes('waiting'))
    const url = /at (\S+)\/jobs/.exec(ready)?.[1]
    const sent = await fetch(`${url}/jobs`, {
      method: 'POST',
      body: JSON.stringify({ ...goodJob, recipients: [] }),
      headers: { authorization: 'Bearer offload-dev-token' },
    })
    expect(sent.status).toBe(400)
    expect(ndjson(await out)[0]).toMatchObject({ verdict: 'fail', path: 'recipients' })
  })
})

describe('check moodle', () => {
  it('passes the stand-in', async () => {
    const ran = await offload(['check', 'moodle', '--stand-in', '--dialect', 'flow', '--json'])
    expect(ran.code).toBe(0)
    const verdicts = ndjson(ran.stdout)
    expect(verdicts.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    expect(verdicts[0]).toMatchObject({ id: 'valid/callback', verdict: 'pass', leaves: expect.anything() as string })
    expect(ran.stderr).toMatch(/\d+ passed, 0 failed/)
  })

  it('has one diagnosis for a receiver that refuses everything, and keeps the secret to itself', async () => {
    const receiver = await startReceiver(() => ({ status: 401 }))
    const ran = await offload(['check', 'moodle', '--url', receiver.url, '--secret', 's3cret', '--json'])
    expect(ran.code).toBe(1)
    const verdicts = ndjson(ran.stdout)
    expect(verdicts.filter(({ verdict }) => verdict === 'fail')).toMatchObject([{ id: 'valid/callback' }])
    expect(verdicts.filter(({ verdict }) => verdict === 'pass')).toEqual([])
    expect(verdicts[0]?.['reason']).toContain('401: the signature or the timestamp was refused')
    expect(ran.stdout + ran.stderr).not.toContain('s3cret')
  })

  it('says what is missing', async () => {
    const said = async (...args: string[]) => {
      const { code, stderr } = await offload(['check', 'moodle', ...args])
      return [code, stderr]
    }
    const secret = ['--secret', 's']
    const answers = await Promise.all([
      said('--url', 'http://127.0.0.1:9/x', ...secret),
      said('--url', 'https://moodle.example.com/x', ...secret),
      said('--list', '--only', 'meaning/reply'),
    ])
    const containing = (words: string) => expect.stringContaining(words) as string
    expect(answers).toEqual([
      [3, containing('connection refused')],
      [2, containing('--allow-host moodle.example.com')],
      [2, containing('meaning/replay was meant?')],
    ])
  })

  it.runIf(hasPhp)(
    `checks a receiver in PHP with jobs of its own, and gives a curl that repeats each request${withoutPhp}`,
    async () => {
      const php = await startPhp('right.php')
      const only =
        'body/bom,body/invalid-utf8,body/deep,signature/upper-case,signature/empty,signature/twice,time/words,meaning/sql-and-html'
      const args = ['check', 'moodle', '--url', php.url, '--secret', php.secret, '--submit', php.submit, '--port', '0']
      const ran = await offload([...args, '--only', only, '--json'])
      expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('9 passed, 0 failed')])
      const verdicts = ndjson(ran.stdout)
      expect(verdicts).toHaveLength(9)
      for (const { exchanges } of verdicts) {
        for (const { curl, answers } of exchanges as { curl: string; answers: { status: number }[] }[]) {
          const { stdout } = await promisify(execFile)('sh', ['-c', curl])
          expect([curl, Number(/^HTTP\/1.1 (\d+)/m.exec(stdout)?.[1])]).toEqual([curl, answers[0]?.status])
        }
      }
    },
  )

  it.runIf(hasPhp)(`reads the tables through --php, and the recipients of --job in them${withoutPhp}`, async () => {
    const receiver = await startReceiver((_nth, { headers }) => ({
      status: headers['x-signature'] === undefined ? 401 : 200,
    }))
    const store = file({
      manireports_cloud_jobs: { columns: ['id', 'jobid', 'status'], rows: [[1, 'a-job', 'queued']] },
      manireports_cloud_job_recipients: {
        columns: ['id', 'jobid', 'userid', 'email', 'status'],
        rows: [[1, 'a-job', 1001, 'ana@example.com', 'pending']],
      },
    })
    const root = join(import.meta.dirname, 'php', 'moodle')
    const args = [
      '--url',
      receiver.url,
      '--secret',
      's',
      '--job',
      'a-job',
      '--php',
      `STORE='${store}' php`,
      '--moodle-root',
      root,
    ]
    const ran = await offload(['check', 'moodle', ...args, '--only', 'signature/missing', '--json'])
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('2 passed, 0 failed')])
    expect(ndjson(ran.stdout)[1]).toMatchObject({ id: 'signature/missing', rests_on: 'the answer and the tables' })
    expect(JSON.parse(receiver.requests[0]?.body.toString() ?? '')).toMatchObject({
      job_id: 'a-job',
      recipient_updates: [{ userid: 1001, status: 'completed' }],
    })
  })
})
