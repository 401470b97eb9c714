import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { alterationNames } from '../../contracts/alterations.ts'
import { emptyFolder, ndjson, offload } from '../cli/offload.ts'
import { receiver, specJob } from '../end-to-end/running.ts'
import { faulty } from './set-up.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

it('faults set, list and clear, and the log says why something failed', async () => {
  const emulator = await faulty('', { worker: 'none' })
  const cli = (...args: string[]) => offload([...args, '--url', emulator.url])
  const file = join(emptyFolder(), 'faults.yaml')
  writeFileSync(file, '- {name: closed, at: ingest.submit, when: {tenant: 123, times: 2}, then: {error: 503}}')
  expect((await cli('faults', 'set', file)).stdout).toMatch(
    /closed\s+ingest\.submit\s+tenant 123, times 2\s+error 503\s+0/,
  )
  expect((await emulator.submit(specJob())).status).toBe(503)
  const listed = await cli('faults', '--json')
  expect(ndjson(listed.stdout)).toMatchObject([{ name: 'closed', hits: 1, effect: { kind: 'error', code: '503' } }])
  expect((await cli('logs')).stdout).toContain('fault "closed" at ingest.submit of job 550e8400…: error 503')
  expect((await cli('faults', 'clear')).stdout).toContain('No fault rules')
  expect((await emulator.submit(specJob())).status).toBe(202)
})

it('faults set says what is wrong in which line', async () => {
  const emulator = await faulty('', { worker: 'none' })
  const file = join(emptyFolder(), 'faults.yaml')
  writeFileSync(
    file,
    'faults:\n  - at: worker.mial\n    then: hang\n  - at: s3.PutObject\n    then: { crash: before }\n',
  )
  const refused = await offload(['faults', 'set', file, '--url', emulator.url])
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('faults.yaml:2 faults[0].at: "worker.mial" is no operation: worker.mail was meant?')
  expect(refused.stderr).toContain('faults.yaml:5 faults[1].then: crash cannot happen at s3.PutObject')
  expect(refused.stderr).toContain('crash can at worker.*')
})

it('the control API refuses rules as a problem, line by line, and keeps those that are set', async () => {
  const emulator = await faulty('- {at: sqs.SendMessage, then: throttle}', { worker: 'none' })
  const put = (body: string) => fetch(`${emulator.url}/_offload/faults`, { method: 'PUT', body })
  const refused = await put('- at: sqs.SendMessage\n  when: { every: 3 }\n  then: throttle\n')
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({
    title: 'bad-faults',
    issues: [{ path: 'line 2, [0].when.every', reason: expect.stringContaining('write share') }],
  })
  expect(await emulator.rules()).toHaveLength(1)
  const json = '[{"at": "sqs.SendMessage", "then": {"error": "AccessDenied"}}]'
  expect((await put(json)).status).toBe(200)
  expect(await emulator.rules()).toMatchObject([{ effect: { kind: 'error', code: 'AccessDenied' } }])
})

it('rules come with the configuration too, as a list or as a file, and stay over a restart', async () => {
  const data_dir = emptyFolder()
  const first = await faulty('', {
    data_dir,
    worker: 'none',
    // oxlint-disable-next-line unicorn/no-thenable -- a rule as a person writes it
    faults: [{ name: 'closed', at: 'ingest.submit', then: { error: 503 } }],
  })
  expect((await first.submit(specJob())).status).toBe(503)
  await first.stop()
  const second = await faulty('', { data_dir, worker: 'none' })
  expect(await second.rules()).toMatchObject([{ name: 'closed', hits: 1 }])
  expect((await second.submit(specJob())).status).toBe(503)
  await second.stop()

  const file = join(emptyFolder(), 'faults.yaml')
  writeFileSync(file, '- at: ingest.submit\n  then: { erorr: 503 }\n')
  const refused = faulty('', { worker: 'none', faults: file })
  await expect(refused).rejects.toMatchObject({
    code: 'bad-configuration',
    message: `${file}:2 [0].then.erorr: is no effect: error was meant?`,
  })
})

it('callbacks replay shows the answers side by side, and finds a receiver that verifies nothing', async () => {
  const moodle = await receiver()
  const emulator = await faulty('', { callback_url: moodle.url })
  await emulator.submit(specJob())
  await emulator.settled(specJob().job_id)
  const listed = await fetch(`${emulator.url}/_offload/callbacks`)
  const { callbacks } = (await listed.json()) as { callbacks: { id: string; attempts: number }[] }
  const id = callbacks[0]?.id ?? ''
  const cli = (...args: string[]) => offload(['callbacks', 'replay', id.slice(0, 8), ...args, '--url', emulator.url])

  const asSent = await cli('--as-sent', '--times', '3', '--concurrency', '3')
  expect(asSent.code).toBe(0)
  expect(asSent.stdout).toContain('The same answer each time.')
  expect(moodle.received).toHaveLength(4)
  expect(
    new Set(moodle.received.map(({ raw, headers }) => JSON.stringify([headers['x-signature'], raw.toString()]))).size,
  ).toBe(1)

  const tampered = await cli('--tamper', 'signature', '--tamper', 'timestamp', '--json')
  expect(tampered.code).toBe(1)
  expect(ndjson(tampered.stdout)).toMatchObject([
    { tamper: 'signature', altered: true, status: 200 },
    { tamper: 'timestamp', altered: true, status: 200 },
  ])
  const elsewhere = await fetch(`${emulator.url}/_offload/callbacks/${id}/probe`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: 'https://moodle.example.com/callback' }),
  })
  expect([elsewhere.status, await elsewhere.text()]).toEqual([409, expect.stringContaining('--allow-callback-host')])
})

it("the stand-in refuses every alteration, and the outbox's own account stays as it was", async () => {
  const emulator = await faulty('', { tenants: { '123': {} } })
  await fetch(`${emulator.url}/_offload/send`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ recipients: 3, tenant: 123 }),
  })
  await emulator.event('callback.settled')
  const listed = await fetch(`${emulator.url}/_offload/callbacks`)
  const { callbacks } = (await listed.json()) as { callbacks: { id: string; attempts: number }[] }
  const [first] = callbacks
  const all = await offload(['callbacks', 'replay', first?.id ?? '', '--tamper', 'all', '--url', emulator.url])
  expect(all.stdout).not.toContain('Accepted although')
  expect(all.code).toBe(0)
  for (const name of alterationNames) expect(all.stdout).toContain(name)
  const after = await fetch(`${emulator.url}/_offload/callbacks/${first?.id}`)
  expect(await after.json()).toMatchObject({ attempts: 1, state: 'delivered' })
  expect((await emulator.event('callback.replayed')).statuses).toHaveLength(alterationNames.length)
})
