import { syncBuiltinESMExports } from 'node:module'
import { delay, http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { checkReceiver } from '../../emulator/check/receiver.ts'
import { createHttpReceiver } from '../../emulator/check/http.ts'
import { inventedJobs } from '../../emulator/check/jobs.ts'
import { checkMailpit, createMailpitLookup } from '../../emulator/cloud/mail/mailpit.ts'
import { createMailWitness } from '../../emulator/deployment/mails.ts'
import { createSubmitter } from '../../emulator/deployment/submitter.ts'
import { systemClock } from '../../emulator/kernel/clock.ts'
import { virtualClock } from '../../emulator/kernel/virtual-clock.ts'
import { createHostRules } from '../../emulator/worker/callbacks/host-rules.ts'
import { createHttpTransport } from '../../emulator/worker/callbacks/http-transport.ts'
import { answerLimit, CallbackFailure } from '../../emulator/worker/callbacks/transport.ts'

const server = setupServer()
beforeAll(() => {
  server.listen({ onUnhandledFrame: 'error' })
  // msw replaces `http.request`; those who have imported it by its name get the new one by this.
  syncBuiltinESMExports()
})
afterEach(() => server.resetHandlers())
afterAll(() => {
  server.close()
  syncBuiltinESMExports()
})

// A name of this machine, so that even what nobody answers here goes nowhere.
const moodle = 'http://moodle.localhost/local/manireports/ui/ajax/cloud_callback.php'

describe('what is posted to Moodle', () => {
  const rules = createHostRules({ connectTo: [], allowHosts: [] })
  const post = { url: moodle, headers: { 'content-type': 'application/json', 'x-signature': 'f00' }, body: '{"a":"ä"}' }

  function transport(clock = virtualClock()) {
    return createHttpTransport({ clock, timeoutMs: 10_000, rules })
  }

  it('is what was signed, byte for byte, with the Host of the address', async () => {
    const seen: unknown[] = []
    server.use(
      http.post(moodle, async ({ request }) => {
        const { headers } = request
        seen.push([
          headers.get('host'),
          headers.get('content-length'),
          headers.get('x-signature'),
          await request.text(),
        ])
        return HttpResponse.json({ status: 'ok' })
      }),
    )
    expect(await transport()(post)).toMatchObject({ status: 200, body: '{"status":"ok"}' })
    expect(seen).toEqual([['moodle.localhost', '10', 'f00', '{"a":"ä"}']])
  })

  it('follows no redirect, and hears what Retry-After says', async () => {
    server.use(
      http.post(
        moodle,
        () => new HttpResponse(null, { status: 303, headers: { location: 'http://moodle.localhost/login' } }),
        {
          once: true,
        },
      ),
      http.post(moodle, () => new HttpResponse('slow down', { status: 429, headers: { 'retry-after': '40' } })),
    )
    const send = transport()
    expect(await send(post)).toMatchObject({ status: 303, headers: { location: 'http://moodle.localhost/login' } })
    expect(await send(post)).toMatchObject({ status: 429, headers: { 'retry-after': '40' }, body: 'slow down' })
  })

  it('is given up where no answer comes in time', async () => {
    const clock = virtualClock()
    let arrived: () => void = () => {}
    const came = new Promise<void>((resolve) => (arrived = resolve))
    server.use(
      http.post(moodle, async () => {
        arrived()
        await delay('infinite')
        return new HttpResponse()
      }),
    )
    const sent = transport(clock)(post).catch((error: unknown) => error)
    await came
    await clock.advance(10_000)
    expect(await sent).toMatchObject({
      name: 'CallbackFailure',
      kind: 'timeout',
      message: expect.stringMatching(/ within 10 s$/),
    })
  })

  it('fails where the connection breaks, and reads no endless page', async () => {
    server.use(
      http.post(moodle, () => HttpResponse.error(), { once: true }),
      http.post(moodle, () => {
        let chunks = 0
        const page = new ReadableStream({
          pull(controller) {
            // Much, and then no end.
            if (++chunks > 100) return new Promise<void>(() => {})
            controller.enqueue(Buffer.alloc(16 * 1024, 'x'))
            return undefined
          },
        })
        return new HttpResponse(page)
      }),
    )
    const send = transport()
    await expect(send(post)).rejects.toBeInstanceOf(CallbackFailure)
    expect((await send(post)).body).toHaveLength(answerLimit)
  })
})

describe('check moodle', () => {
  async function findings(answer: () => Response | Promise<Response>) {
    server.use(http.all(moodle, answer))
    const clock = systemClock()
    const receiver = createHttpReceiver({
      url: moodle,
      clock,
      timeoutMs: 5000,
      connectTo: [],
      allowHosts: [],
    })
    const jobs = inventedJobs('spec', 'msw')
    const target = { url: moodle, dialect: 'spec' as const, secret: 's', token: 't', send: receiver.send, jobs, clock }
    const results = []
    for await (const result of checkReceiver(target, [])) results.push(result)
    receiver.close()
    return results
  }

  it.each([
    [
      303,
      'wwwroot',
      () => new HttpResponse(null, { status: 303, headers: { location: 'https://moodle.example.com/' } }),
    ],
    [503, 'maintenance', () => new HttpResponse('Moodle is in maintenance mode', { status: 503 })],
    [403, 'firewall', () => HttpResponse.json({ error: 'forbidden' }, { status: 403 })],
  ])('says what a Moodle means that answers %i', async (status, word, answer) => {
    const [canary] = await findings(answer)
    expect(canary).toMatchObject({
      id: 'valid/callback',
      verdict: 'fail',
      reason: expect.stringContaining(String(status)),
    })
    expect(canary?.reason).toContain(word)
  })
})

describe('a job that is submitted to a deployment', () => {
  const api = 'http://api.localhost:8099/prod'
  const submit = (message = { body: '{}' }, clock = virtualClock()) =>
    createSubmitter({ kind: 'api', url: api, token: 'a token' }, { clock, timeoutMs: 30_000 }).submit(message)

  it('goes to /jobs with the token; each answer is told as it is', async () => {
    const tokens: (string | null)[] = []
    server.use(
      http.post(`${api}/jobs`, ({ request }) => {
        tokens.push(request.headers.get('authorization'))
        return tokens.length === 1
          ? HttpResponse.json({ job_id: 'a', status: 'queued' }, { status: 202 })
          : HttpResponse.json({ message: 'Limit Exceeded' }, { status: 429, headers: { 'retry-after': '2' } })
      }),
    )
    expect(await submit()).toMatchObject({ accepted: true, status: 202, unreachable: false })
    expect(await submit()).toMatchObject({
      accepted: false,
      status: 429,
      headers: { 'retry-after': '2' },
      answer: '{"message":"Limit Exceeded"}',
    })
    expect(tokens).toEqual(['Bearer a token', 'Bearer a token'])
  })

  it('is not accepted by a redirect, a broken connection or silence', async () => {
    server.use(
      http.post(`${api}/jobs`, () => new HttpResponse(null, { status: 307, headers: { location: '/' } }), {
        once: true,
      }),
    )
    expect(await submit()).toMatchObject({ accepted: false, status: 307 })
    server.use(http.post(`${api}/jobs`, () => HttpResponse.error(), { once: true }))
    expect(await submit()).toMatchObject({ accepted: false, status: null })
    const clock = virtualClock()
    let arrived: () => void = () => {}
    const came = new Promise<void>((resolve) => (arrived = resolve))
    server.use(
      http.post(`${api}/jobs`, async () => {
        arrived()
        await delay('infinite')
        return new HttpResponse()
      }),
    )
    const sent = submit({ body: '{}' }, clock)
    await came
    await clock.advance(30_000)
    expect(await sent).toMatchObject({
      accepted: false,
      status: null,
      unreachable: false,
      answer: 'no answer within 30 s',
    })
  })
})

describe('a Mailpit that is asked', () => {
  const url = 'http://mailpit.localhost:8098'
  const mail = (n: number) => ({
    ID: `id${n}`,
    MessageID: `m${n}@offload`,
    Subject: 'Hello',
    To: [{ Address: `oc-${n}@check.offload.test` }],
    Cc: null,
    Bcc: [],
  })

  it('is read page by page', async () => {
    const asked: string[] = []
    server.use(
      http.get(`${url}/api/v1/search`, ({ request }) => {
        const { searchParams } = new URL(request.url)
        asked.push(`${searchParams.get('query')} ${searchParams.get('start')}`)
        const start = Number(searchParams.get('start'))
        const messages = Array.from({ length: Math.min(500, 1200 - start) }, (_, n) => mail(start + n))
        return HttpResponse.json({ messages_count: 1200, messages })
      }),
    )
    const found = await createMailWitness({ kind: 'mailpit', url: `${url}/` }).find({ label: 'oc-' })
    expect(found.observed && new Set(found.mails.map(({ address }) => address)).size).toBe(1200)
    expect(asked).toEqual(['to:"oc-" 0', 'to:"oc-" 500', 'to:"oc-" 1000'])
  })

  it('that does not answer as Mailpit does has seen nothing, with the reason', async () => {
    const answers = [
      () => new HttpResponse('gone', { status: 502 }),
      () => HttpResponse.json({ error: 'no such thing' }),
      () => HttpResponse.html('<html>'),
      () => HttpResponse.error(),
    ]
    for (const answer of answers) {
      server.use(http.get(`${url}/api/v1/*`, answer))
      const witness = createMailWitness({ kind: 'mailpit', url })
      expect(await witness.find({ job: 7 })).toMatchObject({ observed: false, reason: expect.stringContaining(url) })
      expect(await witness.count({ job: 7 })).toBeUndefined()
      // Nobody is mailed a second time on the word of an inbox that says nothing.
      await expect(createMailpitLookup({ url })('m1@offload')).rejects.toThrow('Mailpit does not say')
      expect(await checkMailpit({ url })).toMatchObject({ reachable: false })
    }
  })

  it('knows a mail by the whole of its Message-ID', async () => {
    server.use(http.get(`${url}/api/v1/search`, () => HttpResponse.json({ messages: [{ MessageID: 'm12@offload' }] })))
    expect(await createMailpitLookup({ url })('m12@offload')).toBe('sent')
    expect(await createMailpitLookup({ url })('m1@offload')).toBe('absent')
  })
})
