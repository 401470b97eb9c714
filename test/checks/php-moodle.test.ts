import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judgeMoodleSettings, type MoodleSettingsFound } from '../../contracts/checks/moodle-settings.ts'
import { openPhpMoodle } from '../../emulator/check/php-moodle.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { hasPhp, withoutPhp } from './php-receiver.ts'

// Against a stub of Moodle: config.php and the part of $DB that the script asks. A real Moodle needs a database, a web
// server and an installed plugin, and none is here: what a real $DB does otherwise is not seen by these tests.
const root = join(import.meta.dirname, 'php', 'moodle')

type Cell = string | number | null
const store = (tables: Record<string, { columns: string[]; rows: Cell[][] }>) => {
  const file = join(mkdtempSync(join(tmpdir(), 'offload-moodle-')), 'tables.json')
  const write = (given: typeof tables) => writeFileSync(file, JSON.stringify(given))
  write(tables)
  return { command: `STORE='${file}' php`, write }
}
const open = (command: string, folder = root) => openPhpMoodle({ command, root: folder, clock: systemClock() })

const namings = {
  specification: {
    id: 'aaaaaaaa-0000-4000-8000-000000000001',
    tables: {
      manireports_cloud_jobs: {
        columns: [
          'id',
          'jobid',
          'tenantid',
          'status',
          'total_recipients',
          'completed_recipients',
          'failed_recipients',
          'payload_json',
          'timecompleted',
        ],
        rows: [[5, 'aaaaaaaa-0000-4000-8000-000000000001', 7, 'completed', 2, 1, 1, '{"secret":"x"}', 1767302400]],
      },
      manireports_cloud_job_recipients: {
        columns: [
          'id',
          'jobid',
          'userid',
          'email',
          'status',
          'attempts',
          'certificate_url',
          'error_message',
          'timesent',
        ],
        rows: [
          [1, 'aaaaaaaa-0000-4000-8000-000000000001', 1001, 'a@example.com', 'completed', 1, null, null, 1767302400],
          [2, 'aaaaaaaa-0000-4000-8000-000000000001', 1002, 'b@example.com', 'failed', 1, null, 'bounced', null],
          [3, 'another', 1003, 'c@example.com', 'pending', 0, null, null, null],
        ],
      },
    },
  },
  'detailed plan': {
    id: 'aaaaaaaa-0000-4000-8000-000000000002',
    tables: {
      manireports_cloud_jobs: {
        columns: [
          'id',
          'job_uuid',
          'status',
          'total_records',
          'processed_records',
          'failed_records',
          'payload_summary',
          'timemodified',
        ],
        rows: [[5, 'aaaaaaaa-0000-4000-8000-000000000002', 'COMPLETED', 2, 1, 1, '{}', 1]],
      },
      manireports_cloud_job_recipients: {
        columns: ['id', 'jobid', 'userid', 'email', 'status', 'external_id', 'error_message', 'artifact_url'],
        rows: [
          [1, 5, 1001, 'a@example.com', 'SENT', 'x', null, null],
          [2, 5, 1002, 'b@example.com', 'FAILED', null, 'bounced', null],
        ],
      },
    },
  },
  'plugin in use': {
    id: 5,
    tables: {
      manireports_cloud_jobs: {
        columns: ['id', 'type', 'status', 'emails_sent', 'emails_failed', 'completed_at', 'error_message'],
        rows: [[5, 'user_created', 'completed', 1, 1, '2026-01-01 21:20:00', null]],
      },
      manireports_cloud_recipients: {
        columns: ['id', 'job_id', 'email', 'recipient_data', 'status', 'sent_at', 'error_message'],
        rows: [
          [1, 5, 'a@example.com', '{"password":"Temp-secret-1"}', 'sent', '2026-01-01 21:20:00', null],
          [2, 5, 'b@example.com', '{}', 'failed', null, 'bounced'],
        ],
      },
    },
  },
}

