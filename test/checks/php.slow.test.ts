import { describe, expect, it } from 'vitest'
import { receiverCases } from '../../contracts/checks/receiver/index.ts'
import { createHttpReceiver } from '../../emulator/check/http.ts'
import { submittedJobs } from '../../emulator/check/jobs.ts'
import { checkReceiver, type CaseResult } from '../../emulator/check/receiver.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { hasPhp, startPhp, withoutPhp } from './php-receiver.ts'

const applies = receiverCases.filter(({ except, exactClock }) => except.spec === undefined && !exactClock)
const submitting = applies.filter(({ needs }) => needs === 'submission')
const receiving = applies.filter(({ needs }) => needs !== 'submission')

async function check(script: string, cases = receiving): Promise<CaseResult[]> {
  const clock = systemClock()
  const php = await startPhp(script)
  const receiver = createHttpReceiver({ url: php.url, clock, timeoutMs: 10_000, connectTo: [], allowHosts: [] })
  const jobs = await submittedJobs({
    command: cases === submitting ? php.plugin : php.submit,
    dialect: 'spec',
    port: 0,
    clock,
    environment: process.env,
  })
  const results: CaseResult[] = []
  try {
    const target = { ...php, dialect: 'spec' as const, token: '', send: receiver.send, jobs, clock }
    for await (const result of checkReceiver(target, cases)) results.push(result)
  } finally {
    receiver.close()
    await jobs.close()
  }
  return results
}

const failures = (results: readonly CaseResult[]) =>
  results.filter(({ verdict }) => verdict === 'fail').map(({ id, reason }) => `${id}: ${reason}`)

describe.runIf(hasPhp)(`a receiver in PHP${withoutPhp}`, () => {
  it('that is right passes', async () => {
    const results = await check('right.php')
    expect(failures(results)).toEqual([])
    expect(results.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(70)
  })

  it('is written down right by a plugin that submits while the cloud is in trouble', async () => {
    const results = await check('right.php', submitting)
    expect(results.map(({ id, verdict }) => [id, verdict])).toEqual(
      ['valid/callback', ...submitting.map(({ id }) => id)].map((id) => [id, 'pass']),
    )
  })

  it("that is the specification's snippet fails the kept list", async () => {
    const results = await check('snippet.php')
    expect(failures(results)).toMatchInlineSnapshot(`
      [
        "signature/missing: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "signature/as-token: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "time/list: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "time/words: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "transport/get: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "transport/put: answered 200: it was accepted",
        "transport/options: answered 500: a refusal must be a 4xx, since the sender takes a 5xx for a passing fault and repeats it",
        "meaning/replay: the job counts 6 completed and 0 failed; its recipients are 3 and 0",
        "meaning/ten-at-once: the job counts 30 completed and 0 failed; its recipients are 3 and 0",
        "meaning/bounce-after-sent: the job counts 5 completed and 1 failed; its recipients are 2 and 1",
        "meaning/late-sent: the recipient who bounced is "completed"",
        "meaning/never-backwards: a recipient is "pending"",
        "meaning/all-failed: the job is "completed"",
        "meaning/processing-has-no-end: the job has a time of completion",
        "meaning/unknown-job: answered 200: it was accepted",
        "meaning/job-id-cast: answered 200: it was accepted",
        "meaning/unknown-recipient-told: accepted, and the answer does not say that somebody was not found",
        "meaning/unknown-status: answered 200: it was accepted",
        "meaning/status-true: answered 200: it was accepted",
        "meaning/half-good: answered 200: it was accepted",
      ]
    `)
  })
})
