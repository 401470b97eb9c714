import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeJobText, envelopeOf } from '../../contracts/dialects/index.ts'
import { dialects } from '../../contracts/job.ts'
import { messageCount, messageOf, rangeOf } from '../../load/k6/bodies.ts'
import { addressOf, jobIdOf, ordinalOf, useridOf } from '../../load/k6/people.ts'

const shapes = ['batches', 'one-message', 'one-recipient-jobs'] as const
const address = 'load-{run}-{n}@check.offload.test'
const time = '2026-11-22T12:00:00.000Z'

const settingsOf = (dialect: (typeof dialects)[number], shape: (typeof shapes)[number], recipients = 5) => ({
  dialect,
  shape,
  recipients,
  batch: { batches: 2, 'one-message': recipients, 'one-recipient-jobs': 1 }[shape],
  run: 12_345,
  tenant: 7,
  address,
  certificates: true,
  callbackUrl: 'http://127.0.0.1:9/callback',
})

it.each(dialects.flatMap((dialect) => shapes.map((shape) => [dialect, shape] as const)))(
  '%s, %s: every message reads as a job of that dialect, and together they have every recipient once',
  (dialect, shape) => {
    const settings = settingsOf(dialect, shape)
    const seen: string[] = []
    const ids = new Set<string>()
    for (let index = 0; index < messageCount(settings); index++) {
      const { body, attributes } = messageOf(settings, index, time)
      const read = Object.fromEntries(
        Object.entries(attributes).map(([name, { type, value }]) => [name, { dataType: type, value }]),
      )
      const decoded = decodeJobText(body, envelopeOf(read))
      if (!decoded.ok) throw new Error(JSON.stringify(decoded.issues))
      const { job } = decoded
      expect(job).toMatchObject({ dialect, callbackUrl: settings.callbackUrl, action: 'both' })
      if (dialect !== 'plugin' || Object.keys(read).length > 0) expect(job.tenant).toBe(7)
      ids.add(String(job.jobId))
      for (const { email } of job.recipients) seen.push(email)
    }
    expect(seen).toEqual(Array.from({ length: 5 }, (_, ordinal) => addressOf(settings, ordinal)))
    expect(ids.size).toBe(shape === 'one-recipient-jobs' ? 5 : 1)
  },
)

it('says the same in a message that is sent again, but for its time', () => {
  const settings = settingsOf('spec', 'batches')
  const one = messageOf(settings, 1, time).body
  expect(messageOf(settings, 1, time).body).toBe(one)
  expect(JSON.parse(messageOf(settings, 1, 'later').body)).toEqual({ ...JSON.parse(one), timestamp: 'later' })
})

it('has ids that no Moodle holds, another for each run and job', () => {
  const run = fc.integer({ min: 1, max: 800_000 })
  fc.assert(
    fc.property(run, run, fc.nat(9_999_999), fc.constantFrom(...dialects), (one, other, ordinal, dialect) => {
      const of = (number: number) => jobIdOf({ run: number, dialect, shape: 'one-recipient-jobs', address }, ordinal)
      const id = of(one)
      if (typeof id === 'number') {
        expect(id).toBeGreaterThanOrEqual(2_000_000_000)
        expect(Number.isSafeInteger(id)).toBe(true)
      } else expect(id).toMatch(/^[a-f][0-9a-f]{7}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(of(other) === id).toBe(one === other)
    }),
  )
})

it('finds a recipient again by the userid, or by the address', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.nat(9_999_999), (run, ordinal) => {
      const of = { run, address: 'success+load-{run}-{n}@simulator.amazonses.com' }
      expect(ordinalOf(of, { email: addressOf(of, ordinal) })).toBe(ordinal)
      expect(ordinalOf(of, { userid: useridOf(ordinal) })).toBe(ordinal)
      expect(ordinalOf(of, { userid: String(useridOf(ordinal)) })).toBe(ordinal)
      expect(ordinalOf({ ...of, run: run + 1 }, { email: addressOf(of, ordinal) })).toBeUndefined()
    }),
  )
  expect(ordinalOf({ run: 1, address }, { userid: 1001, email: 'anna@example.com' })).toBeUndefined()
})

it('gives every recipient to one message', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 300 }), (recipients, batch) => {
      const ranges = Array.from({ length: messageCount({ recipients, batch }) }, (_, n) =>
        rangeOf({ recipients, batch }, n),
      )
      expect(ranges.at(0)?.[0]).toBe(0)
      expect(ranges.at(-1)?.[1]).toBe(recipients)
      for (const [at, range] of ranges.slice(1).entries()) expect(range[0]).toBe(ranges[at]?.[1])
    }),
  )
})
