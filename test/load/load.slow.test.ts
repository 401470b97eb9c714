import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createReceiver } from '../../emulator/deployment/receiver.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { runLoad, root, faults, startLoad, temporary, withoutK6 } from './offload-load.ts'
import { wrongCloud } from './wrong-cloud.ts'

const skip = withoutK6() !== undefined

async function emulator(settings: Parameters<typeof createEmulator>[0] = {}) {
  const started = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    callback_delay: 0,
    ...settings,
  })
  onTestFinished(() => started.stop())
  return started
}

it.skipIf(skip)('budget: 5,000 recipients come to their end, and the reports say so', async () => {
  const folder = temporary()
  const { code, result, failed } = await startLoad(['--recipients', '5000', '--budget', '2m'], folder).ended
  expect({ code, failed }).toEqual({ code: 0, failed: [] })
  expect(result).toMatchObject({
    verdict: 'pass',
    k6: { exit: 0 },
    groups: [{ sent: 5000, missing: 0, duplicateMails: 0, late: 0 }],
  })
  const [id = ''] = readdirSync(folder)
  expect(readFileSync(join(folder, id, 'report.html'), 'utf8')).toContain('5,000 recipients in')
  expect(readFileSync(join(folder, id, 'report.xml'), 'utf8')).toContain('failures="0"')
  expect(JSON.parse(readFileSync(join(folder, id, 'report.json'), 'utf8'))).toMatchObject({
    steadyRate: expect.any(Number) as number,
    stages: { submit: { count: 25 } },
  })
  expect(existsSync(join(folder, id, 'state'))).toBe(false)
})

it.skipIf(skip).each(['ingest', 'callbacks', 'tenants'])('%s: half a minute passes', async (scenario) => {
  const { code, failed, result } = await runLoad(
    scenario,
    '--duration',
    '30s',
    '--recipients',
    '2000',
    '--budget',
    '2m',
    '--rate',
    scenario === 'tenants' ? '5000' : '112',
  )
  expect({ code, failed }).toEqual({ code: 0, failed: [] })
  expect(result?.k6.exit).toBe(0)
})

it.skipIf(skip)('spike: ten times the usual rate goes by, by SQS and in another dialect', async () => {
  const { code, failed } = await runLoad(
    'spike',
    '--duration',
    '9s',
    '--budget',
    '1m',
    '--way',
    'sqs',
    '--dialect',
    'detailed',
  )
  expect({ code, failed }).toEqual({ code: 0, failed: [] })
})

it.skipIf(skip)('at 14 mails a second the budget is missed, for the mail rate', async () => {
  const { code, failed, reason } = await runLoad('--recipients', '1000', '--budget', '10s', '--mail-rate', '14')
  expect({ code, failed }).toEqual({ code: 99, failed: ['recipients/makespan'] })
  expect(reason('recipients/makespan')).toMatch(
    /the mail rate \(--mail-rate: 14 a second\) is the bottleneck; 1[34]\.\d recipients a second/,
  )
})

it.skipIf(skip)('a target that drops 1 % of its callbacks fails for that', async () => {
  const rules = faults('[{ at: callback.attempt, when: { share: 1% }, then: drop }]')
  const { code, failed, reason } = await runLoad(
    '--recipients',
    '1000',
    '--shape',
    'one-recipient-jobs',
    '--budget',
    '2m',
    '--faults',
    rules,
  )
  expect({ code, failed }).toEqual({ code: 99, failed: ['callbacks/told'] })
  expect(reason('callbacks/told')).toMatch(/^\d+ recipients? of 1,000 were mailed and no callback told of it/)
})

it.skipIf(skip)('a target that sends 1 of 500 mails twice fails for that', async () => {
  const rules = faults('[{ at: worker.mail, when: { every: 500 }, then: duplicate }]')
  const { code, failed, reason } = await runLoad('--recipients', '1000', '--budget', '2m', '--faults', rules)
  expect({ code, failed }).toEqual({ code: 99, failed: ['mails/once'] })
  expect(reason('mails/once')).toMatch(/^2 mails too many of 1,002/)
})

