import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer()
})
beforeEach(() => server.queues.reset())
afterAll(() => server.close())

const path = '/client/v4/accounts/acc/queues/manireports-jobs/messages'
interface Pulled {
  readonly id: string
  readonly body: string
  readonly attempts: number
  readonly timestamp_ms: number
  readonly lease_id: string
  readonly metadata: Record<string, string>
}
const pull = async (options: object = {}) => {
  // The whole limit of five minutes is for other tests.
  await server.clock.advance(300_000)
  const { body } = await server.request(`${path}/pull`, json(options))
  return (body as { result: { messages: Pulled[]; message_backlog_count: number } }).result
}
const decoded = ({ body }: Pulled) => Buffer.from(body, 'base64').toString()

describe('a message', () => {
  it('that is pushed is a message of the SQS queue of that name, as it stands', async () => {
    const job = { job_id: 7, recipients: [{ email: 'ada@example.test' }] }
    const answer = await server.request(path, json({ body: job }))
    expect([answer.status, answer.body]).toEqual([200, { success: true, errors: [], messages: [] }])
    const received = await server.queues.operations.ReceiveMessage.perform(
      { QueueUrl: '/manireports-jobs' },
      { queueUrl: (name) => name, signal: () => new AbortController().signal },
    )
    expect(received).toMatchObject({ Messages: [{ Body: JSON.stringify(job) }] })
  })

  it.each([
    ['json', { a: [1, 'ü'] }, Buffer.from('{"a":[1,"ü"]}').toString('base64')],
    ['text', 'grüß dich', 'grüß dich'],
    ['bytes', 'AP8NCg==', 'AP8NCg=='],
  ])('of type %s comes back as Cloudflare encodes it', async (type, body, expected) => {
    await server.request(path, json({ body, content_type: type }))
    const { messages } = await pull()
    expect(messages).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        body: expected,
        attempts: 1,
        timestamp_ms: expect.any(Number),
        lease_id: expect.any(String),
        metadata: { 'CF-sourceMessageSource': 'api', 'CF-Content-Type': type },
      },
    ])
  })

  it('that came over SQS or the ingest is JSON where it is JSON', async () => {
    server.queues.enqueue('manireports-jobs', { body: '{"job_id":1}' })
    server.queues.enqueue('manireports-jobs', { body: 'plain' })
    const { messages } = await pull()
    expect(
      messages.map((one) => [
        one.metadata['CF-Content-Type'],
        one.metadata['CF-Content-Type'] === 'json' ? decoded(one) : one.body,
      ]),
    ).toEqual([
      ['json', '{"job_id":1}'],
      ['text', 'plain'],
    ])
  })

  it('with a delay comes after it', async () => {
    await server.request(path, json({ body: 'later', delay_seconds: 1200 }))
    expect((await pull()).messages).toHaveLength(0)
    await server.clock.advance(1_200_000)
    expect((await pull()).messages).toHaveLength(1)
  })
})

describe('a batch', () => {
  it('of 100 is pushed whole, and pulled in one call', async () => {
    const messages = Array.from({ length: 100 }, (_, index) => ({ body: index, content_type: 'json' }))
    const answer = await server.request(`${path}/batch`, json({ messages, delay_seconds: 0 }))
    expect(answer.status).toBe(200)
    expect((await pull()).messages).toHaveLength(5)
    const rest = await pull({ batch_size: 100, visibility_timeout_ms: 60_000 })
    // Those of the first pull have become visible again.
    expect(rest.messages).toHaveLength(100)
    expect(rest.message_backlog_count).toBe(0)
    expect(new Set(rest.messages.map(decoded)).size).toBe(100)
  })
})

describe('what was pulled', () => {
  it('is gone when it is acknowledged, back when it is retried or when its lease has run out', async () => {
    const messages = ['a', 'b', 'c'].map((body) => ({ body, content_type: 'text' }))
    await server.request(`${path}/batch`, json({ messages }))
    const [a, b, c] = (await pull()).messages
    const answer = await server.request(
      `${path}/ack`,
      json({ acks: [{ lease_id: a?.lease_id }], retries: [{ lease_id: b?.lease_id, delay_seconds: 10 }] }),
    )
    expect(answer.body).toMatchObject({ success: true, result: { ackCount: 1, retryCount: 1, warnings: [] } })
    await server.clock.advance(10_000)
    const now = await server.request(`${path}/pull`, json({}))
    expect(now.body).toMatchObject({ result: { messages: [{ body: 'b', attempts: 2 }] } })
    await server.clock.advance(20_000)
    const later = await server.request(`${path}/pull`, json({}))
    expect(later.body).toMatchObject({ result: { messages: [{ body: 'c', attempts: 2, id: c?.id }] } })
  })

  it('is warned about where a lease is none', async () => {
    const answer = await server.request(
      `${path}/ack`,
      json({ acks: [{ lease_id: 'nonsense' }], retries: [{ lease_id: '' }] }),
    )
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      result: { ackCount: 0, retryCount: 0, warnings: [expect.stringContaining('nonsense'), expect.any(String)] },
    })
  })
})

