import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallbackContent, RecipientUpdate } from '../../contracts/callback.ts'
import { decodeCallback, encodeCallback, jobStatusWord } from '../../contracts/dialects/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { verify } from '../../contracts/signature.ts'
import { jobStatuses } from '../../contracts/status.ts'
import { inWords } from './jobs.ts'

const keys = { secret: 'callback-secret', token: 'plugin-token', now: 1_700_308_900_999 }

const update: fc.Arbitrary<RecipientUpdate> = fc.oneof(
  fc.record(
    {
      key: fc.string({ minLength: 1, maxLength: 64 }).filter((key) => !/[\p{Cc}\p{Cs}]/u.test(key)),
      userid: fc.integer({ min: 1 }),
      email: fc.emailAddress(),
      status: fc.constant('sent' as const),
      certificateUrl: fc.webUrl(),
      timeSent: fc.nat(),
      messageId: fc.uuid(),
      attempts: fc.integer({ min: 1, max: 4 }),
    },
    { requiredKeys: ['key', 'email', 'status', 'attempts'] },
  ),
  fc.record(
    {
      key: fc.uuid(),
      userid: fc.integer({ min: 1 }),
      email: fc.emailAddress(),
      status: fc.constant('failed' as const),
      error: fc.string(),
      attempts: fc.integer({ min: 1, max: 4 }),
    },
    { requiredKeys: ['key', 'email', 'status', 'attempts'] },
  ),
)

const content = fc.record({
  dialect: fc.constant('spec' as const),
  jobId: fc.oneof(fc.uuid(), fc.integer({ min: 1 })),
  tenant: fc.nat(),
  status: fc.constantFrom('processing' as const, 'completed' as const, 'partial_failure' as const, 'failed' as const),
  sent: fc.nat(),
  failed: fc.nat(),
  updates: fc.array(update, { maxLength: 6 }),
})

function example(dialect: CallbackContent['dialect']): CallbackContent {
  return {
    dialect,
    jobId: 7,
    tenant: 1,
    status: 'partial_failure',
    sent: 1,
    failed: 1,
    updates: [
      { key: '11', userid: 11, email: 'a@example.com', status: 'sent', messageId: 'm1', timeSent: 5, attempts: 1 },
      { key: 'k2', email: 'b@example.com', status: 'failed', error: 'Throttling', attempts: 4 },
    ],
  }
}

function bodyOf(dialect: CallbackContent['dialect']): unknown {
  return JSON.parse(encodeCallback(example(dialect), keys).body)
}

/** What the receiver reads from what we write. */
function received(meant: CallbackContent) {
  const { body, headers } = encodeCallback(meant, keys)
  const decoded = decodeCallback(JSON.parse(body), meant.dialect)
  if (!decoded.ok) throw new Error(inWords(decoded.issues).join('\n'))
  return { body, signature: headers['x-signature'], callback: decoded.callback }
}

function forEach(dialect: Dialect, check: (meant: CallbackContent) => void): void {
  fc.assert(fc.property(content, (meant) => check({ ...meant, dialect })))
}

const outcomes = ({ updates }: CallbackContent) =>
  updates.map(({ status }) => (status === 'sent' ? 'completed' : 'failed'))
const errors = ({ updates }: CallbackContent) => updates.flatMap(({ error }) => error ?? [])

