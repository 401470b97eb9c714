import { describe, expect, it } from 'vitest'
import { decodeJob, decodeJobText } from '../../contracts/dialects/index.ts'
import type { JsonObject } from '../../contracts/job.ts'
import { accepted, inWords, refused, smallest, uuid } from './jobs.ts'

function without(name: string): JsonObject {
  return Object.fromEntries(Object.entries(smallest).filter(([field]) => field !== name))
}

function wordsFor(body: unknown): string[] {
  return inWords(refused(decodeJob(body)))
}

const row = { id: '1', job_id: '5', email: 'a@example.com', recipient_data: '{}' }
const pluginJob = { job_id: 5, type: 'user_created', recipients: [row] }
const list =
  'send_reminder, reminder, course_completion_reminder, custom_reminder, send_reengagement, engagement_reminder, ' +
  'send_welcome, welcome, certificate, send_certificate, generate_certificate, EMAIL_REENGAGEMENT, EMAIL_WELCOME_STD, ' +
  'EMAIL_WELCOME_LIC, CERTIFICATE, CERTIFICATE_GEN, csv_import, csv, license_allocation, reengagement, user_created, ' +
  'license_allocated'

describe('a field of another dialect is named', () => {
  const cases: [string, unknown, string][] = [
    [
      'job_uuid',
      { ...without('job_id'), job_uuid: uuid },
      "job_id: is missing → `job_uuid` is the `detailed` dialect's name: write `job_id`",
    ],
    [
      'companyid',
      { ...without('tenant_id'), companyid: 3 },
      'companyid: is no field of the `spec` dialect, as which this message is read → ' +
        "`companyid` is the `detailed` dialect's name: write `tenant_id`",
    ],
    [
      'company_id',
      { ...without('tenant_id'), company_id: 3 },
      'company_id: is no field of the `spec` dialect, as which this message is read → ' +
        "`company_id` is the `flow` dialect's name: write `tenant_id`",
    ],
    [
      'tenant_id',
      { job_uuid: uuid, tenant_id: 3, type: 'EMAIL_WELCOME_STD', recipients: [{ email: 'a@example.com' }] },
      'tenant_id: is no field of the `detailed` dialect, as which this message is read → ' +
        "`tenant_id` is the `spec` dialect's name: write `companyid`",
    ],
    [
      'custom_html',
      { ...smallest, custom_html: '<p>' },
      'custom_html: is no field of the `spec` dialect, as which this message is read → ' +
        "`custom_html` is the `plugin` dialect's name: write `html`",
    ],
    [
      'html',
      { ...pluginJob, html: '<p>' },
      'html: is no field of the `plugin` dialect, as which this message is read → ' +
        '`html` is the name of the dialects `spec`, `detailed`, `flow`: write `custom_html`',
    ],
    [
      'recipients[].password',
      { ...smallest, recipients: [{ password: 'TempPass123' }] },
      "recipients[0].email: is missing → `password` is the `flow` dialect's, whose recipients are {email, password}; " +
        'this message is read as `spec`',
    ],
    [
      'recipients[].password in a row of plugin',
      { ...pluginJob, recipients: [row, { id: '2', email: 'b@example.com', password: 'TempPass123' }] },
      "recipients[1].recipient_data: is missing → `password` in the row is the `flow` dialect's: " +
        'write it into the JSON of recipient_data',
    ],
    [
      'recipients[].recipient_data',
      { ...smallest, recipients: [{ userid: 1, email: 'a@example.com' }, row] },
      "recipients[1].recipient_data: is no field of the `spec` dialect → `recipient_data` is the `plugin` dialect's: " +
        'write its fields (firstname, lastname, …) into the recipient itself',
    ],
    ['another spelling', { ...without('job_id'), jobId: uuid }, 'job_id: is missing → write `job_id` for `jobId`'],
  ]
  it.each(cases)('%s', (_name, body, expected) => {
    expect(wordsFor(body)).toEqual([expected])
  })
})

