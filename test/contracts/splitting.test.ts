import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJobText, encodeJob, RecipientTooLargeError, splitJob } from '../../contracts/dialects/index.ts'
import { dialects, type JsonObject } from '../../contracts/job.ts'
import { accepted, anyJob, smallest } from './jobs.ts'

/** Bytes beyond what the largest recipient needs alone, and recipients a message. */
const limits = fc.record({ slack: fc.nat(400), maxRecipients: fc.integer({ min: 1, max: 10 }) })

function largestAlone(body: JsonObject): number {
  const alone = splitJob(body, { maxBytes: 1_000_000, maxRecipients: 1 })
  return Math.max(...alone.map((message) => Buffer.byteLength(message)))
}

describe('splitting a job into messages', () => {
  it.each(dialects)('%s: the parts hold the same recipients and the same job', (dialect) => {
    fc.assert(
      fc.property(anyJob, limits, (sent, { slack, maxRecipients }) => {
        const body = encodeJob(sent, dialect)
        const maxBytes = largestAlone(body) + slack
        const whole = accepted(decodeJobText(JSON.stringify(body)))
        const parts = splitJob(body, { maxBytes, maxRecipients })
        const jobs = parts.map((part) => accepted(decodeJobText(part)))

        for (const part of parts) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(maxBytes)
        for (const job of jobs) {
          expect(job.recipients.length).toBeLessThanOrEqual(maxRecipients)
          expect({ ...job, recipients: [], advice: [] }).toEqual({ ...whole, recipients: [], advice: [] })
        }
        expect(jobs.flatMap(({ recipients }) => recipients)).toEqual(whole.recipients)
      }),
    )
  })

  it('leaves a message that fits as it is, with its fields in their order', () => {
    const body: JsonObject = { z: 1, ...smallest, a: { b: [1.5, null, 'é'] } }
    const text = JSON.stringify(body)
    const fitting = { maxBytes: Buffer.byteLength(text), maxRecipients: 1 }
    expect(splitJob(body, fitting)).toEqual([text])
  })

  it('refuses a recipient that is too large for a message of its own, by name', () => {
    const recipients = [
      { userid: 1, email: 'a@example.com' },
      { userid: 2, email: 'b@example.com', note: 'x'.repeat(2000) },
    ]
    const split = () => splitJob({ ...smallest, recipients }, { maxBytes: 1024, maxRecipients: 200 })
    expect(split).toThrow(RecipientTooLargeError)
    expect(split).toThrow(/^recipients\[1\] makes a message of \d+ bytes on its own/)
  })
})
