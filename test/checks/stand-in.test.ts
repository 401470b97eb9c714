import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { receiverCases } from '../../contracts/checks/receiver/index.ts'
import { dialects, type Dialect } from '../../contracts/job.ts'
import { createHttpReceiver } from '../../emulator/check/http.ts'
import { checkReceiver, type CaseResult } from '../../emulator/check/receiver.ts'
import { standInJob, standInJobs, standInTables, submissionOf } from '../../emulator/check/stand-in.ts'
import { NoJobError, type JobSource } from '../../emulator/check/target.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'
import { callbackPaths } from '../../emulator/moodle/submission.ts'
import { fakeCloud, secret, standIn, token, type FakeCloud, type StandIn } from '../moodle/stand-in.ts'

let cloud: FakeCloud
beforeAll(async () => {
  cloud = await fakeCloud()
})
afterAll(() => cloud.close())

const startOf2026 = Date.UTC(2026, 0, 1, 21, 20)

/** The stand-in submits while the cloud behaves badly. */
function withTrouble(site: StandIn, dialect: Dialect, clock: ReturnType<typeof virtualClock>): JobSource {
  let first = 5001
  return {
    ...standInJobs(site.moodle, dialect),
    async submit(trouble, during) {
      const before = cloud.submissions.length
      cloud.reply = async ({ job }, nth) => {
        if (trouble === 'callback-first')
          await during(standInJob(site.moodle, String(job['job_id'] ?? job['job_uuid'])))
        if (trouble === 'refused') return { status: 400, body: { detail: 'no such type' } }
        return trouble === 'answer-lost' && nth === before ? { status: 503 } : undefined
      }
      const submitted = site.moodle.submit(submissionOf(dialect, (first += 3)))
      let over = false
      void submitted.finally(() => (over = true))
      while (!over) await clock.advance(50)
      cloud.reply = async () => undefined
      const [id] = (await submitted).jobIds
      if (id === undefined) throw new NoJobError('nothing was submitted')
      const ids = cloud.submissions.slice(before).map(({ job }) => String(job['job_id'] ?? job['job_uuid']))
      return { job: standInJob(site.moodle, id), ids }
    },
  }
}

async function run(dialect: Dialect): Promise<CaseResult[]> {
  const clock = virtualClock(startOf2026)
  const site = await standIn({ endpoint: cloud.url, clock })
  const url = `${site.url}${dialect === 'plugin' ? callbackPaths.plugin : callbackPaths.spec}`
  const receiver = createHttpReceiver({ url, clock: systemClock(), timeoutMs: 5000, connectTo: [], allowHosts: [] })
  const results: CaseResult[] = []
  const target = {
    url,
    dialect,
    secret,
    previousSecret: 'the-secret-before',
    token,
    send: receiver.send,
    jobs: withTrouble(site, dialect, clock),
    tables: standInTables(site.moodle),
    clock,
    exactClock: true,
  }
  for await (const result of checkReceiver(target, receiverCases)) results.push(result)
  receiver.close()
  await site.stop()
  return results
}

describe.each(dialects)('the stand-in for Moodle, in %s', (dialect) => {
  it('passes every case', async () => {
    const results = await run(dialect)
    const told = (verdict: string) =>
      results.filter((one) => one.verdict === verdict).map(({ id, reason }) => `${id}: ${reason}`)
    expect(told('fail')).toEqual([])
    expect(told('unobserved')).toEqual([])
    const skipped = results.filter(({ verdict }) => verdict === 'skip')
    expect(
      skipped.filter(({ reason }) => !reason.startsWith(`\`${dialect}\``)).map(({ id, reason }) => [id, reason]),
    ).toEqual([])
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(25)
  })
})
