import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeCallback } from '../../contracts/dialects/index.ts'
import type { Dialect } from '../../contracts/job.ts'
import { createCallbackLog, type ReceivedCallback } from '../../emulator/deployment/callback-log.ts'
import { createReceiver, type ReceiverOptions } from '../../emulator/deployment/receiver.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'

const secret = 's3cret'
const clock = systemClock()

const open = async (options: Partial<ReceiverOptions> = {}) => {
  const receiver = await createReceiver({ clock, dialect: 'spec', secret, listen: '127.0.0.1:0', ...options })
  onTestFinished(() => receiver.close())
  return receiver
}

const callback = (jobId: string | number, dialect: Dialect = 'spec', now = clock.now()) =>
  encodeCallback(
    {
      dialect,
      jobId,
      tenant: 1,
      status: 'completed',
      sent: 1,
      failed: 0,
      updates: [{ key: '7', userid: 7, email: 'a@check.offload.test', status: 'sent', attempts: 1 }],
    },
    { secret, token: 't', now },
  )

const post = (
  url: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body: string },
  init: RequestInit = {},
) => fetch(url, { method: 'POST', headers, body, redirect: 'manual', ...init })

describe('a receiver', () => {
  it("takes callbacks at Moodle's path, and keeps what came", async () => {
    const receiver = await open()
    expect(receiver.callbackUrl).toBe(`${receiver.url}/local/manireports/ui/ajax/cloud_callback.php`)
    const sent = callback('a-1')
    expect((await post(receiver.callbackUrl, sent)).status).toBe(200)
    expect(receiver.callbacks('a-1')).toMatchObject([
      {
        ordinal: 1,
        method: 'POST',
        path: '/local/manireports/ui/ajax/cloud_callback.php',
        job: 'a-1',
        bytes: sent.body.length,
        authentic: { ok: true },
        answered: { status: 200 },
      },
    ])
    expect(Buffer.from(receiver.callbacks()[0]?.body ?? []).toString()).toBe(sent.body)
    expect(receiver.callbacks('a-2')).toEqual([])
  })

  it("answers a job's first callbacks as it is told, and all others with 200", async () => {
    const receiver = await open()
    receiver.answerWith('a-1', [
      { status: 500 },
      { status: 303, headers: { location: `${receiver.url}/followed/a-1` } },
    ])
    const statuses: unknown[] = []
    for (const job of ['a-1', 'a-2', 'a-1', 'a-1']) {
      const answer = await post(receiver.callbackUrl, callback(job))
      statuses.push([answer.status, answer.headers.get('location')])
    }
    expect(statuses).toEqual([
      [500, null],
      [200, null],
      [303, `${receiver.url}/followed/a-1`],
      [200, null],
    ])
  })

  it('hangs until the sender hangs up, and says when', async () => {
    const receiver = await open()
    receiver.answerWith('a-1', ['hang'])
    const aborter = new AbortController()
    const call = post(receiver.callbackUrl, callback('a-1'), { signal: aborter.signal })
    expect(await receiver.waitFor(() => receiver.callbacks('a-1').length === 1, 5000)).toBe(true)
    expect(receiver.callbacks('a-1')[0]).toMatchObject({ answered: 'hang', hungUpAt: undefined })
    aborter.abort()
    await expect(call).rejects.toThrow('aborted')
    expect(await receiver.waitFor(() => receiver.callbacks('a-1')[0]?.hungUpAt !== undefined, 5000)).toBe(true)
  })

  it('tells under which address it is reached', async () => {
    const receiver = await open({ publicUrl: 'https://tunnel.example/x/', dialect: 'plugin' })
    expect(receiver.url).toBe('https://tunnel.example/x')
    expect(receiver.callbackUrl).toBe('https://tunnel.example/x/local/manireports/cloud_callback.php')
    const everywhere = await open({ listen: '0.0.0.0:0' })
    expect(everywhere.url).toBe(everywhere.listensOn.replace('0.0.0.0', 'http://127.0.0.1'))
    expect(receiver.listensOn).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('says who has the port, and what is no address', async () => {
    const { listensOn } = await open()
    await expect(open({ listen: listensOn })).rejects.toMatchObject({ code: 'port-taken' })
    for (const listen of ['8099', 'localhost', '127.0.0.1:99999', '192.0.2.1:0']) {
      await expect(open({ listen })).rejects.toMatchObject({ code: 'bad-address' })
    }
  })

  it('keeps up with a run that it only listens to', async () => {
    let seen = 0
    const receiver = await open({ keep: 'nothing', onCallback: () => seen++ })
    await Promise.all(Array.from({ length: 200 }, (_, n) => post(receiver.callbackUrl, callback(`a-${n}`))))
    expect([seen, receiver.callbacks().length]).toEqual([200, 0])
  })
})

describe('a callback log', () => {
  const virtual = virtualClock()
  const log = (dialect: Dialect, keep?: 'all' | 'without-bodies') =>
    createCallbackLog({ clock: virtual, dialect, secret, token: 't', ...(keep === undefined ? {} : { keep }) })
  const take = (
    dialect: Dialect,
    request: { headers: Readonly<Record<string, string>>; body: string },
  ): ReceivedCallback | undefined => {
    const one = log(dialect)
    one.receive({ method: 'POST', path: '/', headers: request.headers, body: Buffer.from(request.body) })
    return one.callbacks()[0]
  }
  const now = virtual.now()

  it.each(['spec', 'detailed', 'flow', 'plugin'] as const)('reads and authenticates %s', (dialect) => {
    expect(take(dialect, callback(5, dialect, now))).toMatchObject({
      job: '5',
      authentic: { ok: true },
      message: { jobId: 5 },
    })
  })

  it('tells what is not authentic', () => {
    const sent = callback('a', 'spec', now)
    const codes = [
      take('spec', { ...sent, headers: {} }),
      take('spec', { ...sent, headers: { 'x-signature': 'f'.repeat(64) } }),
      take('spec', callback('a', 'spec', now - 301_000)),
      take('plugin', { ...sent, body: '{"job_id":5}' }),
      take('plugin', { ...sent, body: '{"job_id":5,"token":"other"}' }),
      take('flow', { headers: {}, body: callback(5, 'flow', now).body }),
    ].map((one) => (one?.authentic?.ok === false ? one.authentic.code : one?.authentic))
    expect(codes).toEqual(['signature-missing', 'signature-wrong', 'stale', 'token-missing', 'token-wrong', undefined])
  })

  it('says why it cannot read one', () => {
    const problem = (body: string) => take('spec', { headers: {}, body })?.problem
    expect([
      problem(''),
      problem('{'),
      problem('[]'),
      problem('{"job_id":"a","timestamp":1,"recipient_updates":[{}]}'),
    ]).toEqual([
      'it has no body',
      'its body is no JSON',
      'a callback must be a JSON object, not a list',
      expect.stringMatching(/^recipient_updates\[0\]/),
    ])
    expect(take('spec', { headers: {}, body: '\xff' })?.job).toBeUndefined()
  })

  it('waits for what may come, no longer than it is told', async () => {
    const one = log('spec', 'without-bodies')
    const results: boolean[] = []
    void one.waitFor(() => one.callbacks('a').length === 1, 1000).then((came) => results.push(came))
    void one.waitFor(() => one.callbacks('b').length === 1, 1000).then((came) => results.push(came))
    await virtual.advance(500)
    const { headers, body } = callback('a', 'spec', now)
    one.receive({ method: 'POST', path: '/', headers, body: Buffer.from(body) })
    await virtual.settle()
    expect(results).toEqual([true])
    await virtual.advance(500)
    expect(results).toEqual([true, false])
    expect(one.callbacks('a')[0]).not.toHaveProperty('body')
  })
})
