import { afterEach, beforeEach, expect, it } from 'vitest'
import { fakeCloud, job, people, standIn, type FakeCloud, type StandIn } from './stand-in.ts'

let cloud: FakeCloud
let site: StandIn
beforeEach(async () => {
  cloud = await fakeCloud()
  site = await standIn({ endpoint: cloud.url })
})
afterEach(async () => {
  await site.stop()
  await cloud.close()
})

const mailed = () => cloud.submissions.flatMap(({ job }) => job.recipients.map(({ userid }) => userid))

it('mails an event once, whatever job carries it', async () => {
  await site.moodle.submit(job({ event: 'upload-1', recipients: people(3) }))
  const again = await site.moodle.submit(job({ event: 'upload-1', recipients: people(5) }))
  expect(again).toMatchObject({ recipients: 2, duplicates: 3, accepted: 2 })
  expect(mailed()).toEqual([1001, 1002, 1003, 1004, 1005])
  expect(site.journal.read().find(({ event }) => event.type === 'moodle.duplicate')?.event).toMatchObject({
    recipients: 3,
    text: 'Duplicate email skipped',
  })
})

it('mails two events both times, and jobs that name none', async () => {
  for (const event of ['upload-1', 'upload-2']) await site.moodle.submit(job({ event }))
  await site.moodle.submit(job())
  await site.moodle.submit(job())
  expect(mailed()).toHaveLength(12)
})

it('keeps types and tenants apart', async () => {
  await site.moodle.submit(job({ event: 'e' }))
  await site.moodle.submit(job({ event: 'e', type: 'reminder' }))
  await site.moodle.submit(job({ event: 'e', tenant: 8 }))
  expect(mailed()).toHaveLength(9)
})

it('creates no job where everybody is a duplicate', async () => {
  await site.moodle.submit(job({ event: 'e' }))
  expect(await site.moodle.submit(job({ event: 'e' }))).toEqual({
    jobIds: [],
    recipients: 0,
    batches: 0,
    duplicates: 3,
    accepted: 0,
    refused: 0,
    local: 0,
  })
  expect(site.moodle.jobs()).toHaveLength(1)
})

it('skips a person who is listed twice, in one job and in jobs of one', async () => {
  const twice = [...people(2), ...people(2)]
  expect(await site.moodle.submit(job({ recipients: twice }))).toMatchObject({ recipients: 2, duplicates: 2 })
  expect(await site.moodle.submit(job({ recipients: twice, shape: 'one-recipient-jobs' }))).toMatchObject({
    recipients: 2,
    duplicates: 2,
  })
})

it('lets the event try again when its message was refused, or all was reset', async () => {
  cloud.reply = async (_, nth) => (nth === 0 ? { status: 400, body: { detail: 'no' } } : undefined)
  expect(await site.moodle.submit(job({ event: 'e' }))).toMatchObject({ refused: 3 })
  expect(await site.moodle.submit(job({ event: 'e' }))).toMatchObject({ accepted: 3, duplicates: 0 })
  site.moodle.reset(8)
  expect(await site.moodle.submit(job({ event: 'e' }))).toMatchObject({ duplicates: 3 })
  site.moodle.reset(7)
  expect(site.moodle.jobs()).toEqual([])
  expect(await site.moodle.submit(job({ event: 'e' }))).toMatchObject({ accepted: 3, duplicates: 0 })
})