const refusals: readonly {
  of: string
  path?: string
  init: () => RequestInit
  status: number
  code: number
  message: string
}[] = [
  {
    of: 'no token',
    init: () => json({ body: 1 }, { authorization: '' }),
    status: 401,
    code: 10106,
    message: 'Unauthorized',
  },
  {
    of: 'a queue that is not there',
    path: path.replace('manireports-jobs', 'absent'),
    init: () => json({ body: 1 }),
    status: 404,
    code: 10104,
    message: 'QueueNotFound',
  },
  { of: 'no JSON', init: () => json('{'), status: 400, code: 10208, message: 'JSONRequestBodyMalformed' },
  {
    of: 'a body that is no object',
    init: () => json('[]'),
    status: 400,
    code: 10207,
    message: 'JSONRequestBodyInvalid',
  },
  { of: 'no message', init: () => json({}), status: 400, code: 10207, message: 'JSONRequestBodyInvalid' },
  {
    of: 'an unknown content type',
    init: () => json({ body: 1, content_type: 'v8' }),
    status: 400,
    code: 10203,
    message: 'MessageMetadataInvalid',
  },
  {
    of: 'a delay of more than a day',
    init: () => json({ body: 1, delay_seconds: 86_401 }),
    status: 400,
    code: 10203,
    message: 'MessageMetadataInvalid',
  },
  {
    of: "a batch's delay that is none",
    path: `${path}/batch`,
    init: () => json({ messages: [{ body: 1 }], delay_seconds: -1 }),
    status: 400,
    code: 10202,
    message: 'BatchDelayInvalid',
  },
  {
    of: 'more than 128 KB',
    init: () => json({ body: 'x'.repeat(128_000) }),
    status: 400,
    code: 10204,
    message: 'MessageSizeOutOfBounds',
  },
  {
    of: 'an empty text',
    init: () => json({ body: '', content_type: 'text' }),
    status: 400,
    code: 10204,
    message: 'MessageSizeOutOfBounds',
  },
  {
    of: 'a batch of more than 256 KB',
    path: `${path}/batch`,
    init: () => json({ messages: Array.from({ length: 3 }, () => ({ body: 'x'.repeat(100_000) })) }),
    status: 400,
    code: 10205,
    message: 'BatchSizeOutOfBounds',
  },
  {
    of: 'a batch of 101',
    path: `${path}/batch`,
    init: () => json({ messages: Array.from({ length: 101 }, () => ({ body: 1 })) }),
    status: 400,
    code: 10206,
    message: 'BatchCountOutOfBounds',
  },
  {
    of: 'an empty batch',
    path: `${path}/batch`,
    init: () => json({ messages: [] }),
    status: 400,
    code: 10206,
    message: 'BatchCountOutOfBounds',
  },
  {
    of: 'a pull of more than 100',
    path: `${path}/pull`,
    init: () => json({ batch_size: 101 }),
    status: 400,
    code: 10207,
    message: 'JSONRequestBodyInvalid',
  },
  {
    of: 'characters that the queue does not carry',
    init: () => json({ body: 'a\u0000b', content_type: 'text' }),
    status: 400,
    code: 10207,
    message: 'JSONRequestBodyInvalid',
  },
]

describe('Cloudflare Queues refuses', () => {
  it.each(refusals)('$of', async ({ path: url = path, init, status, code, message }) => {
    await server.clock.advance(300_000)
    const answer = await server.request(url, init())
    expect(answer.status).toBe(status)
    expect(answer.body).toEqual({
      success: false,
      errors: [{ code, message }],
      messages: [{ code, message: expect.any(String) }],
      result: null,
    })
    expect(server.queues.overview()).toMatchObject([{ visible: 0 }])
  })

  it('the 1201st call in five minutes, and says when to come again', async () => {
    await server.clock.advance(300_000)
    const ask = () => server.request(`${path}/pull`, json({}))
    for (let call = 0; call < 1200; call += 100) await Promise.all(Array.from({ length: 100 }, ask))
    await server.clock.advance(100_000)
    const answer = await ask()
    expect(answer.status).toBe(429)
    expect(answer.body).toMatchObject({ errors: [{ code: 971 }] })
    expect(answer.headers.get('retry-after')).toBe('200')
    expect(answer.headers.get('ratelimit')).toBe('"default";r=0;t=200')
    expect(answer.headers.get('ratelimit-policy')).toBe('"default";q=1200;w=300')
    await server.clock.advance(200_000)
    expect((await ask()).status).toBe(200)
  })
})
