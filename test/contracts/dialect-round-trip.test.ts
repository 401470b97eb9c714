import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeJob,
  decodeJobText,
  detectDialect,
  encodeJob,
  envelopeOf,
  messageAttributes,
} from '../../contracts/dialects/index.ts'
import { actionOf, typeNameOf, typeOf } from '../../contracts/dialects/types.ts'
import { dialects } from '../../contracts/job.ts'
import { accepted, anyJob } from './jobs.ts'

describe.each(dialects)('a job written in %s', (dialect) => {
  it('is read as the same job', () => {
    fc.assert(
      fc.property(anyJob, (sent) => {
        const body = encodeJob(sent, dialect)
        const envelope = envelopeOf(messageAttributes(sent, dialect))
        expect(detectDialect(body, envelope)).toBe(dialect)
        const job = accepted(decodeJobText(Buffer.from(JSON.stringify(body)), envelope))

        const meant = typeOf(typeNameOf(sent.type, dialect)) ?? 'custom'
        expect(job).toMatchObject({
          dialect,
          jobId: sent.jobId,
          tenant: sent.tenant,
          type: meant,
          action: actionOf(meant, sent.actionType, sent.generateCertificate ?? false),
          duplicates: 0,
          templateData: sent.templateData ?? {},
          timestamp: sent.timestamp,
        })
        const fields = ['templateId', 'courseId', 'createdBy', 'certificateTemplate', 'subject', 'html'] as const
        for (const name of fields) expect(job[name]).toBe(sent[name])
        for (const name of ['callbackUrl', 'callbackSecret', 'parentJobId'] as const) expect(job[name]).toBe(sent[name])

        expect(job.recipients.map(({ key }) => key)).toEqual(sent.recipients.map(({ userid }) => String(userid)))
        job.recipients.forEach((recipient, index) => {
          const { email, firstname, lastname, data } = sent.recipients[index] ?? { email: '' }
          expect(recipient).toMatchObject({ email, data: data ?? {} })
          expect([recipient.firstname, recipient.lastname]).toEqual([firstname, lastname])
        })
      }),
    )
  })

  it('says the same whatever the order of its fields', () => {
    fc.assert(
      fc.property(anyJob, (sent) => {
        const body = encodeJob(sent, dialect)
        const [a, b] = [accepted(decodeJob(body)), accepted(decodeJob(reversed(body)))]
        expect(b.contentHash).toBe(a.contentHash)
        expect(b.recipients.map(({ contentHash }) => contentHash)).toEqual(
          a.recipients.map(({ contentHash }) => contentHash),
        )
      }),
      { numRuns: 30 },
    )
  })
})

/** The same value with the fields of each object the other way round; lists keep their order. */
function reversed<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((inner: unknown) => reversed(inner)) as Value
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, inner]: [string, unknown]) => [name, reversed(inner)])
      .toReversed(),
  ) as Value
}