describe('a field that cannot be taken', () => {
  const cases: [string, unknown, string][] = [
    ['no type', without('type'), `type: is missing → write one of ${list}`],
    [
      'an unknown type',
      { ...smallest, type: 'send_party' },
      `type: "send_party" is no type of any dialect; known are ${list} → write one of these, or give the job its own subject and html`,
    ],
    [
      'a type in another spelling',
      { ...smallest, type: 'SendReminder' },
      `type: "SendReminder" is no type of any dialect; known are ${list} → write \`send_reminder\``,
    ],
    ['an empty id', { ...smallest, job_id: '' }, 'job_id: is empty'],
    ['an id that is null', { ...smallest, job_id: null }, 'job_id: is null'],
    ['a long id', { ...smallest, job_id: 'x'.repeat(65) }, 'job_id: is longer than 64 characters'],
    [
      'an id with a line break',
      { ...smallest, job_id: 'a\nb' },
      'job_id: must not hold control characters or lone surrogates',
    ],
    [
      'an id beyond 2^53',
      { ...smallest, job_id: 2 ** 60 },
      'job_id: is an integer beyond 2^53, whose last digits are already lost → send it as a string',
    ],
    ['a tenant in words', { ...smallest, tenant_id: 'acme' }, 'tenant_id: must be an integer of 0 or more'],
    [
      'an empty callback secret',
      { ...smallest, callback_secret: '' },
      'callback_secret: is empty: anybody could forge a callback signed with it → leave it out and set the secret on both sides',
    ],
    [
      'a callback address of another kind',
      { ...smallest, callback_url: 'ftp://moodle.test/' },
      'callback_url: must be an http:// or https:// URL',
    ],
    ['an unknown action', { ...smallest, action_type: 'mail' }, 'action_type: must be one of email, certificate, both'],
    ['template data as text', { ...smallest, template_data: '{}' }, 'template_data: must be an object'],
    [
      'nobody',
      { ...smallest, recipients: [] },
      'recipients: is empty: a job needs at least one recipient → do not submit a job that has nobody to write to',
    ],
    ['no recipients', without('recipients'), 'recipients: is missing'],
    [
      'a PHP array with gaps',
      { ...smallest, recipients: { 0: {}, 2: {} } },
      "recipients: must be a list, not an object → PHP's json_encode writes an array with gaps as an object: use array_values($recipients)",
    ],
    [
      'an address alone',
      { ...smallest, recipients: ['a@example.com'] },
      'recipients[0]: must be an object, not a string → write {"email": "…"} for an address',
    ],
    [
      'an address that is null',
      { ...smallest, recipients: [{ userid: 1, email: null }] },
      'recipients[0].email: must be a string, not null',
    ],
    [
      'one recipient twice, with other content',
      {
        ...smallest,
        recipients: [
          { userid: 7, email: 'a@example.com' },
          { userid: 7, email: 'b@example.com' },
        ],
      },
      'recipients[1]: has the same userid as recipients[0], with other content → name each recipient once in a job',
    ],
    [
      'recipient_data that was cut',
      { ...pluginJob, recipients: [{ ...row, recipient_data: '{"firstname":"A' }] },
      "recipients[0].recipient_data: is a string that holds no valid JSON → write PHP's json_encode($data) into the column, without cutting it",
    ],
    [
      'recipient_data that is a list',
      { ...pluginJob, recipients: [{ ...row, recipient_data: '[1]' }] },
      'recipients[0].recipient_data: must hold an object in JSON, not a list',
    ],
    [
      'a recipient over 64 KB',
      { ...smallest, recipients: [{ userid: 1, email: 'a@example.com', note: 'x'.repeat(65_536) }] },
      'recipients[0]: holds 65582 characters: at most 65536 are taken → put what all recipients share at the top of the job',
    ],
    ['a list', [smallest], ': a job must be a JSON object, not a list → send each job as a message of its own'],
    ['null', null, ': a job must be a JSON object, not null'],
  ]
  it.each(cases)('%s', (_name, body, expected) => {
    expect(wordsFor(body)).toEqual([expected])
  })

  it('an unknown dialect: what would identify each', () => {
    expect(wordsFor({ job: smallest })).toEqual([
      ': the message fits no dialect of the contract → the job seems to be inside `job`: send it alone; what identifies ' +
        'each: spec: `job_id` (UUID), `tenant_id`, `type` such as send_reminder, `recipients[].userid`; ' +
        'detailed: `job_uuid`, `companyid`, `type` such as EMAIL_REENGAGEMENT; ' +
        'flow: `company_id`, `created_at`, `recipients[].password`, `license_code` or `course` without a userid; ' +
        'plugin: `recipients[].recipient_data`, `custom_subject`, `custom_html`, the SQS message attribute JobType',
    ])
  })

  it('names the first 20 issues and counts the rest', () => {
    const recipients = Array.from({ length: 1000 }, (_, userid) => ({ userid }))
    const words = wordsFor({ ...smallest, recipients })
    expect(words).toHaveLength(21)
    expect(words.at(19)).toBe('recipients[19].email: is missing')
    expect(words.at(20)).toBe(': and 980 more issues of the same message')
  })

  it('never repeats a password, an address or a secret', () => {
    const body = {
      ...smallest,
      callback_secret: 5,
      recipients: [{ userid: {}, email: 'secret@example.com', password: 'TempPass123' }],
    }
    expect(JSON.stringify(wordsFor(body))).not.toMatch(/secret@example|TempPass123/)
  })
})