it.skipIf(skip)('a target that loses a batch fails for that', async () => {
  const { url } = await emulator()
  // The first is the canary.
  const target = await wrongCloud(url, { loses: [4] })
  const { code, failed, reason } = await runLoad(
    '--recipients',
    '1000',
    '--batch',
    '100',
    '--budget',
    '2m',
    '--target',
    target,
  )
  expect({ code, failed }).toEqual({ code: 99, failed: ['recipients/lost'] })
  expect(reason('recipients/lost')).toMatch(
    /^100 recipients accepted and never heard of again: no callback, and no mail/,
  )
})

it.skipIf(skip)('a target whose callbacks are late fails for that', async () => {
  const rules = faults('[{ at: callback.attempt, then: { late: 12s } }]')
  const { code, failed, reason } = await runLoad('--recipients', '200', '--budget', '10s', '--faults', rules)
  expect({ code, failed }).toEqual({ code: 99, failed: ['recipients/makespan'] })
  expect(reason('recipients/makespan')).toMatch(/200 of them late: the callbacks are the bottleneck/)
})

it.skipIf(skip)('a target that calls another address fails for that', async () => {
  const { url } = await emulator()
  const changes = (job: Record<string, unknown>) => ({
    ...job,
    callback_url: new URL('/elsewhere', String(job['callback_url'])).href,
  })
  const target = await wrongCloud(url, { changes })
  const { code, failed, reason } = await runLoad('--recipients', '200', '--budget', '2m', '--target', target)
  expect({ code, failed }).toEqual({ code: 99, failed: ['callbacks/address'] })
  expect(reason('callbacks/address')).toMatch(/they came to \/elsewhere \(\d+\), not to http/)
})

it.skipIf(skip)('a run that was interrupted goes on where it was', async () => {
  const folder = temporary()
  const first = startLoad(['--recipients', '1000', '--rate', '200', '--mail-rate', '100', '--budget', '2m'], folder)
  await expect.poll(() => first.said(), { timeout: 60_000 }).toMatch(/submitted/)
  first.child.kill('SIGINT')
  const { code, result } = await first.ended
  expect({ code, interrupted: result?.interrupted }).toEqual({ code: 130, interrupted: true })
  const [id = ''] = readdirSync(folder)
  const second = await startLoad(['--resume', id], folder).ended
  expect({ code: second.code, failed: second.failed }).toEqual({ code: 0, failed: [] })
  expect(second.result).toMatchObject({
    groups: [{ sent: 1000, missing: 0, duplicateMails: 0 }],
    resumed: { messages: 5 },
  })
  expect(second.said).toMatch(/resumed: \d of 5 messages had been taken/)
})

it.skipIf(skip)('a script runs alone, as k6 users start it; with SigV4 that is verified', async () => {
  const { url } = await emulator({ verify_signatures: true })
  const receiver = await createReceiver({
    clock: systemClock(),
    dialect: 'spec',
    secret: 'offload-dev-secret',
    listen: '127.0.0.1:0',
    keep: 'nothing',
  })
  onTestFinished(() => receiver.close())
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const { spawn } = await import('node:child_process')
  const variables = { TARGET: url, WAY: 'sqs', RECIPIENTS: '400', BUDGET: '2m', CALLBACK_URL: receiver.callbackUrl }
  const child = spawn(
    'k6',
    [
      'run',
      '--quiet',
      ...Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
      'load/budget.ts',
    ],
    {
      cwd: root,
      stdio: 'ignore',
      env: { ...process.env, K6_AUTO_EXTENSION_RESOLUTION: 'false' },
    },
  )
  child.once('close', resolve)
  expect(await promise).toBe(0)
})

it.skipIf(skip)('no threshold passes where there is no data', () => {
  const { status, stdout } = spawnSync(
    'k6',
    ['run', '--quiet', '-e', 'TARGET=http://127.0.0.1:9', '-e', 'RECIPIENTS=200', '-e', 'BUDGET=1ms', 'load/budget.ts'],
    {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, K6_AUTO_EXTENSION_RESOLUTION: 'false' },
    },
  )
  expect(status).toBe(99)
  for (const counter of [
    'recipients_done',
    'makespans',
    'callbacks',
    'lost_counted',
    'dup_mail_counted',
    'submitted',
  ]) {
    expect(stdout).toMatch(new RegExp(`${counter}\\n\\s+✗`))
  }
})
