import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createEmulator, type ConfigInput } from '../../emulator/emulator.ts'
import { offload } from '../cli/offload.ts'

async function deployment(config: ConfigInput = {}) {
  const emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    callback_delay: 0,
    bounce_window: '200ms',
    ...config,
  })
  onTestFinished(() => emulator.stop())
  return emulator
}

function scenario(expect: string, jobs = 'job: { type: reminder, recipients: 12, bounces: 2 }'): string {
  const file = join(mkdtempSync(join(tmpdir(), 'offload-scenario-')), 'mine.yaml')
  writeFileSync(file, `name: mine\nwhy: On a deployment\njobs: { ${jobs} }\nexpect: { jobs: { job: ${expect} } }\n`)
  return file
}

const play = async (file: string, ...args: string[]) => {
  const ran = await offload(['scenario', 'run', file, '--json', '--patience', '3s', ...args])
  const [result] = ran.stdout.split('\n').map((line) => (line === '' ? {} : (JSON.parse(line) as object)))
  return { ...ran, result }
}

it('plays a scenario that injects nothing, and says what cannot be seen from outside', async () => {
  const { url, queueUrl } = await deployment()
  const file = scenario('{ sent: 10, failed: 2, mails: 10, moodle: completed, errors: [bounced] }')
  const { code, result } = await play(file, '--target', url, '--queue-url', queueUrl)
  expect([code, result]).toEqual([
    0,
    expect.objectContaining({
      verdict: 'pass',
      account: '10 sent, 2 failed',
      unobserved: ['expect.jobs.job.moodle', 'expect.jobs.job.errors', 'expect.dead_letters'],
    }),
  ])
})

it('says what differs, and passes by what it cannot play', async () => {
  const { url } = await deployment()
  const file = scenario('{ sent: 12, mails: 12 }')
  const { code, result } = await play(file, '--target', url)
  expect([code, result]).toMatchObject([
    1,
    {
      verdict: 'fail',
      differences: [{ at: 'expect.jobs.job.sent', expected: '12', got: '10' }, { at: 'expect.jobs.job.mails' }],
    },
  ])
  const skipped = await play('worker-dies', '--target', url)
  expect([skipped.code, skipped.result]).toMatchObject([
    0,
    { verdict: 'skip', reason: 'not on a deployment: it has fault rules' },
  ])
})

it('begins with one canary, and goes no further where it does not come back', async () => {
  const file = scenario('{ sent: 12 }')
  const silent = await deployment({ worker: 'none' })
  const nothing = await play(file, '--target', silent.url)
  expect([nothing.code, nothing.stdout, nothing.stderr]).toEqual([1, '', expect.stringContaining('no callback came')])
  expect(silent.journal.read().filter(({ event }) => event.type === 'job.accepted')).toHaveLength(1)

  await silent.stop()
  const nobody = await play(file, '--target', silent.url, '--token', 't', '--secret', 's')
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('nobody answers')])
  const elsewhere = await play(file, '--target', 'https://api.example.com')
  expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('--i-own-this-target')])
})

it('finds who mails twice, and who signs with another secret', { timeout: 60_000 }, async () => {
  const { url, inbox } = await deployment()
  const { code, result } = await play(scenario('{ sent: 10, failed: 2 }'), '--target', url, '--secret', 'another one')
  expect([code, result]).toMatchObject([1, { differences: [{ at: 'law 13' }] }])

  // A Mailpit that has seen each mail twice.
  const twice = createServer((request, response) => {
    void fetch(`${inbox}${request.url}`).then(async (answer) => {
      const body = (await answer.json()) as { messages?: { ID: string }[] }
      if (body.messages !== undefined) body.messages = body.messages.flatMap((mail) => [mail, mail])
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => twice.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void twice.close())
  const mailpit = `http://127.0.0.1:${(twice.address() as AddressInfo).port}`
  const repeated = await play(scenario('{ sent: 10, failed: 2 }'), '--target', url, '--mailpit', mailpit)
  expect([repeated.code, repeated.result]).toMatchObject([1, { differences: [{ at: 'law 6' }] }])
})
