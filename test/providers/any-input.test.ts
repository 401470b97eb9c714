import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { json, providerServer, type ProviderServer } from './provider-server.ts'

let server: ProviderServer
beforeAll(async () => {
  server = await providerServer({ settings: { requestsPerSecond: 1_000_000 } })
})
afterAll(() => server.close())

const run = { numRuns: 150, seed: 20_261_122 }

const mailbox = fc.oneof(
  fc.record({ email: fc.oneof(fc.emailAddress(), fc.string()), name: fc.string() }, { requiredKeys: [] }),
  fc.anything(),
)
/** Requests that begin like a right one, so that they get past the first check. */
const sendgridLike = fc.record(
  {
    personalizations: fc.array(
      fc.record(
        {
          to: fc.array(mailbox, { maxLength: 3 }),
          cc: fc.oneof(fc.array(mailbox, { maxLength: 2 }), fc.anything()),
          substitutions: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.anything()),
          headers: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.anything()),
          dynamic_template_data: fc.object(),
          send_at: fc.oneof(fc.integer(), fc.double()),
        },
        { requiredKeys: ['to'] },
      ),
      { maxLength: 3 },
    ),
    from: mailbox,
    subject: fc.oneof(fc.string(), fc.anything()),
    content: fc.array(
      fc.record({
        type: fc.constantFrom('text/plain', 'text/html', ''),
        value: fc.string(),
        template_type: fc.constantFrom('mustache', undefined),
      }),
      { maxLength: 3 },
    ),
    attachments: fc.oneof(
      fc.array(
        fc.record({ content: fc.oneof(fc.base64String(), fc.string()), filename: fc.string(), type: fc.string() }),
      ),
      fc.anything(),
    ),
  },
  { requiredKeys: [] },
)
const cloudflareLike = fc.record(
  {
    from: fc.oneof(fc.emailAddress(), fc.string(), fc.anything()),
    to: fc.oneof(fc.array(fc.oneof(fc.emailAddress(), fc.string())), fc.anything()),
    subject: fc.string(),
    text: fc.string(),
    headers: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.anything()),
    attachments: fc.anything(),
  },
  { requiredKeys: [] },
)
const queueLike = fc.record(
  {
    body: fc.anything(),
    content_type: fc.oneof(fc.constantFrom('json', 'text', 'bytes'), fc.string()),
    delay_seconds: fc.oneof(fc.integer(), fc.double()),
    messages: fc.oneof(fc.array(fc.record({ body: fc.jsonValue() })), fc.anything()),
    batch_size: fc.oneof(fc.integer(), fc.anything()),
    visibility_timeout_ms: fc.oneof(fc.integer(), fc.anything()),
    acks: fc.oneof(fc.array(fc.record({ lease_id: fc.string() })), fc.anything()),
    retries: fc.anything(),
  },
  { requiredKeys: [] },
)
const text = (value: unknown) => {
  try {
    // BigInt and the like are no JSON: then the text is.
    return JSON.stringify(value) ?? 'undefined'
  } catch {
    return String(value)
  }
}
const body = (like: fc.Arbitrary<unknown>) =>
  fc.oneof(
    like.map(text),
    fc.json(),
    fc.string(),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  )

const calls: readonly {
  of: string
  path: string
  headers: Record<string, string>
  like: fc.Arbitrary<unknown>
  isError: unknown
}[] = [
  {
    of: 'SendGrid',
    path: '/v3/mail/send',
    headers: {},
    like: sendgridLike,
    isError: { errors: [{}] },
  },
  {
    of: 'MailChannels',
    path: '/tx/v1/send',
    headers: { 'x-api-key': 'k' },
    like: sendgridLike,
    isError: { errors: expect.any(Array) },
  },
  {
    of: 'Cloudflare Email',
    path: '/accounts/a/email/sending/send',
    headers: {},
    like: cloudflareLike,
    isError: { success: false },
  },
  ...['', '/batch', '/pull', '/ack'].map((end) => ({
    of: `Cloudflare Queues ${end}`,
    path: `/accounts/a/queues/manireports-jobs/messages${end}`,
    headers: {},
    like: queueLike,
    isError: { success: false },
  })),
]

describe('whatever is sent', () => {
  it.each(calls)('$of answers 2xx, or 4xx in its own form', async ({ path, headers, like, isError }) => {
    await fc.assert(
      fc.asyncProperty(body(like), async (given) => {
        const answer = await server.request(path, {
          ...json('', headers),
          body: given,
        })
        if (answer.status < 300) return
        expect(answer.status).toBeGreaterThanOrEqual(400)
        expect(answer.status).toBeLessThan(500)
        if (path !== '/v3/mail/send') expect(answer.body).toMatchObject(isError as object)
        else expect(answer.body).toHaveProperty('errors.0.message')
      }),
      run,
    )
  })

  it('Mailgun answers 2xx, or 4xx with a message', async () => {
    const field = fc.constantFrom(
      'from',
      'to',
      'cc',
      'subject',
      'text',
      'html',
      'h:X-A',
      'h:Reply-To',
      'recipient-variables',
      'o:tag',
      '__proto__',
      'h:__proto__',
    )
    const forms = fc.array(fc.tuple(fc.oneof(field, fc.string()), fc.oneof(fc.emailAddress(), fc.json(), fc.string())))
    const types = [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=b',
      'multipart/form-data; boundary=""',
      'nonsense',
      '',
    ]
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .string()
        .map((part) => `--b\r\nContent-Disposition: form-data; name="${part}"; filename="x"\r\n\r\n${part}\r\n--b--`),
    )
    const authorization = `Basic ${btoa('api:key')}`
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          forms.map((fields) => ({ body: new URLSearchParams(fields), type: undefined })),
          fc.record({ body: garbage, type: fc.constantFrom(...types) }),
        ),
        async ({ body: given, type }) => {
          const answer = await server.request('/v3/mg.test/messages', {
            headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }) },
            body: given,
          })
          if (answer.status < 300) return
          expect(answer.status).toBeLessThan(500)
          expect(answer.body).toEqual({ message: expect.any(String) })
        },
      ),
      run,
    )
  })
})
