import { createServer } from 'node:http'
import { once } from 'node:events'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createEmulator } from '../../emulator/emulator.ts'
import { ndjson, offload } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

it('callbacks lists what was refused, shows it by the beginning of its id, and replays it', async () => {
  let answer = 401
  const moodle = createServer((request, response) => {
    request.resume()
    response.writeHead(answer).end()
  }).listen(0, '127.0.0.1')
  await once(moodle, 'listening')
  onTestFinished(() => void moodle.close())
  const { port } = moodle.address() as { port: number }
  const emulator = await createEmulator({
    ...{ port: 0, smtp_port: 0, inbox_port: 0, ephemeral: true, callback_delay: 0, cloud_retry_policy: [] },
    callback_url: `http://127.0.0.1:${port}/`,
  })
  onTestFinished(() => emulator.stop())
  const settled = () =>
    new Promise<void>((resolve) => {
      const stop = emulator.journal.subscribe(({ event }) => {
        if (event.type !== 'callback.settled') return
        stop()
        resolve()
      })
    })
  const cli = async (...args: string[]) => {
    const ran = await offload(['callbacks', ...args, '--json', '--url', emulator.url])
    return { code: ran.code, lines: ndjson(ran.stdout) }
  }

  const dead = settled()
  await fetch(`${emulator.url}/jobs`, {
    method: 'POST',
    headers: { authorization: 'Bearer offload-dev-token' },
    body: JSON.stringify({
      job_id: '9a1b2c3d-0000-4000-8000-00000000beef',
      type: 'send_reminder',
      tenant_id: 1,
      recipients: [{ userid: 1, email: 'a@example.com' }],
      timestamp: '2026-01-01T00:00:00Z',
    }),
  })
  await dead
  const { lines } = await cli('list', '--state', 'dead')
  expect(lines).toMatchObject([
    { state: 'dead', lastStatus: 401, attempts: 1, words: expect.stringContaining('secret') },
  ])
  const id = String(lines[0]?.['id']).slice(0, 8)

  answer = 200
  const delivered = settled()
  expect((await cli('replay', id)).code).toBe(0)
  await delivered
  const shown = await cli('show', id)
  expect(shown.lines).toMatchObject([{ state: 'delivered', log: [{ status: 401 }, { status: 200 }] }])
  expect((await cli('show', 'zzzz')).code).toBe(2)
})