describe('a callback', () => {
  it('spec: says each update, by userid or else by key, and when', () => {
    forEach('spec', (meant) => {
      const { callback } = received(meant)
      expect(callback).toMatchObject({ jobId: meant.jobId, timestamp: 1_700_308_900 })
      expect(callback.updates.map(({ userid }) => userid)).toEqual(
        meant.updates.map(({ userid, key }) => userid ?? key),
      )
      expect(callback.updates.map(({ status }) => status)).toEqual(outcomes(meant))
      expect(callback.updates.map(({ certificateUrl }) => certificateUrl)).toEqual(
        meant.updates.map(({ certificateUrl }) => certificateUrl),
      )
    })
  })

  it.each(['detailed', 'plugin'] as const)('%s: says the totals and each recipient', (dialect) => {
    forEach(dialect, (meant) => {
      const { callback } = received(meant)
      expect(callback).toMatchObject({
        jobId: meant.jobId,
        status: meant.status,
        sent: meant.sent,
        failed: meant.failed,
      })
      expect(callback.updates.map(({ email }) => email)).toEqual(meant.updates.map(({ email }) => email))
      expect(callback.updates.map(({ status }) => status)).toEqual(outcomes(meant))
      expect(callback.updates.flatMap(({ error }) => error ?? [])).toEqual(errors(meant))
    })
  })

  it('flow: says the totals and the addresses that failed', () => {
    forEach('flow', (meant) => {
      const { callback } = received(meant)
      const failed = meant.updates.filter(({ status }) => status === 'failed')
      expect(callback).toMatchObject({
        jobId: meant.jobId,
        status: meant.status,
        sent: meant.sent,
        failed: meant.failed,
      })
      expect(callback.errors).toEqual(failed.map(({ email }) => email))
    })
  })

  it.each(['spec', 'detailed', 'flow'] as const)('%s: is signed over the bytes that go out', (dialect) => {
    forEach(dialect, (meant) => {
      const { body, signature } = received(meant)
      expect(verify({ ...keys, body, signature, timestamp: 1_700_308_900 })).toEqual({ ok: true })
    })
  })

  it('plugin: carries the token in its body and no signature', () => {
    forEach('plugin', (meant) => {
      const { callback, signature } = received(meant)
      expect([callback.token, signature]).toEqual([keys.token, undefined])
    })
  })

  it('spec: signed over the raw body, stamped in epoch seconds', () => {
    const { body, headers } = encodeCallback(example('spec'), keys)
    expect(body).toBe(
      '{"job_id":7,"recipient_updates":[{"userid":11,"status":"completed","timesent":5},' +
        '{"userid":"k2","status":"failed","error_message":"Throttling","attempts":4}],"timestamp":1700308900}',
    )
    expect(headers).toEqual({
      'content-type': 'application/json',
      'x-signature': createHmac('sha256', keys.secret).update(body).digest('hex'),
    })
  })

  it('plugin: the token in the body, every recipient by address', () => {
    expect(bodyOf('plugin')).toEqual({
      job_id: 7,
      status: 'partial_failure',
      token: 'plugin-token',
      emails_sent: 1,
      emails_failed: 1,
      errors: ['b@example.com: Throttling'],
      recipients: [
        { email: 'a@example.com', status: 'sent', message_id: 'm1' },
        { email: 'b@example.com', status: 'failed', error: 'Throttling' },
      ],
    })
  })

  it('detailed: marks itself as invented', () => {
    expect(bodyOf('detailed')).toEqual({
      _note: expect.stringContaining('invented') as string,
      job_uuid: 7,
      result: {
        status: 'PARTIAL',
        processed_records: 1,
        failed_records: 1,
        recipients: [
          { userid: 11, email: 'a@example.com', status: 'SENT', external_id: 'm1' },
          { email: 'b@example.com', status: 'FAILED', error_message: 'Throttling' },
        ],
      },
    })
  })

  it("says a job's status in the dialect's own words", () => {
    expect(jobStatuses.map((status) => jobStatusWord(status, 'spec'))).toEqual([
      'pending',
      'pending',
      'processing',
      'completed',
      'completed',
      'failed',
      'pending',
      'failed',
    ])
    expect(jobStatusWord('partial_failure', 'detailed')).toBe('PARTIAL')
    expect(jobStatusWord('retry_pending', 'flow')).toBe('retry_pending')
  })
})

describe('what a receiver is sent', () => {
  it('may hold fields that it does not know', () => {
    const body = {
      job_id: 'x',
      recipient_updates: [{ userid: 1, status: 'completed', extra: 1 }],
      timestamp: 5,
      more: {},
    }
    expect(decodeCallback(body, 'spec')).toMatchObject({ ok: true, callback: { updates: [{ userid: 1 }] } })
  })

  it('is refused with the path of what is wrong', () => {
    const updates = [{ userid: 1, status: true }, { status: 'sent' }, { userid: 3, status: 'failed', attempts: -1 }]
    const decoded = decodeCallback({ job_id: 'x', recipient_updates: updates, timestamp: 'now' }, 'spec')
    expect(decoded.ok ? [] : inWords(decoded.issues)).toEqual([
      'recipient_updates[0].status: must be one of pending, completed, failed',
      'recipient_updates[1].userid: is missing',
      'recipient_updates[1].status: must be one of pending, completed, failed',
      'recipient_updates[2].attempts: must be at least 0',
      'timestamp: must be epoch seconds',
    ])
    expect(decodeCallback([], 'plugin')).toMatchObject({ ok: false })
  })
})
