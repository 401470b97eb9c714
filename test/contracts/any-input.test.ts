import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeCallback, decodeJob, decodeJobText } from '../../contracts/dialects/index.ts'
import { scanJson } from '../../contracts/dialects/scan.ts'
import { dialects } from '../../contracts/job.ts'
import { smallest } from './jobs.ts'

const names = [
  ...['job_id', 'job_uuid', 'tenant_id', 'companyid', 'company_id', 'type', 'recipients', 'template_data', 'timestamp'],
  ...[
    'action_type',
    'callback_url',
    'callback_secret',
    'custom_html',
    'custom_subject',
    'payload_summary',
    'created_at',
  ],
  ...['userid', 'id', 'email', 'firstname', 'recipient_data', 'password', 'generate_certificate', '__proto__'],
]
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.jsonValue(),
    fc.constantFrom('send_reminder', 'a@example.com', '{}', '{"firstname":"A"}', 12, null, ''),
    fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 8, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 4 }),
  ),
}))
const text = fc.oneof(
  fc.json(),
  value.map((given) => JSON.stringify(given)),
  fc.string(),
)

it('whatever comes as a job or a callback gets an answer, never an exception', () => {
  fc.assert(
    fc.property(value, fc.constantFrom(...dialects), (given, dialect) => {
      const job = decodeJob(given)
      expect(job.ok || job.issues.length > 0).toBe(true)
      const callback = decodeCallback(given, dialect)
      expect(callback.ok || callback.issues.length > 0).toBe(true)
    }),
    { numRuns: 200 },
  )
})

it('a job with one field replaced by anything gets an answer', () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), value, (name, given) => {
      const inHead = decodeJobText(JSON.stringify({ ...smallest, [name]: given }))
      const recipients = [{ userid: 1, email: 'a@example.com', [name]: given }]
      const inRow = decodeJobText(JSON.stringify({ ...smallest, recipients }))
      for (const job of [inHead, inRow]) expect(job.ok || job.issues.length > 0).toBe(true)
    }),
    { numRuns: 200 },
  )
})

it('any bytes get an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeJobText(bytes)).toMatchObject({ ok: false })
    }),
  )
})

it('a text is found malformed exactly where JSON.parse finds it so, but for repeated names', () => {
  const spoiled = fc
    .tuple(text, fc.nat(), fc.constantFrom('', ',', '}', ']', '"', '\\', '\u0001', '1', 'e', ' ', '{'))
    .map(([given, at, extra]) => {
      const place = given.length === 0 ? 0 : at % given.length
      return given.slice(0, place) + extra + given.slice(place + 1)
    })
  fc.assert(
    fc.property(fc.oneof(text, spoiled), (given) => {
      const fault = scanJson(given)
      // A repeated name ends the search, whatever comes after it.
      fc.pre(fault?.reason.includes('stands twice') !== true)
      expect(parses(given)).toBe(fault === undefined)
    }),
    { numRuns: 500, examples: [['1.'], ['01'], ['-'], ['[1 2]'], ['{"a" 1}'], ['"\\u12"'], ['nul'], [' ']] },
  )
})

function parses(given: string): boolean {
  try {
    JSON.parse(given)
    return true
  } catch {
    return false
  }
}
