import { describe, expect, it } from 'vitest'
import { specJob, running, token } from './running.ts'

const job = (ids: number[], changes: Record<string, unknown> = {}) =>
  specJob({ recipients: ids.map((userid) => ({ userid, email: `user${userid}@example.com` })), ...changes })

const many = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

describe('POST /jobs', () => {
  it('takes the job at / too, as a Worker URL gets it, and with x-api-key', async () => {
    const { url, settled } = await running()
    const answer = await fetch(`${url}/`, {
      method: 'POST',
      headers: { 'x-api-key': 'offload-dev-token', 'content-type': 'application/json' },
      body: JSON.stringify(specJob()),
    })
    expect(answer.status).toBe(202)
    expect((await settled(specJob().job_id)).status).toBe('completed')
  })

  it('refuses a missing token with 401 and a wrong one with 403, and says so in the log', async () => {
    const { submit, event } = await running()
    const none = await submit(specJob(), {})
    expect([none.status, none.headers.get('content-type')]).toEqual([401, 'application/problem+json'])
    const wrong = await submit(specJob(), { authorization: 'Bearer guess' })
    expect(wrong.status).toBe(403)
    expect(JSON.stringify(await wrong.json())).not.toContain('guess')
    expect((await event('job.refused', ({ status }) => status === 403)).reason).toContain('OFFLOAD_INGEST_TOKEN')
  })

  it('adds the recipients of later batches, skips known ones, and repeats the first answer where all are known', async () => {
    const { submit, settled } = await running()
    const first = await submit(job(many(3)))
    expect([first.status, await first.json()]).toEqual([
      202,
      { job_id: specJob().job_id, status: 'queued', recipients: 3, batches: 1 },
    ])
    const second = await submit(job([3, 4, 5], { timestamp: '2026-01-01T00:00:00Z' }))
    expect(second.status).toBe(202)
    const again = await submit(job(many(3)))
    expect([again.status, await again.json()]).toEqual([
      200,
      { job_id: specJob().job_id, status: 'queued', recipients: 3, batches: 1 },
    ])
    const { totals } = await settled(specJob().job_id)
    expect(totals).toEqual({ recipients: 5, sent: 5, failed: 0, pending: 0, duplicates: 4 })
  })

  it('refuses other content under a known job or recipient with 409, and changes nothing', async () => {
    const { submit, settled } = await running()
    await submit(job([1, 2]))
    const before = await settled(specJob().job_id)
    const otherField = await submit(job([1, 2, 3], { courseid: 9 }))
    expect(otherField.status).toBe(409)
    const otherRecipient = await submit(specJob({ recipients: [{ userid: 1, email: 'other@example.com' }] }))
    const problem = (await otherRecipient.json()) as { status: number; detail: string }
    expect(problem.status).toBe(409)
    expect(problem.detail).toContain('recipient 1')
    expect(problem.detail).toContain('offload reset --tenant 123')
    expect(await settled(specJob().job_id)).toEqual(before)
  })

  it('answers a repeated Idempotency-Key with the first answer, and refuses it with another body', async () => {
    const { submit } = await running()
    const keyed = { ...token, 'idempotency-key': 'k-1' }
    const first = await submit(specJob(), keyed)
    const again = await submit(specJob(), keyed)
    expect([first.status, again.status]).toEqual([202, 200])
    expect(await again.json()).toEqual(await first.json())
    const other = await submit(specJob({ job_id: '11111111-1111-4111-8111-111111111111' }), keyed)
    expect(other.status).toBe(422)
  })

  it('takes the tenant from the body, else from x-tenant-id, else 0', async () => {
    const { submit, settled } = await running()
    const { tenant_id: _, ...untold } = specJob({ job_id: '22222222-2222-4222-8222-222222222222' })
    await submit(untold, { ...token, 'x-tenant-id': '77' })
    expect((await settled(untold.job_id)).tenant_id).toBe(77)
  })

  it('takes 50,000 recipients in one body, split below a message’s limit', async () => {
    const { submit, job: view, url } = await running({ worker: 'none' })
    const answer = await submit(job(many(50_000)))
    const accepted = (await answer.json()) as { recipients: number; batches: number }
    expect([answer.status, accepted.recipients]).toEqual([202, 50_000])
    expect(accepted.batches).toBeGreaterThan(1)
    expect((await view(specJob().job_id)).totals).toMatchObject({ recipients: 50_000, pending: 50_000 })
    const { queues } = (await (await fetch(`${url}/_offload/queues`)).json()) as {
      queues: { name: string; visible: number }[]
    }
    expect(queues.find(({ name }) => name === 'manireports-jobs')?.visible).toBe(accepted.batches)
  })

  it('answers "Test connection"', async () => {
    const { url } = await running()
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(`${url}/health`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(403)
  })
})

describe('bad input', () => {
  const secret = 'callback_secret'
  const cases: [string, unknown, number, RegExp][] = [
    ['malformed JSON', '{"job_id": ', 400, /JSON/],
    ['an empty body', '', 400, /JSON|empty/],
    ['an array', '[]', 400, /object/],
    ['invalid UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), 400, /UTF-8/],
    ['0 recipients', specJob({ recipients: [] }), 400, /recipients/],
    ['an unknown type', specJob({ type: 'send_pigeon' }), 400, /send_pigeon/],
    ['an unknown dialect', { hello: 'world' }, 400, /job_id|dialect/],
    ['an empty callback secret', specJob({ [secret]: '' }), 400, /callback_secret/],
    [
      'a field of another dialect',
      { job_uuid: 'x', tenant_id: 1, type: 'send_reminder', recipients: [] },
      400,
      /job_uuid/,
    ],
    [
      'one key with two contents',
      specJob({
        recipients: [
          { userid: 1, email: 'a@example.com' },
          { userid: 1, email: 'b@example.com' },
        ],
      }),
      400,
      /recipients\[1\]/,
    ],
  ]
  for (const [name, body, status, reason] of cases) {
    it(`${name}: ${status}, with a reason, and no job`, async () => {
      const { submit, url } = await running({ worker: 'none' })
      const answer = await submit(body)
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(await answer.text()).toMatch(reason)
      expect(await (await fetch(`${url}/_offload/jobs`)).json()).toEqual({ jobs: [] })
    })
  }

  it('a body of 30 MB: 413 with what to do', async () => {
    const { submit } = await running({ worker: 'none' })
    const answer = await submit(JSON.stringify(specJob({ padding: 'x'.repeat(30 * 1024 * 1024) })))
    expect(answer.status).toBe(413)
    expect(((await answer.json()) as { detail: string }).detail).toContain('batches')
  })

  it('invalid addresses fail alone; the rest of the job goes on', async () => {
    const { submit, settled, mailpit, url, journal } = await running()
    const recipients = [
      'good@example.com',
      'no-at-sign',
      'a b@example.com',
      'x@y\r\nBcc: all@example.com',
      'zoë@example.com',
    ].map((email, at) => ({ userid: at + 1, email }))
    expect((await submit(specJob({ recipients }))).status).toBe(202)
    const { totals, status } = await settled(specJob().job_id)
    expect([totals.sent, totals.failed, status]).toEqual([1, 4, 'completed'])
    expect((await mailpit.listMessages()).total).toBe(1)
    const account = JSON.stringify(journal.read())
    for (const { email } of recipients) expect(account, 'the journal holds no addresses').not.toContain(email)
    const failed = await (await fetch(`${url}/_offload/jobs/${specJob().job_id}/recipients?failed=true`)).json()
    expect((failed as { recipients: { error: string }[] }).recipients.map(({ error }) => error)).toEqual([
      expect.stringContaining('Invalid address'),
      expect.stringContaining('Invalid address'),
      expect.stringContaining('Invalid address'),
      expect.stringContaining('non-ASCII'),
    ])
  })
})
