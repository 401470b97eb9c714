import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canMoveJob,
  canMoveRecipient,
  jobStatuses,
  jobStatusOf,
  mergeUpdate,
  recipientStatuses,
  updateStatuses,
} from '../../contracts/status.ts'

const status = fc.constantFrom(...updateStatuses)

describe('merging the updates of one recipient', () => {
  it('is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(status, status, status, (a, b, c) => {
        expect(mergeUpdate(a, b)).toBe(mergeUpdate(b, a))
        expect(mergeUpdate(a, mergeUpdate(b, c))).toBe(mergeUpdate(mergeUpdate(a, b), c))
        expect(mergeUpdate(a, a)).toBe(a)
      }),
    )
  })

  it('gives one state for any order and any repetition', () => {
    const repeated = fc
      .array(status, { minLength: 1 })
      .chain((updates) =>
        fc.tuple(
          fc.constant(updates),
          fc.shuffledSubarray([...updates, ...updates], { minLength: updates.length * 2 }),
        ),
      )
    fc.assert(
      fc.property(repeated, ([updates, again]) => {
        expect(again.reduce(mergeUpdate)).toBe(updates.reduce(mergeUpdate))
      }),
    )
  })

  it('a bounce after sent makes it failed, and a stale completed does not mend it', () => {
    expect(mergeUpdate('completed', 'failed')).toBe('failed')
    expect(mergeUpdate('failed', 'completed')).toBe('failed')
    expect(mergeUpdate('pending', 'completed')).toBe('completed')
  })
})

describe("a job's status", () => {
  const cases = [
    ['all sent', { recipients: 5, sent: 5, failed: 0, permanentlyFailed: 0, open: 0 }, 'completed'],
    [
      "the seed's 498 and 2 bounces",
      { recipients: 500, sent: 498, failed: 0, permanentlyFailed: 2, open: 0 },
      'completed',
    ],
    [
      'given up after retries',
      { recipients: 500, sent: 450, failed: 50, permanentlyFailed: 0, open: 0 },
      'partial_failure',
    ],
    ['none sent, all bounced', { recipients: 2, sent: 0, failed: 0, permanentlyFailed: 2, open: 0 }, 'failed'],
    ['none sent, all given up', { recipients: 2, sent: 0, failed: 2, permanentlyFailed: 0, open: 0 }, 'failed'],
    ['one still open', { recipients: 5, sent: 4, failed: 0, permanentlyFailed: 0, open: 1 }, 'processing'],
  ] as const
  it.each(cases)('%s', (_what, totals, expected) => {
    expect(jobStatusOf(totals)).toBe(expected)
  })
})

describe('the steps that are allowed', () => {
  it('recipient: nothing leads out of permanently_failed, and only a bounce out of sent', () => {
    expect(recipientStatuses.filter((to) => canMoveRecipient('permanently_failed', to))).toEqual([])
    expect(recipientStatuses.filter((to) => canMoveRecipient('sent', to))).toEqual(['failed', 'permanently_failed'])
    expect(canMoveRecipient('pending', 'sent')).toBe(false)
  })

  it('job: an ended one goes back only to processing, and never to queued or pending', () => {
    for (const from of ['completed', 'partial_failure', 'failed'] as const) {
      expect(canMoveJob(from, 'processing')).toBe(true)
      expect(canMoveJob(from, 'queued') || canMoveJob(from, 'pending')).toBe(false)
    }
    expect(canMoveJob('failed', 'completed')).toBe(false)
    expect(jobStatuses.some((status) => canMoveJob(status, 'pending'))).toBe(false)
  })
})
