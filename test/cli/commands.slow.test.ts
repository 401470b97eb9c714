import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import { emptyFolder, ndjson, offload, type Ran } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

/** As the specification writes it, to nobody real. */
const specJob = (jobId: string, more: Record<string, unknown> = {}) => ({
  job_id: jobId,
  tenant_id: 4,
  type: 'send_reminder',
  recipients: [{ userid: 21, email: 'ada@example.com', firstname: 'Ada', lastname: 'Byron' }],
  template_data: { site_name: 'Example Academy', course_name: 'PHP' },
  timestamp: '2026-01-01T00:00:00Z',
  ...more,
})

function jobFile(job: unknown): string {
  const path = join(emptyFolder(), 'job.json')
  writeFileSync(path, typeof job === 'string' ? job : JSON.stringify(job))
  return path
}

let emulator: Emulator
beforeAll(async () => {
  emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    callback_delay: 0,
    bounce_window: '100ms',
    speed: 20,
  })
})
afterAll(() => emulator.stop())

/** A command against the emulator of this test, with its output as JSON. */
async function json(...args: string[]): Promise<Ran & { lines: Record<string, unknown>[] }> {
  const ran = await offload([...args, '--json', '--url', emulator.url])
  return { ...ran, lines: ndjson(ran.stdout) }
}

describe('commands that speak to a running emulator', () => {
  it('send submits, waits for the last callback, and the others show what became of it', async () => {
    const sent = await json('send', '--recipients', '12', '--bounces', '2', '--certificate', '--mode', 'sqs')
    expect(sent.stderr).toBe('')
    expect(sent.code).toBe(0)
    const [account] = sent.lines
    expect(account).toMatchObject({ recipients: 12, sent: 10, failed: 2, certificates: 12, mails: 10 })
    expect(account).toMatchObject({ callbacks: { refused: 0 } })
    const id = String(account?.['job_id'])

    const [jobs, failed, mails, logs, table] = await Promise.all([
      json('jobs'),
      json('job', id, '--failed'),
      json('mails', '--job', id),
      json('logs', '--job', id, '--last', '1000'),
      offload(['job', id, '--url', emulator.url]),
    ])
    expect(jobs.lines).toContainEqual(expect.objectContaining({ job_id: id, status: 'completed' }))
    expect(failed.lines).toEqual([
      { job: expect.objectContaining({ job_id: id }) as unknown },
      { recipient: expect.objectContaining({ status: 'permanently_failed' }) as unknown },
      { recipient: expect.objectContaining({ status: 'permanently_failed' }) as unknown },
    ])
    expect(mails.lines).toHaveLength(10)
    expect(logs.lines.filter(({ event }) => (event as { type: string }).type === 'mail.accepted')).toHaveLength(12)
    expect(table.stdout).toMatch(/12 recipients: 10 sent, 2 failed, 0 pending/)
    expect(table.stdout).toContain('550 5.1.1 user unknown')

    const retry = await json('job', id, '--retry')
    expect(retry).toMatchObject({ code: 0, lines: [{ recipients: 2, parent_job_id: id }] })
  })

  it('send --file sends the job as it is, and exits 1 with the line that frees a parked callback', async () => {
    const ran = await json('send', '--file', jobFile(specJob('3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f001')))
    expect(ran.lines).toMatchObject([{ job_id: '3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f001', sent: 1, mails: 1 }])
    expect(ran.code).toBe(1)
    expect(ran.stderr).toMatch(/parked: [^]*--callback-url 4=/)
  })

  it('send --file exits 1 and says what a refused callback means', async () => {
    const moodle = createServer((_request, response) => {
      response.writeHead(303, { location: 'http://localhost:8000/' }).end()
    }).listen(0, '127.0.0.1')
    await once(moodle, 'listening')
    const callback_url = `http://127.0.0.1:${(moodle.address() as AddressInfo).port}/cloud_callback.php`
    try {
      const file = jobFile(specJob('3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f002', { callback_url }))
      const ran = await json('send', '--file', file, '--mode', 'sqs')
      expect(ran.lines).toMatchObject([{ sent: 1, callbacks: { delivered: 0, refused: 1 } }])
      expect(ran.code).toBe(1)
      expect(ran.stderr).toMatch(/answered with 303: .*wwwroot/)
    } finally {
      moodle.close()
    }
  })

  it('send --file names the path and the reason of a refusal; what SQS takes all the same is told too', async () => {
    const file = jobFile(specJob('3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f003', { recipients: [] }))
    const [api, sqs, missing] = await Promise.all([
      json('send', '--file', file),
      json('send', '--file', file, '--mode', 'sqs'),
      json('send', '--file', 'nowhere.json'),
    ])
    expect(api).toMatchObject({ code: 1, stdout: '' })
    expect(api.stderr).toMatch(/was refused \(POST \/jobs answered 400\)[^]*\n {2}recipients: /)
    expect(sqs.code).toBe(1)
    expect(sqs.stderr).toMatch(/dead-letter queue: recipients: /)
    expect(missing.code).toBe(2)
  })

  it('an unknown job exits 2, nothing to retry exits 1, reset asks before it forgets', async () => {
    const job = specJob('3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f004', { callback_url: 'http://127.0.0.1:1/' })
    await json('send', '--file', jobFile(job), '--timeout', '1s')
    const [unknown, nothing, asked] = await Promise.all([
      json('job', 'no-such-job'),
      json('job', '3f0a51f2-0f27-4d2f-9a31-6c3bb2a7f004', '--retry'),
      json('reset'),
    ])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('no-such-job')
    expect(nothing.code).toBe(1)
    expect(asked.code).toBe(2)
    expect(asked.stderr).toContain('--yes')

    expect(await json('reset', '--tenant', '4', '--yes')).toMatchObject({ code: 0, lines: [{ reset: 'tenant 4' }] })
    expect((await json('jobs', '--tenant', '4')).lines).toEqual([])
  })

  it('doctor gives a verdict on each thing and exits 1 for a port that somebody else has', async () => {
    const { port } = new URL(emulator.url)
    const ran = await offload(['doctor', '--json', '--url', 'http://127.0.0.1:1'], {
      env: { OFFLOAD_PORT: port, OFFLOAD_SMTP_PORT: '0', OFFLOAD_INBOX_PORT: '0' },
    })
    const findings = ndjson(ran.stdout)
    expect(ran.code).toBe(1)
    expect(findings.find(({ id }) => id === `port-${port}`)).toMatchObject({
      verdict: 'fail',
      words: expect.stringContaining(`process ${process.pid}`) as unknown,
      fix: expect.stringContaining('--port') as unknown,
    })
    expect(findings.find(({ id }) => id === 'node')).toMatchObject({ verdict: 'pass' })
  })
})
