import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dialects } from '../../contracts/job.ts'
import { mailpitBinary, startMailpit } from '../mail/inboxes.ts'
import { beside, checkCloud, folder, up } from './cloud-processes.ts'

const workers = join(import.meta.dirname, '..', 'workers')
const own = join(import.meta.dirname, 'workers')

/** An emulator whose queue is taken by one of the workers in Python, which mails by SES. */
async function withPython(worker: string, environment: Record<string, string> = {}) {
  const cwd = folder()
  writeFileSync(join(cwd, 'offload.config.yaml'), 'ses_notifications: { queue: ses-events }\nses_rate: 1000\n')
  const variables = Object.entries({ SENT_DB: join(cwd, 'sent.db'), PYTHONPATH: `${workers}:${own}`, ...environment })
  const set = variables.map(([name, value]) => `${name}='${value}'`).join(' ')
  return await up(['--worker', `exec:cd '${workers}' && ${set} exec /usr/bin/python3 line.py ${worker}`], { cwd })
}

it('the emulator passes in every dialect', async () => {
  const { url, queueUrl } = await up([])
  const all = dialects.map((dialect) => checkCloud(['--url', url, '--queue-url', queueUrl, '--dialect', dialect]))
  const checked = await Promise.all(all)
  expect(checked.map(({ wrong, code }) => [wrong, code])).toEqual(dialects.map(() => [[], 0]))
})

it.skipIf(mailpitBinary() === undefined && process.env['CI'] !== 'true')(
  'four processes pass: an emulator without a worker, two workers, Mailpit',
  async () => {
    const mailpit = await startMailpit(mailpitBinary() ?? '')
    onTestFinished(() => mailpit.stop())
    const smtp = `${mailpit.smtp.host}:${mailpit.smtp.port}`
    const { url, queueUrl } = await up(['--worker', 'none', '--mailpit', mailpit.url, '--smtp', smtp])
    const ledger = join(folder(), 'ledger.db')
    const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' }
    for (let n = 0; n < 2; n++) {
      const flags = [
        '--queue-url',
        queueUrl,
        '--bucket',
        'manireports-certificates',
        '--smtp',
        smtp,
        '--ledger',
        ledger,
      ]
      beside(['worker', ...flags, '--mailpit', mailpit.url], { env })
    }
    const { wrong, code, summary } = await checkCloud(['--url', url, '--queue-url', queueUrl, '--mailpit', mailpit.url])
    expect([wrong, code]).toEqual([[], 0])
    expect(summary).toMatch(/^\d+ passed, 0 failed$/)
  },
)

describe('a worker in Python behind the emulator', () => {
  it('passes where it is right', async () => {
    const { url, queueUrl } = await withPython('right_cloud')
    const flags = ['--url', url, '--queue-url', queueUrl, '--first-retry', '1s', '--callback-timeout', '5s']
    const { wrong, code } = await checkCloud(flags)
    expect([wrong, code]).toEqual([[], 0])
  })

  it('is one diagnosis where it calls the address in its own environment', async () => {
    const { url, queueUrl } = await withPython('naive')
    const { wrong, code, summary } = await checkCloud(['--url', url, '--queue-url', queueUrl, '--patience', '8s'])
    expect([code, wrong.length]).toEqual([1, 1])
    expect(wrong[0]).toMatch(
      /^fail canary\/job: no callback came here in 8 s, though the mail went out: the worker calls/,
    )
    expect(summary).toMatch(/^0 passed, 1 failed, \d+ skipped$/)
  })

  it('fails where it is naive, each time for its reason', async () => {
    const { url, queueUrl } = await withPython('naive_cloud', { NAIVE_SECRET: 'offload-dev-secret' })
    const { wrong, code } = await checkCloud([
      '--url',
      url,
      '--queue-url',
      queueUrl,
      '--patience',
      '20s',
      '--callback-timeout',
      '12s',
    ])
    expect(code).toBe(1)
    expect(
      wrong.map((line) =>
        line
          .replace(/[\d.]+ s\b/g, 'N s')
          .replaceAll(/oc-[\w-]+/g, 'OC')
          .replace(/[\da-f-]{36}/, 'JOB'),
      ),
    ).toMatchInlineSnapshot(`
      [
        "fail identity/duplicate-recipients: 2 mails to OC@check.offload.test, instead of 1 mail",
        "fail outcome/hard-bounce: it was told as sent, and no word of the bounce came within N s",
        "fail outcome/suppressed: it was told as sent, and no word of the suppression came within N s",
        "fail outcome/undeliverable-address: OC was told as "completed"",
        "fail outcome/own-content: the mail to OC@check.offload.test holds what belongs to OC@check.offload.test",
        "fail certificate/pdf: the callbacks name no certificate for OC@check.offload.test",
        "fail certificate/right-name: the callbacks name no certificate for OC@check.offload.test",
        "fail certificate/link-expires: the callbacks name no certificate for OC@check.offload.test",
        "fail certificate/link-cannot-be-altered: the callbacks name no certificate for OC@check.offload.test",
        "fail retry/500: a second attempt did not come within N s",
        "fail retry/hang: it was given up after N s, and did not come again within N s",
        "fail retry/after: a second attempt did not come within N s",
        "unobserved retry/stamped-anew: no second attempt came",
        "fail retry/redirect: it was followed, with GET /followed/JOB",
        "fail queue/redelivery: 2 mails to OC@check.offload.test, instead of 1 mail",
        "fail queue/redelivered-later: 2 mails to OC@check.offload.test, instead of 1 mail",
        "fail queue/poison-dead-letter: it is neither in the queue nor in the dead-letter queue: it was deleted as if it had been done",
      ]
    `)
  })
})
