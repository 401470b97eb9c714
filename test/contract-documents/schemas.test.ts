import * as fc from 'fast-check'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeCallback, decodeJob, encodeCallback, encodeJob, type JobToSend } from '../../contracts/dialects/index.ts'
import { messageSchema } from '../../contracts/export/schemas.ts'
import { dialects, type Dialect, type JsonObject } from '../../contracts/job.ts'
import { jobStatuses } from '../../contracts/status.ts'
import { anyJob } from '../contracts/jobs.ts'
import { compile } from './validator.ts'

const validators = new Map(
  await Promise.all(
    dialects.map(async (dialect) => {
      const { $id: _, ...ofJob } = messageSchema(dialect, 'job')
      const { $id: __, ...ofCallback } = messageSchema(dialect, 'callback')
      const [job, callback] = await Promise.all([
        compile(ofJob, `urn:test:${dialect}:job`),
        compile(ofCallback, `urn:test:${dialect}:callback`),
      ])
      return [dialect, { job, callback }] as const
    }),
  ),
)
const validatorsOf = (dialect: Dialect) => validators.get(dialect) ?? { job: () => false, callback: () => false }

/** Why the reader refuses what a schema cannot: see `unsayable` in `contracts/export/words.ts`. */
const unsayable = /with other content|nested deeper|characters: at most|valid JSON|in JSON|firstname or lastname/

// Names of every dialect, and values that are right in one place and wrong in another.
const words = (text: string) => text.split(' ')
const names = [
  ...words('job_id job_uuid tenant_id companyid company_id type recipients template_data timestamp created_at'),
  ...words('action_type callback_url callback_secret custom_html custom_subject payload_summary subject html'),
  ...words('courseid created_by template_id generate_certificate certificate_template parent_job_id'),
]
const rowNames = words('userid id email firstname lastname recipient_data password course license_code')
const values: readonly unknown[] = [
  ...[undefined, null, 0, 1, 7, -1, 1.5, 2 ** 53, -(2 ** 53), true, [], [1], {}, { subject: 'S' }, { subject: 3 }],
  ...['', 'a', 'both', 'send_welcome', '12', '0x1', 'a\u0000', 'x'.repeat(65), 'x'.repeat(401), 'x'.repeat(1100)],
  ...['http://a.test/', 'HTTPS://a.test', 'ftp://a', 'http://[', '{}', '{"a"', '{"firstname":5}', { firstname: 5 }],
]

type JobChange = readonly [inRow: boolean, name: string, value: unknown]

function changed(body: JsonObject, changes: readonly JobChange[]): JsonObject {
  for (const [inRow, name, value] of changes) {
    const rows = body['recipients']
    const first: unknown = Array.isArray(rows) ? rows[0] : undefined
    if (!inRow) set(body, name, value)
    else if (typeof first === 'object' && first !== null) set(first as JsonObject, name, value)
  }
  return body
}

/** The schema takes what the reader takes; what the reader alone refuses is what no schema can say. */
function expectJudgedAlike(body: JsonObject, dialect: Dialect): void {
  const read = decodeJob(body, { dialect })
  const valid = validatorsOf(dialect).job(body)
  if (read.ok) expect({ body, valid }).toEqual({ body, valid: true })
  else if (valid) {
    for (const { path, reason } of read.issues) {
      // The subject may stand in the JSON of a string.
      if (path === 'type' && typeof body['payload_summary'] === 'string') continue
      if (path === 'callback_url') expect(body[path]).toBe('http://[')
      else expect(`${path}: ${reason}`).toMatch(unsayable)
    }
  }
}

const known: JobToSend = {
  jobId: '550e8400-e29b-41d4-a716-446655440000',
  tenant: 1,
  type: 'welcome',
  recipients: [{ userid: 1001, email: 'ada@example.com' }],
  timestamp: '2025-11-18T12:00:00Z',
}

describe.each(dialects)('the schemas of %s', (dialect) => {
  const { job: validJob, callback: validCallback } = validatorsOf(dialect)

  it('take every job that the plugin may write, as the reader does', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const body = encodeJob(job, dialect)
        expect(validJob(body)).toBe(true)
        expect(decodeJob(body, { dialect }).ok).toBe(true)
      }),
    )
  })

  it('judge each field with each value as the reader does, but for what no schema can say', () => {
    const places: (readonly [boolean, string])[] = [
      ...names.map((name) => [false, name] as const),
      ...rowNames.map((name) => [true, name] as const),
    ]
    for (const [inRow, name] of places) {
      for (const value of values) expectJudgedAlike(changed(encodeJob(known, dialect), [[inRow, name, value]]), dialect)
    }
  })

  it('judge any changed job as the reader does', () => {
    const change = fc.oneof(
      fc.tuple(fc.constant(false), fc.constantFrom(...names), fc.constantFrom(...values)),
      fc.tuple(fc.constant(true), fc.constantFrom(...rowNames), fc.constantFrom(...values)),
    )
    fc.assert(
      fc.property(anyJob, fc.array(change, { minLength: 1, maxLength: 3 }), (job, changes) => {
        expectJudgedAlike(changed(encodeJob(job, dialect), changes), dialect)
      }),
      { numRuns: 200 },
    )
  })

  it('take every callback that Offload writes, as the reader does', () => {
    const update = fc.record(
      {
        key: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme-ascii' }),
        userid: fc.integer({ min: 1 }),
        email: fc.emailAddress(),
        status: fc.constantFrom('sent' as const, 'failed' as const),
        certificateUrl: fc.webUrl(),
        timeSent: fc.nat(),
        error: fc.string(),
        messageId: fc.string(),
        attempts: fc.nat(),
      },
      { requiredKeys: ['key', 'email', 'status', 'attempts'] },
    )
    const content = fc.record({
      dialect: fc.constant(dialect),
      jobId: fc.oneof(fc.uuid(), fc.nat()),
      tenant: fc.nat(),
      status: fc.constantFrom(...jobStatuses),
      sent: fc.nat(),
      failed: fc.nat(),
      updates: fc.array(update, { maxLength: 4 }),
    })
    fc.assert(
      fc.property(content, (given) => {
        const body: unknown = JSON.parse(encodeCallback(given, { secret: 's', token: 't', now: 1.7e12 }).body)
        expect(validCallback(body)).toBe(true)
        expect(decodeCallback(body, dialect).ok).toBe(true)
        if (typeof body === 'object') set(body as JsonObject, dialect === 'detailed' ? 'result' : 'job_id', undefined)
        expect(validCallback(body)).toBe(false)
      }),
    )
  })
})

const vectors = join(import.meta.dirname, '../contracts/vectors')
it.each(readdirSync(vectors))("the documents' own example %s fits its schema", (file) => {
  const [, dialect, message] = /^(\w+?)-.*?(job|callback)\.json$/.exec(file) ?? []
  const { job, callback } = validatorsOf(dialect as Dialect)
  const valid = message === 'job' ? job : callback
  expect(valid(JSON.parse(readFileSync(join(vectors, file), 'utf8')))).toBe(true)
})

function set(object: JsonObject, name: string, value: unknown): void {
  if (value === undefined) delete object[name]
  else Object.assign(object, { [name]: structuredClone(value) })
}
