import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { emptyFolder, linesOf, offload, start } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const running = new Set<ReturnType<typeof start>>()
afterEach(async () => {
  for (const child of running) {
    child.kill('SIGTERM')
    await once(child, 'close')
  }
  running.clear()
})

async function up(...args: string[]) {
  const ports = ['--port', '0', '--smtp-port', '0', '--inbox-port', '0', '--ephemeral']
  const child = start(['up', ...ports, ...args])
  running.add(child)
  const lines = linesOf(child.stdout)
  const url = (await lines.until((line) => line.includes('cloud_endpoint'))).split(/\s+/).at(-1) ?? ''
  await lines.until((line) => line.includes('Stop: Ctrl-C'))
  return { url, lines, welcome: lines.seen.join('\n') }
}

it('what a worker under exec: got wrong is in the log, in `offload job` and on the page, with evidence and advice', async () => {
  const workers = join(import.meta.dirname, '..', 'workers')
  const sent = join(emptyFolder(), 'sent.db')
  const worker = `cd '${workers}' && WORKER_MAIL=smtp SENT_DB='${sent}' exec /usr/bin/python3 line.py naive`
  const { url, lines } = await up('--worker', `exec:${worker}`)
  const send = await offload(['send', '--url', url, '--mode', 'sqs', '--recipients', '3', '--json'])
  const { job_id: id } = JSON.parse(send.stdout.trim().split('\n').at(-1) ?? '{}') as { job_id: string }

  // Two or three, by how many were there when it was looked at.
  const html = 'people got the same html, and it holds the'
  const advice = 'never once from the first one'
  const callback = 'POST /local/manireports/callback.php was answered 404'
  const logged = [
    await lines.until((line) => line.includes(html)),
    await lines.until((line) => line.includes(callback)),
  ]
  expect(logged[0]).toContain(advice)
  expect(logged[1]).toContain("exactly as the job's callback_url says")
  const shown = await offload(['job', id, '--url', url])
  for (const text of [html, advice, callback]) expect(shown.stdout.replace(/\s+/g, ' ')).toContain(text)
  const page = await (await fetch(`${url}/_offload/page/jobs/1/${id}`)).text()
  expect(page).toMatch(/<h2>Findings<\/h2>/)
  for (const text of [html, advice, callback]) expect(page).toContain(text)
})

it('prints what a worker outside needs, for bash and as a .env', async () => {
  const { url, welcome } = await up('--worker', 'none')
  const exports = {
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    CALLBACK_SECRET: 'offload-dev-secret',
  }
  for (const [name, value] of Object.entries(exports)) {
    expect(welcome).toMatch(new RegExp(`export ${name}=["']?${value}["']?$`, 'm'))
    expect(welcome).toMatch(new RegExp(`^\\s*${name}=["']?${value}["']?$`, 'm'))
  }
  expect(welcome).toMatch(/CALLBACK_URL=/)
})
