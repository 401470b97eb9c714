import { createHash, createHmac } from 'node:crypto'
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sign } from '../../contracts/signature.ts'
import { virtualClock } from '../../emulator/kernel/clock.ts'
import { callbackPaths } from '../../emulator/moodle/submission.ts'
import { fakeCloud, job, people, secret, standIn, token, type FakeCloud, type StandIn } from './stand-in.ts'

// 21:20:00 UTC, and a fraction of a second.
const start = Date.UTC(2026, 0, 1, 21, 20) + 400
const now = Math.floor(start / 1000)

let cloud: FakeCloud
let site: StandIn
const jobs = { spec: '', flow: '', plugin: '' }

beforeAll(async () => {
  cloud = await fakeCloud()
  site = await standIn({ endpoint: cloud.url, clock: virtualClock(start) })
  for (const dialect of ['spec', 'flow', 'plugin'] as const) {
    jobs[dialect] = (await site.moodle.submit(job({ dialect }))).jobIds[0] ?? ''
  }
})
afterAll(async () => {
  await site.stop()
  await cloud.close()
})

const tables = () =>
  JSON.stringify(
    ['jobs', 'job_recipients', 'job_batches', 'email_hashes'].map((name) =>
      site.store.all(`SELECT * FROM manireports_cloud_${name}`),
    ),
  )
let before = ''
beforeEach(() => {
  before = tables()
})
/** Whatever is refused changes nothing. */
afterEach(() => {
  if (tables() !== before) throw new Error('a refusal changed the tables')
})

const good = (more: object = {}) => ({
  job_id: jobs.spec,
  recipient_updates: [{ userid: 1001, status: 'pending' }],
  timestamp: now,
  ...more,
})
const deliver = (body: string | Buffer, headers: Record<string, string>) =>
  site.post(callbackPaths.spec, typeof body === 'string' ? body : new Uint8Array(body), headers)
const signed = (body: string | Buffer) => deliver(body, { 'x-signature': sign(secret, body) })