describe('a body that is no JSON', () => {
  const convert =
    'convert names to UTF-8 before json_encode (PHP: mb_convert_encoding; its json_encode returns false for such text)'
  const cases: [string, string | Uint8Array, string][] = [
    ['empty', '', 'the body is empty → send the job as JSON'],
    [
      'cut off',
      '{"job_id": 1,\n "type": "send',
      'malformed JSON at line 2, column 15: the text ends inside a string → send the whole JSON: is it cut off?',
    ],
    [
      'a last comma',
      '{"a":[1,]}',
      'malformed JSON at line 1, column 9: a comma before "]" → JSON has no comma after the last value',
    ],
    [
      'single quotes',
      '{"a":\'b\'}',
      'malformed JSON at line 1, column 6: a string in single quotes → JSON has double quotes only',
    ],
    ['form-encoded', 'job_id=1', 'malformed JSON at line 1, column 1: expected a value, found "j"'],
    ['two jobs', '{}\n{}', 'malformed JSON at line 2, column 1: "{" after the end of the JSON'],
    [
      'a name twice',
      '{"a":{"b":1,\n"\\u0062":2}}',
      'malformed JSON at line 2, column 1: the name "b" stands twice in one object → write each name once',
    ],
    ['too deep', '['.repeat(200_000), 'malformed JSON at line 1, column 65: nested deeper than 64 levels'],
    [
      'a control character',
      '{"a":"x\ty"}',
      'malformed JSON at line 1, column 8: the control character U+0009 inside a string → write it as an escape (\\n, \\t, \\u0000)',
    ],
    [
      'Latin-1',
      Buffer.from('{"firstname":"Zo\u00eb"}', 'latin1'),
      `the body is no valid UTF-8: byte 16 is 0xeb → ${convert}`,
    ],
    [
      'a character cut in two',
      Buffer.from('{"firstname":"Zo\u00eb').subarray(0, -1),
      `the body is no valid UTF-8: byte 16 is 0xc3 → ${convert}`,
    ],
    [
      'a byte order mark',
      Buffer.from(`\ufeff${JSON.stringify(smallest)}`),
      'the body begins with a byte order mark (EF BB BF) → send UTF-8 without it: JSON must not have one',
    ],
    ['a list', '[]', 'a job must be a JSON object, not a list → send each job as a message of its own'],
    ['a number', '5', 'a job must be a JSON object, not a number'],
  ]
  it.each(cases)('%s', (_name, text, expected) => {
    expect(inWords(refused(decodeJobText(text)))).toEqual([`: ${expected}`])
  })
})