describe.runIf(hasPhp)(`the plugin's tables, through PHP and a stub of Moodle${withoutPhp}`, () => {
  it.each(Object.entries(namings))('are read in the naming of the %s', async (_name, { id, tables }) => {
    const { command, write } = store(tables)
    const php = await open(command)
    const first = await php.snapshot([id])
    expect(first.jobs[String(id)]).toMatchObject({
      status: 'completed',
      completed: 1,
      failed: 1,
      recipients: [
        { email: 'a@example.com', status: 'completed', error: null },
        { email: 'b@example.com', status: 'failed', error: 'bounced' },
      ],
    })
    expect(JSON.stringify(first)).not.toContain('secret')
    expect(await php.snapshot([id])).toEqual(first)

    const [jobs] = Object.keys(tables)
    const changed = structuredClone(tables) as Record<string, { columns: string[]; rows: Cell[][] }>
    const row = changed[jobs ?? '']?.rows[0] ?? []
    row[changed[jobs ?? '']?.columns.indexOf('status') ?? 0] = 'failed'
    write(changed)
    expect((await php.snapshot([id])).digest).not.toBe(first.digest)
    await php.close()
  })

  it('know no job that is not there, and read no other for an id that begins with its number', async () => {
    const php = await open(store(namings['plugin in use'].tables).command)
    expect((await php.snapshot(['5a0e-4a7d', 6])).jobs).toEqual({})
    await php.close()
  })

  it('are not there where the plugin is not installed', async () => {
    const php = await open(store({}).command)
    await expect(php.snapshot([1])).rejects.toThrow('is the plugin installed and upgraded?')
    await php.close()
  })

  it.each([
    ['another folder', 'php', '/nowhere', /there is no config\.php in \/nowhere.*--moodle-root/],
    ['no PHP', 'no-such-php', root, /no-such-php: .*not found/],
  ])('with %s: says so', async (_name, command, folder, words) => {
    await expect(open(command, folder)).rejects.toThrow(words)
  })

  it("tell Moodle's own error", async () => {
    const { specification } = namings
    const jobs = { ...specification.tables.manireports_cloud_jobs, rows: [[5]] }
    const php = await open(store({ ...specification.tables, manireports_cloud_jobs: jobs }).command)
    await expect(php.snapshot([specification.id])).rejects.toThrow(/^ValueError: /)
    await php.close()
  })

  it('tell what keeps Moodle and the emulator apart', async () => {
    const php = await open("AWS_ENDPOINT_URL_SQS='http://127.0.0.1:4566' php")
    const found = await php.settings('http://127.0.0.1:4566')
    expect(found).toEqual({
      wwwroot: 'http://localhost:8000',
      release: '4.5',
      blockedHosts: '127.0.0.0/8\nlocalhost',
      allowedPorts: '443\n80',
      mode: 'api_gateway',
      queueUrl: null,
      sdk: null,
      endpoint: 'http://127.0.0.1:4566',
      reached: { status: 0, words: 'The URL is blocked.' },
    })
    expect(judgeMoodleSettings(found, 'http://127.0.0.1:4566').map(({ id, verdict }) => [id, verdict])).toEqual([
      ['moodle-wwwroot', 'pass'],
      ['moodle-curl', 'fail'],
      ['moodle-sdk', 'skip'],
    ])
    expect(await php.settings()).not.toHaveProperty('reached')
    await php.close()
  })
})

describe("a Moodle's settings", () => {
  const right = {
    wwwroot: 'http://localhost:8000',
    release: '4.5',
    blockedHosts: '',
    allowedPorts: '',
    mode: 'sqs',
    queueUrl: 'http://127.0.0.1:4566/000000000000/manireports-jobs',
    sdk: '3.337.3',
    endpoint: 'http://127.0.0.1:4566',
  }
  const judged = (changes: Partial<MoodleSettingsFound>) =>
    judgeMoodleSettings({ ...right, ...changes }, 'http://127.0.0.1:4566').filter(({ verdict }) => verdict === 'fail')

  it.each<[string, Partial<MoodleSettingsFound>, RegExp | undefined]>([
    ['right', {}, undefined],
    ['right for an old SDK', { sdk: '3.276.0', endpoint: null }, undefined],
    ['a new SDK without the variable', { endpoint: null }, /putenv\('AWS_ENDPOINT_URL_SQS=http:\/\/127.0.0.1:4566'\)/],
    [
      'an old SDK with a queue of AWS',
      { sdk: '3.200.0', queueUrl: 'https://sqs.us-east-1.amazonaws.com/1/q' },
      /sqs_queue_url = http:/,
    ],
    ['no SDK in SQS mode', { sdk: null }, /composer require aws\/aws-sdk-php/],
    ['a port that curl does not allow', { mode: 'api_gateway', allowedPorts: '443\n80' }, /443\\n80\\n4566/],
    [
      'an address that curl blocks',
      { mode: 'api_gateway', reached: { status: 0, words: 'The URL is blocked.' } },
      /curlsecurityblockedhosts = ''/,
    ],
  ])('%s', (_name, changes, fix) => {
    const found = judged(changes)
    if (fix === undefined) expect(found).toEqual([])
    else expect(found).toMatchObject([{ fix: expect.stringMatching(fix) as string }])
  })
})
