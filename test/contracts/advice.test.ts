import { describe, expect, it } from 'vitest'
import { decodeJob, decodeJobText, splitJob } from '../../contracts/dialects/index.ts'
import type { Advice, JsonObject } from '../../contracts/job.ts'
import { accepted, smallest } from './jobs.ts'

function adviceOn(body: unknown): readonly Advice[] {
  return accepted(decodeJob(body)).advice
}

function plugin(data: JsonObject[], more: JsonObject = {}): JsonObject {
  const recipients = data.map((given, index) => ({
    id: String(index + 1),
    email: `user${index}@example.com`,
    recipient_data: JSON.stringify(given),
  }))
  return { job_id: 5, type: 'user_created', recipients, ...more }
}

const certificate = { generate_certificate: true }
const noUserid = { ...smallest, recipients: [{ email: 'a@example.com', user_id: 5 }] }
const withCourse = { ...smallest, recipients: [{ userid: 1, email: 'a@example.com', course: 'Math 101' }] }
const withPassword = { ...smallest, recipients: [{ userid: 1, email: 'a@example.com', password: 'TempPass123' }] }
const html = '<p>Welcome</p>'

describe('advice', () => {
  it('the contract as it is written needs none', () => {
    expect(adviceOn(smallest)).toEqual([])
  })

  const cases: [string, unknown, string, string][] = [
    ['secret-in-body', { ...smallest, callback_secret: 'hmac_secret_key' }, 'callback_secret', 'leave it out'],
    ['password-in-message', withPassword, 'recipients[0].password', 'send a link to set a password'],
    [
      'password-in-message',
      plugin([{}, { password: 'TempPass123' }]),
      'recipients[1].recipient_data.password',
      'a link',
    ],
    ['timestamp-missing', { ...smallest, timestamp: null }, 'timestamp', 'write `timestamp` as ISO 8601'],
    [
      'timestamp-missing',
      { ...smallest, timestamp: null, created_at: 'x' },
      'timestamp',
      "`created_at` is the `flow` dialect's name",
    ],
    ['timestamp-not-iso', { ...smallest, timestamp: 1763467200 }, 'timestamp', '2025-11-18T12:00:00Z'],
    ['job-id-not-uuid', { ...smallest, job_id: 12345 }, 'job_id', 'UUIDv4'],
    ['tenant-missing', { ...smallest, tenant_id: null }, 'tenant_id', "write `tenant_id` (IOMAD's company id)"],
    ['tenant-missing', plugin([{}]), '', 'CompanyId (Number)'],
    ['dialect-not-spec', plugin([{}]), '', 'each row → {userid, email, firstname, lastname}'],
    ['ignored-field', { ...smallest, companyid: 7 }, 'companyid', 'leave out `companyid`'],
    ['recipient-without-userid', noUserid, 'recipients[0].userid', 'write `userid` for `user_id`'],
    ['field-of-flow', withCourse, 'recipients[0].course', 'template_data'],
    [
      'certificate-without-course',
      { ...smallest, ...certificate, courseid: 101 },
      'template_data.course_name',
      'course_name',
    ],
    ['type-custom', { ...smallest, type: 'x', subject: 'S', html }, 'type', 'use a known type'],
    ['type-unknown-to-worker', plugin([{}], { type: 'license_allocated' }), 'type', 'one name on both sides'],
    [
      'html-repeated',
      plugin([{ custom_html: html }, { custom_html: html }]),
      'recipients[0].recipient_data.custom_html',
      'once at the top',
    ],
    [
      'html-of-first-recipient',
      plugin([{ custom_html: html }, {}]),
      'recipients[0].recipient_data.custom_html',
      'at the top of the job',
    ],
    [
      'html-personalised-for-all',
      plugin([{ firstname: 'Ana', username: 'ana77' }, {}], { custom_html: '<p>Your user name is ana77</p>' }),
      'custom_html',
      '{{firstname}}',
    ],
  ]
  it.each(cases)('%s', (code, body, path, fix) => {
    const found = adviceOn(body).filter((advice) => advice.code === code)
    expect(found).toHaveLength(1)
    expect(found[0]?.path).toBe(path)
    expect(found[0]?.fix).toContain(fix)
  })

  it('names what to rename, dialect by dialect', () => {
    const flow = {
      job_id: 1,
      company_id: 2,
      created_at: '2024-11-22 10:30:00',
      type: 'csv_import',
      recipients: [{ email: 'a@b.c' }],
    }
    expect(adviceOn(flow)[0]?.fix).toContain('`company_id` → `tenant_id`; `created_at` → `timestamp`')
    const detailed = { job_uuid: 'x', companyid: 2, type: 'CERTIFICATE', recipients: [{ email: 'a@b.c' }] }
    expect(adviceOn(detailed)[0]?.fix).toContain('`job_uuid` → `job_id`; `companyid` → `tenant_id`')
  })

  it('a course in the job or in every recipient is enough for certificates', () => {
    const codes = (body: unknown) => adviceOn(body).map(({ code }) => code)
    expect(codes({ ...smallest, ...certificate, template_data: { course_name: 'PHP' } })).toEqual([])
    expect(codes({ ...withCourse, ...certificate })).not.toContain('certificate-without-course')
  })

  it('never holds a password, a secret or an address', () => {
    const told = adviceOn({
      ...withPassword,
      callback_secret: 'hmac_secret_key',
      subject: 'S',
      html: 'a@example.com TempPass123',
      recipients: [
        { userid: 1, email: 'a@example.com', password: 'TempPass123' },
        { userid: 2, email: 'b@example.com', password: 'TempPass456' },
      ],
    })
    expect(told.map(({ code }) => code)).toEqual([
      'secret-in-body',
      'password-in-message',
      'field-of-flow',
      'html-personalised-for-all',
    ])
    expect(JSON.stringify(told)).not.toMatch(/hmac_secret_key|TempPass|@example/)
  })
})

describe('advice on the size of a message', () => {
  function sized(recipients: number): { text: string; body: JsonObject } {
    const rows = Array.from({ length: recipients }, () => ({
      firstname: 'Ana',
      lastname: 'Sá',
      username: 'x'.repeat(60),
    }))
    const body = plugin(rows)
    return { body, text: JSON.stringify(body) }
  }

  it.each([
    [2500, 'message-over-256-kib'],
    [12_000, 'message-over-1-mib'],
  ])('%i recipients: %s', (recipients, code) => {
    const codes = accepted(decodeJobText(sized(recipients).text)).advice.map((given) => given.code)
    expect(codes).toContain(code)
  })

  it('names a batch size that fits into each limit, and hardly a smaller one', () => {
    const { body, text } = sized(12_000)
    const advice = accepted(decodeJobText(text)).advice.find((given) => given.code === 'message-over-1-mib')
    const named = /: (\d+) recipients of this job fit into 262144 bytes, (\d+) into 1048576/.exec(advice?.fix ?? '')
    const largest = (maxRecipients: number) => {
      const parts = splitJob(body, { maxBytes: 10_000_000, maxRecipients })
      return Math.max(...parts.map((part) => Buffer.byteLength(part)))
    }
    for (const [count, limit] of [
      [Number(named?.[1]), 262_144],
      [Number(named?.[2]), 1_048_576],
    ] as const) {
      expect(largest(count)).toBeLessThanOrEqual(limit)
      expect(largest(Math.ceil(count * 1.05))).toBeGreaterThan(limit)
    }
  })

  it('says nothing where the message fits', () => {
    expect(accepted(decodeJobText(sized(500).text)).advice.filter(({ code }) => code.startsWith('message'))).toEqual([])
  })
})