describe('signature', () => {
  const hmac = (key: string, body: string, algorithm = 'sha256') => createHmac(algorithm, key).update(body)
  const variants: Record<string, (body: string) => string | undefined> = {
    'another secret': (body) => sign('other', body),
    'an empty secret': (body) => sign('', body),
    'a secret with a line break': (body) => sign(`${secret}\n`, body),
    'no header': () => undefined,
    'an empty header': () => '',
    'upper-case hex': (body) => sign(secret, body).toUpperCase(),
    'a prefix': (body) => `sha256=${sign(secret, body)}`,
    base64: (body) => hmac(secret, body).digest('base64'),
    '63 characters': (body) => sign(secret, body).slice(0, 63),
    'one digit changed': (body) => sign(secret, body).replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    'no hex': () => 'z'.repeat(64),
    'a loose zero': () => '0e123456789012345678901234567890',
    'SHA-1': (body) => hmac(secret, body, 'sha1').digest('hex'),
    'a plain hash': (body) => createHash('sha256').update(body).digest('hex'),
    'twice in one header': (body) => `${sign(secret, body)}, ${sign(secret, body)}`,
    'bytes beyond ASCII': () => 'é'.repeat(32),
  }
  it.each(Object.entries(variants))('with %s is a 401', async (_, make) => {
    const body = JSON.stringify(good())
    const signature = make(body)
    const answer = await deliver(body, signature === undefined ? {} : { 'x-signature': signature })
    expect(answer.status).toBe(401)
    expect(JSON.stringify(answer.body)).not.toContain(sign(secret, body))
  })

  it('sent in two headers is a 401', async () => {
    const body = JSON.stringify(good())
    const signature = sign(secret, body)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${site.url}${callbackPaths.spec}`, { method: 'POST' }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      sent.on('error', reject)
      sent.setHeader('x-signature', [signature, signature])
      sent.end(body)
    })
    expect(status).toBe(401)
  })

  it.each([
    ['one space more', (body: string) => body.replace(':', ': ')],
    ['re-encoded as PHP does', (body: string) => body.replaceAll('/', '\\/')],
    ['another recipient', (body: string) => body.replace('1001', '1002')],
  ])('over a body that came with %s is a 401', async (_, change) => {
    const body = JSON.stringify(good({ link: 'https://moodle.test/' }))
    expect((await deliver(change(body), { 'x-signature': sign(secret, body) })).status).toBe(401)
  })

  it('of a site without a secret is a 401, whatever it is', async () => {
    const open = await standIn({ endpoint: cloud.url, settings: { secret: () => '', pluginToken: () => '' } })
    const body = JSON.stringify({ job_id: 'x', recipient_updates: [], timestamp: Math.floor(open.clock.now() / 1000) })
    expect((await open.post(callbackPaths.spec, body, { 'x-signature': sign('', body) })).status).toBe(401)
    expect((await open.post(callbackPaths.plugin, JSON.stringify({ job_id: 1, token: 'x' }))).status).toBe(403)
    await open.stop()
  })
})

describe('time', () => {
  const stale: Record<string, string> = {
    '301 s old': String(now - 301),
    '301 s ahead': String(now + 301),
    'an ISO string': '"2026-01-01T21:20:00Z"',
    'a numeric string': `"${now}"`,
    milliseconds: String(now * 1000),
    'a fraction': `${now}.5`,
    null: 'null',
    true: 'true',
    'a list': `[${now}]`,
    'an object': '{}',
    '1e400': '1e400',
    'minus 1e400': '-1e400',
    zero: '0',
  }
  it.each(Object.entries(stale))('that is %s is a 401', async (_, timestamp) => {
    const body = `{"job_id":"${jobs.spec}","recipient_updates":[{"userid":1001,"status":"completed"}],"timestamp":${timestamp}}`
    expect((await signed(body)).status).toBe(401)
  })
  it('that is missing is a 401', async () => {
    const { timestamp: _, ...body } = good()
    expect((await signed(JSON.stringify(body))).status).toBe(401)
  })
  it.each([-300, -299, 0, 299, 300])('%i s from now is fresh', async (skew) => {
    expect((await signed(JSON.stringify(good({ timestamp: now + skew })))).status).toBe(200)
  })
  it('is judged after the signature', async () => {
    const body = JSON.stringify(good({ timestamp: 0 }))
    expect((await deliver(body, { 'x-signature': 'wrong' })).body).toMatchObject({ error: 'signature-wrong' })
    expect((await signed(body)).body).toMatchObject({ error: 'stale' })
  })
})

describe('body', () => {
  const text = () => JSON.stringify(good())
  const malformed: Record<string, () => string | Buffer> = {
    nothing: () => '',
    'white space': () => ' \n',
    'cut JSON': () => text().slice(0, -2),
    'a byte order mark': () => `\ufeff${text()}`,
    'invalid UTF-8': () => Buffer.concat([Buffer.from(text().slice(0, -1)), Buffer.from(',"x":"\xff"}', 'latin1')]),
    'half a surrogate pair': () => text().replace('"pending"', '"pending","error_message":"\\ud83d"'),
    'a name twice': () => text().replace('{', '{"job_id":"other",'),
    '600 levels': () => text().replace('{', `{"deep":${'['.repeat(600)}${']'.repeat(600)},`),
    'a form': () => 'job_id=1&status=completed',
    gzip: () => gzipSync(text()),
  }
  it.each(Object.entries(malformed))('of %s is a 400', async (_, make) => {
    expect(await signed(make())).toMatchObject({ status: 400, body: { error: 'malformed' } })
  })

  const shapes: Record<string, [object, string]> = {
    'an unknown status': [{ recipient_updates: [{ userid: 1001, status: 'sent' }] }, 'recipient_updates[0].status'],
    'true as a status': [{ recipient_updates: [{ userid: 1001, status: true }] }, 'recipient_updates[0].status'],
    'a good update and a bad one': [
      { recipient_updates: [{ userid: 1001, status: 'failed' }, { userid: 1002 }] },
      'recipient_updates[1].status',
    ],
    'negative attempts': [
      { recipient_updates: [{ userid: 1001, status: 'failed', attempts: -1 }] },
      'recipient_updates[0].attempts',
    ],
    'a userid beyond 2^63': [
      { recipient_updates: [{ userid: 2 ** 63, status: 'failed' }] },
      'recipient_updates[0].userid',
    ],
    'updates that are no list': [{ recipient_updates: { userid: 1001 } }, 'recipient_updates'],
    'no updates': [{ recipient_updates: undefined }, 'recipient_updates'],
    'no job id': [{ job_id: undefined }, 'job_id'],
    'a job id that is a list': [{ job_id: ['x'] }, 'job_id'],
    'an error message of 66 KB': [
      { recipient_updates: [{ userid: 1001, status: 'failed', error_message: 'x'.repeat(67_000) }] },
      'recipient_updates[0].error_message',
    ],
  }
  it.each(Object.entries(shapes))('with %s is a 400 that names the path', async (_, [change, path]) => {
    const answer = await signed(JSON.stringify(good(change)))
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid' } })
    expect((answer.body['issues'] as { path: string }[]).map((issue) => issue.path)).toContain(path)
  })

  it('that is a list at its root is refused', async () => {
    expect((await signed('[]')).status).toBe(401)
  })
  it('over 30 MB is a 413', async () => {
    expect((await signed(Buffer.alloc(30 * 1024 * 1024 + 1, 32))).status).toBe(413)
  })
})

describe('meaning', () => {
  it('an unknown job is a 404, and a UUID is never read as the number it begins with', async () => {
    expect((await signed(JSON.stringify(good({ job_id: '00000000-0000-4000-8000-000000000000' })))).status).toBe(404)
    for (const id of [`${jobs.flow}-e000`, `${jobs.flow}e0`, ` ${jobs.flow}`, `${jobs.flow}.0`, `0${jobs.flow}`]) {
      expect(
        (await signed(JSON.stringify(good({ job_id: id, recipient_updates: [{ userid: 1001, status: 'failed' }] }))))
          .status,
      ).toBe(404)
    }
  })
  it('an unknown recipient, and one of another job, are reported and left alone', async () => {
    const other = (await site.moodle.submit(job({ recipients: people(1, 5000) }))).jobIds[0] ?? ''
    before = tables()
    const updates = [5000, 9999, 'abc', '1001 or 1=1'].map((userid) => ({ userid, status: 'failed' }))
    const answer = await signed(JSON.stringify(good({ recipient_updates: updates })))
    expect(answer).toMatchObject({
      status: 200,
      body: { applied: 0, unknown: 4, unknown_recipients: ['5000', '9999', 'abc', '1001 or 1=1'] },
    })
    expect(site.moodle.job(other)).toMatchObject({ failed_recipients: 0 })
  })
})

describe('transport', () => {
  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s is a 405', async (method) => {
    for (const path of Object.values(callbackPaths)) {
      const response = await fetch(`${site.url}${path}`, { method })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    }
  })
  it.each([
    'application/json; charset=utf-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'x',
    '',
    'application/json, text/plain',
  ])('a signed body of the type "%s" is read all the same', async (type) => {
    const body = JSON.stringify(good())
    const answer = await deliver(body, { 'x-signature': sign(secret, body), 'content-type': type })
    expect(answer.status).toBe(200)
  })
  it('a chunked body is read', async () => {
    const body = JSON.stringify(good())
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        `${site.url}${callbackPaths.spec}`,
        { method: 'POST', headers: { 'x-signature': sign(secret, body) } },
        (response) => {
          response.resume()
          resolve(response.statusCode)
        },
      )
      sent.on('error', reject)
      for (const part of body.match(/.{1,20}/gs) ?? []) sent.write(part)
      sent.end()
    })
    expect(status).toBe(200)
  })
})

describe('the plugin’s address', () => {
  const content = (more: object = {}) => ({
    job_id: Number(jobs.plugin),
    status: 'completed',
    token,
    emails_sent: 1,
    emails_failed: 0,
    errors: [],
    recipients: [{ email: 'user1001@example.com', status: 'sent' }],
    ...more,
  })
  const send = (body: object) => site.post(callbackPaths.plugin, JSON.stringify(body))
  it.each([
    ['no token', { token: undefined }, 400],
    ['an empty token', { token: '' }, 400],
    ['a token that is true', { token: true }, 400],
    ['a token that is 0', { token: 0 }, 400],
    ['a wrong token', { token: 'company-tokeN' }, 403],
    ['a longer token', { token: `${token} ` }, 403],
    ['an unknown job', { job_id: 3 }, 404],
    ['negative counts', { emails_failed: -1 }, 400],
    ['no counts', { emails_sent: undefined }, 400],
    ['more than the job has', { emails_sent: 2, emails_failed: 2 }, 400],
    ['an unknown status', { status: 'done' }, 400],
    ['an unknown status of a recipient', { recipients: [{ email: 'user1001@example.com', status: 'bounced' }] }, 400],
  ])('with %s', async (_, change, status) => {
    expect((await send(content(change))).status).toBe(status)
  })
  it('takes no signature instead of the token', async () => {
    const body = JSON.stringify({ ...good(), job_id: Number(jobs.plugin) })
    expect((await site.post(callbackPaths.plugin, body, { 'x-signature': sign(secret, body) })).status).toBe(400)
  })
})

it('a callback of flow may come unsigned, since that dialect names no signature, but not wrongly signed', async () => {
  const body = JSON.stringify({
    job_id: Number(jobs.flow),
    status: 'queued',
    emails_sent: 0,
    emails_failed: 0,
    errors: [],
  })
  expect((await deliver(body, { 'x-signature': sign('other', body) })).status).toBe(401)
  const answer = await deliver(body, {})
  expect(answer.status).toBe(200)
  before = tables()
})

it('a refusal is in the journal, in words and without the body', async () => {
  await deliver(JSON.stringify(good()), { 'x-signature': 'sha256=00' })
  expect(site.journal.read({ last: 1 })[0]?.event).toMatchObject({
    type: 'moodle.callback',
    job: jobs.spec,
    status: 401,
    verdict: 'signature-wrong',
    reason: expect.stringContaining('sha256=') as string,
  })
})