describe('what is taken all the same', () => {
  it('null, and what PHP writes for nothing, count as absent', () => {
    const job = accepted(
      decodeJob({ ...smallest, template_id: null, courseid: null, template_data: [], callback_url: null }),
    )
    expect(job.templateData).toEqual({})
    expect(job).not.toHaveProperty('callbackUrl')
  })

  it('numbers in strings, as database rows have them', () => {
    const job = accepted(decodeJob({ ...smallest, tenant_id: '12', courseid: '101' }))
    expect(job).toMatchObject({ tenant: 12, courseId: 101 })
  })

  it('the tenant of the envelope, where the body names none', () => {
    expect(accepted(decodeJob(without('tenant_id'), { tenant: 9 })).tenant).toBe(9)
    expect(accepted(decodeJob(smallest, { tenant: 9 })).tenant).toBe(1)
    expect(accepted(decodeJob(without('tenant_id'))).tenant).toBe(0)
  })

  it('an unknown type with its own subject and html', () => {
    const own = { ...smallest, type: 'send_party', subject: 'Party', html: '<p>Come</p>' }
    expect(accepted(decodeJob(own))).toMatchObject({ type: 'custom', typeName: 'send_party' })
  })

  it('an equal recipient again: left out and counted, whatever the order of its fields', () => {
    const recipients = [
      { userid: 1, email: 'a@example.com' },
      { email: 'a@example.com', userid: 1 },
    ]
    const job = accepted(decodeJob({ ...smallest, recipients }))
    expect([job.recipients.length, job.duplicates]).toEqual([1, 1])
  })

  it('two licences for one address: two recipients; one licence twice: one', () => {
    const codes = ['LIC-001', 'LIC-002', 'LIC-001']
    const recipients = codes.map((license_code) => ({ email: 'a@example.com', license_code }))
    const job = accepted(decodeJob({ job_id: 1, company_id: 2, type: 'license_allocation', recipients }))
    expect([new Set(job.recipients.map(({ key }) => key)).size, job.duplicates]).toEqual([2, 1])
  })

  it('a row of plugin whose state has changed: the same recipient', () => {
    const [before, after] = [row, { ...row, status: 'failed', error_message: 'x' }].map((recipient) =>
      accepted(decodeJob({ ...pluginJob, recipients: [recipient] })),
    )
    expect(after?.recipients[0]?.contentHash).toBe(before?.recipients[0]?.contentHash)
  })

  it('names with control characters: kept on one line', () => {
    const recipients = [{ userid: 1, email: 'a@example.com', firstname: 'Ann\r\nBcc: x', lastname: 'Li' }]
    expect(accepted(decodeJob({ ...smallest, recipients })).recipients[0]?.firstname).toBe('Ann Bcc: x')
  })

  it('a field named __proto__ is data like any other', () => {
    const text = JSON.stringify(smallest).replace('"userid"', '"__proto__":{"invalid":"x"},"userid"')
    const recipient = accepted(decodeJobText(text)).recipients[0]
    expect(recipient?.invalid).toBeUndefined()
    expect(Object.keys(recipient?.data ?? {})).toEqual(['__proto__'])
  })
})

describe('what a job asks for', () => {
  const cases: [JsonObject, string][] = [
    [{}, 'email'],
    [{ generate_certificate: true }, 'both'],
    [{ generate_certificate: true, action_type: 'email' }, 'both'],
    [{ action_type: 'certificate' }, 'certificate'],
    [{ action_type: 'both' }, 'both'],
    [{ type: 'certificate' }, 'certificate'],
    [{ type: 'CERTIFICATE_GEN', generate_certificate: true }, 'certificate'],
    [{ type: 'certificate', action_type: 'email' }, 'both'],
    [{ type: 'generate_certificate', action_type: 'both' }, 'both'],
  ]
  it.each(cases)('%j → %s', (fields, action) => {
    expect(accepted(decodeJob({ ...smallest, ...fields })).action).toBe(action)
  })
})

describe('the same job id with another body', () => {
  const hash = (body: JsonObject) => accepted(decodeJob(body)).contentHash
  it('has another content hash, where a field of the job differs', () => {
    for (const fields of [
      { template_id: 'x' },
      { type: 'send_welcome' },
      { template_data: { a: 1 } },
      { created_by: 3 },
    ]) {
      expect(hash({ ...smallest, ...fields })).not.toBe(hash(smallest))
    }
  })

  it('has the same one, where only the time or the recipients differ', () => {
    const later = {
      ...smallest,
      timestamp: '2026-01-01T00:00:00Z',
      recipients: [{ userid: 5, email: 'x@example.com' }],
    }
    expect(hash(later)).toBe(hash(smallest))
  })
})
