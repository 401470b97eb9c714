import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { linesOf, ndjson, offload, start, text } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const free = ['--port', '0', '--smtp-port', '0', '--inbox-port', '0', '--ephemeral']

const running = new Set<ReturnType<typeof start>>()
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

function up(...args: string[]) {
  const child = start(['up', ...free, ...args])
  running.add(child)
  return child
}

describe('offload up', () => {
  it('writes the ready line, then every event, and nothing else to stdout with --json; SIGTERM ends it with 0', async () => {
    const child = up('--json', '--callback-delay', '0s')
    const lines = linesOf(child.stdout)
    const ready = JSON.parse(await lines.until(() => true)) as Record<string, string>
    expect(ready).toEqual({
      event: 'ready',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      smtp: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      inbox: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      queue_url: `${ready['url']}/000000000000/manireports-jobs`,
      dashboard: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      pid: child.pid,
    })

    const answer = await fetch(`${ready['url']}/_offload/send`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ recipients: 2 }),
    })
    expect(answer.status).toBe(202)
    await lines.until((line) => line.includes('"callback.settled"'))
    child.kill('SIGTERM')
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(0)
    const entries = ndjson(lines.seen.slice(1).join('\n'))
    expect(entries.map(({ event }) => (event as { type: string }).type)).toEqual(
      expect.arrayContaining(['job.accepted', 'mail.accepted', 'pass.ended', 'callback.attempt']),
    )
  })

  it('prints what to copy into Moodle, then a line for each request, mail and callback; Ctrl-C ends it with 130', async () => {
    const child = up('--callback-delay', '0s')
    const errors = text(child.stderr)
    const lines = linesOf(child.stdout)
    const url = (await lines.until((line) => line.includes('cloud_endpoint'))).split(/\s+/).at(-1) ?? ''
    await lines.until((line) => line.includes('Stop: Ctrl-C'))
    expect(lines.seen.join('\n')).toMatch(
      /cloud_auth_token +offload-dev-token[^]*cloud_callback_secret +offload-dev-secret/,
    )

    await fetch(`${url}/jobs`, { method: 'POST', body: '{}' })
    await lines.until((line) => line.includes('refused with 401'))
    const body = JSON.stringify({ recipients: 2 })
    await fetch(`${url}/_offload/send`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    await lines.until((line) => line.includes('<-- [200] callback'))
    const log = lines.seen.slice(lines.seen.findIndex((line) => line.includes('Stop: Ctrl-C')) + 1)
    expect(log.some((line) => /--> \[202\] POST \/jobs \d+ ms$/.test(line))).toBe(true)
    expect(log.filter((line) => / @ {2}job .*, recipient \d+: sent$/.test(line))).toHaveLength(2)
    expect(log.join('\n')).not.toMatch(/_offload|@example\.com|\u001b/)

    child.kill('SIGINT')
    const [code] = (await once(child, 'close')) as [number | null]
    expect(code).toBe(130)
    expect(await errors).toContain('Ctrl-C, stopping')
  })

  it('says which port is taken, by whom, and the flag that moves it', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const ran = await offload(['up', ...free.slice(0, 4), '--inbox-port', String(port), '--ephemeral'])
      expect(ran.code).toBe(2)
      expect(ran.stdout).toBe('')
      expect(ran.stderr).toContain(`port ${port} is taken`)
      expect(ran.stderr).toContain(`by process ${process.pid}: `)
      expect(ran.stderr).toContain(`--inbox-port ${port + 1}`)
    } finally {
      server.close()
    }
  })

  it('refuses a wrong configuration with exit 2 and without a stack trace', async () => {
    const ran = await offload(['up', ...free, '--speed', 'fast'], { env: { OFFLOAD_EPHEMERAL: 'perhaps' } })
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('--speed fast: must be a number')
    expect(ran.stderr).not.toContain('    at ')
  })
})
