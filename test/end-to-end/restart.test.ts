import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createEmulator } from '../../emulator/emulator.ts'
import { running, specJob } from './running.ts'

const folder = () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

it('keeps jobs, mails and ids over a restart, and finishes what was waiting', async () => {
  const data_dir = folder()
  const first = await running({ data_dir, worker: 'none' })
  await first.submit(specJob())
  await first.stop()
  const second = await running({ data_dir })
  expect([second.boot, second.seed]).toEqual([first.boot + 1, first.seed])
  expect((await second.settled(specJob().job_id)).totals.sent).toBe(2)
  await second.stop()
  const third = await running({ data_dir })
  expect((await third.mailpit.listMessages()).total).toBe(2)
  expect((await third.job(specJob().job_id)).status).toBe('completed')
})

it('refuses a data directory that another emulator uses', async () => {
  const data_dir = folder()
  await running({ data_dir })
  await expect(createEmulator({ data_dir, port: 0, smtp_port: 0, inbox_port: 0 })).rejects.toMatchObject({
    code: 'state-locked',
    message: expect.stringContaining('--data-dir'),
  })
})

it('names the port that is taken', async () => {
  const { url } = await running()
  const port = Number(new URL(url).port)
  await expect(createEmulator({ ephemeral: true, port, smtp_port: 0, inbox_port: 0 })).rejects.toMatchObject({
    code: 'port-taken',
    details: { port, role: 'port' },
  })
})

it('frees a parked callback when it is started with an address', async () => {
  const data_dir = folder()
  const first = await running({ data_dir })
  await first.submit(specJob())
  expect((await first.settled(specJob().job_id)).callbacks).toMatchObject({ parked: 1 })
  await first.stop()
  const second = await running({ data_dir, callback_url: 'http://127.0.0.1:1/nobody', cloud_retry_policy: [] })
  await second.event('callback.settled')
  expect((await second.job(specJob().job_id)).callbacks).toMatchObject({ parked: 0, dead: 1 })
})

it('reset forgets everything, or one tenant', async () => {
  const emulator = await running()
  await emulator.submit(specJob())
  await emulator.submit(specJob({ tenant_id: 5, job_id: '33333333-3333-4333-8333-333333333333' }))
  await emulator.settled(specJob().job_id)
  await emulator.settled('33333333-3333-4333-8333-333333333333')
  await fetch(`${emulator.url}/_offload/reset?tenant=123`, { method: 'POST' })
  await expect(emulator.job(specJob().job_id)).rejects.toThrow('404')
  expect((await emulator.mailpit.listMessages()).total).toBe(2)
  await fetch(`${emulator.url}/_offload/reset`, { method: 'POST' })
  expect((await emulator.mailpit.listMessages()).total).toBe(0)
  expect((await emulator.submit(specJob())).status).toBe(202)
})

it('listens on every --host, at the same port', async () => {
  const emulator = await running({ host: ['127.0.0.1', '127.0.0.2'] })
  const { port } = new URL(emulator.url)
  for (const host of ['127.0.0.1', '127.0.0.2']) expect((await fetch(`http://${host}:${port}/health`)).status).toBe(200)
})
