import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as wholeText } from 'node:stream/consumers'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { CreateQueueCommand, DeleteQueueCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { ingestFace } from '../../emulator/http/ingest/face.ts'
import { running, specJob, token } from '../end-to-end/running.ts'
import { connected, exchange } from './raw-request.ts'

const bearer = `authorization: ${token.authorization}`

/** What is written to standard error from now on to the test's end. */
function standardError(): { text(): string } {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => write.mockRestore())
  return { text: () => write.mock.calls.map(([chunk]) => String(chunk)).join('') }
}

interface Refusal {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly issues?: { path: string; reason: string }[]
}
const problem = async (answer: Response) => (await answer.json()) as Refusal

describe('a path that cannot be decoded', () => {
  it.each([
    ['SES', '/v2/email/suppression/addresses/%FF', 404, { message: expect.stringContaining('%FF does not exist') }],
    ['SendGrid', '/v3/templates/%E0%A4', 401, { errors: [expect.objectContaining({ field: null })] }],
    ['Mailgun', '/v3/%FF/messages', 401, { message: 'Invalid private key' }],
    ['MailChannels', '/tx/v1/%FF', 404, { errors: [expect.any(String)] }],
    ['Cloudflare', '/accounts/a/email/sending/%ZZ', 404, { success: false }],
    ['the control API', '/_offload/jobs/%FF', 404, { status: 404 }],
  ])('is answered in the form of %s', async (service, path, status, body) => {
    const { url } = await running({ worker: 'none' })
    const method = ['Mailgun', 'Cloudflare'].includes(service) ? 'POST' : 'GET'
    const answer = await fetch(`${url}${path}`, { method })
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining(body)])
  })
})

describe('curl', () => {
  const curl = async (...options: string[]) => {
    const { stdout } = await promisify(execFile)('curl', ['-sS', '-w', ' %{http_code}', ...options])
    return stdout
  }
  const jobFile = () => {
    const folder = mkdtempSync(join(tmpdir(), 'offload-curl-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'job.json')
    writeFileSync(file, JSON.stringify(specJob(), undefined, 2))
    return `@${file}`
  }

  it.each(['/jobs', '/jobs/', '/'])('-d @job.json posts a job to %s, as a form, which is its default', async (path) => {
    const { url, settled } = await running()
    expect(await curl(`${url}${path}`, '-H', bearer, '-d', jobFile())).toMatch(/"status":"queued".* 202$/)
    expect((await settled(specJob().job_id)).totals.sent).toBe(2)
  })

  it.each(['', 'text', 'application/json; charset', ';', '*/*', 'multipart/form-data', 'application/xml'])(
    'posts a job with the content type "%s"',
    async (type) => {
      const { url } = await running({ worker: 'none' })
      const header = type === '' ? 'content-type;' : `content-type: ${type}`
      expect(await curl(`${url}/jobs`, '-H', bearer, '-H', header, '-d', jobFile())).toMatch(/ 202$/)
    },
  )

  it('reaches it through a proxy that it is itself (-x), and with a slash at the end', async () => {
    const { url } = await running({ worker: 'none' })
    expect(await curl('-x', url, 'http://offload.test:4566/health')).toMatch(/"status":"ok".* 200$/)
    expect(await curl('-x', url, 'http://offload.test:4566/jobs', '-H', bearer, '-d', jobFile())).toMatch(/ 202$/)
    expect(await curl(`${url}/health/`)).toMatch(/ 200$/)
    expect(await curl(`${url}/jobs/`)).toMatch(/submitted by POST.* 405$/)
  })
})

it('odd targets get a clear 4xx', async () => {
  const stderr = standardError()
  const { url } = await running({ worker: 'none' })
  for (const method of ['GET', 'POST', 'PUT', 'OPTIONS', 'DELETE']) {
    for (const target of [
      '//',
      '///x',
      '/%ZZ',
      '/%',
      '/%00',
      '/jobs/%00',
      '/_offload/jobs/%ZZ',
      '/a\0b',
      '/?a=%ZZ&X-Amz-Signature=%',
      '*',
    ]) {
      const answer = await exchange(url, [
        `${method} ${target} HTTP/1.1`,
        'host: localhost',
        'content-length: 0',
        'connection: close',
      ])
      const [, status, text = ''] = /^HTTP\/1.1 (\d+) [\s\S]*?\r\n\r\n([\s\S]*)$/.exec(answer) ?? []
      expect([method, target, Number(status) >= 400 && Number(status) < 500, text.length > 20]).toEqual([
        method,
        target,
        true,
        true,
      ])
    }
  }
  expect(stderr.text()).toBe('')
})

it('the same answer and the same line of the live log, whether Node read the request or the fast path', async () => {
  const emulator = await running({ worker: 'none', host: ['127.0.0.1', '127.0.0.2'] })
  const lines: unknown[] = []
  emulator.onRequest(({ at: _at, milliseconds: _milliseconds, ...line }) => lines.push(line))
  const stderr = standardError()
  emulator.onRequest(() => {
    throw new Error('a defect of a listener')
  })
  const cases = [
    ['ListQueues', '', '{}', 200],
    ['GetQueueUrl', '', '{"QueueName":"absent"}', 400],
    ['ListQueues', '', '{', 400],
    ['Nothing', '', '{}', 400],
    ['ListQueues', 'Origin: http://elsewhere.example\r\n', '{}', 403],
    ['ListQueues', 'Sec-Fetch-Site: cross-site\r\n', '{}', 403],
  ] as const
  for (const [operation, headers, body, status] of cases) {
    // The second of two on one connection is Node's.
    const head = `POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: AmazonSQS.${operation}\r\n${headers}`
    const socket = await connected(emulator.url.replace('127.0.0.1', '127.0.0.2'))
    const whole = wholeText(socket)
    for (const connection of ['', 'Connection: close\r\n']) {
      socket.write(`${head}${connection}Content-Length: ${body.length}\r\n\r\n${body}`)
    }
    const same = (answer: string) =>
      answer.replace(/^(Date|Connection|Keep-Alive): .*\r\n/gim, '').replace(/^x-amzn-RequestId: .*$/m, '')
    const [plain, nodes, ...others] = (await whole).split(/(?=HTTP\/1\.1 )/)
    expect(others).toEqual([])
    expect(plain).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(same(plain ?? '')).toBe(same(nodes ?? ''))
    const line = { method: 'POST', path: '/', status, service: 'sqs', operation }
    expect(lines.splice(0)).toEqual([line, line])
  }
  // Fastify keeps what a hook throws after the answer to itself; the four that were answered on the socket are told.
  expect(stderr.text().match(/a defect of a listener/g)).toHaveLength(4)
})

describe('clients that hang up', () => {
  it('during the upload: nothing is logged, and nothing is answered', async () => {
    const stderr = standardError()
    const { url, journal, onRequest } = await running({ worker: 'none' })
    const faces = ['POST /jobs', 'POST /_offload/page/jobs/1/x/retry', 'POST /', 'PUT /manireports-certificates/x']
    for (const line of faces) {
      const socket = await connected(url)
      const scope = line.startsWith('PUT')
        ? 'authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request'
        : bearer
      socket.write([`${line} HTTP/1.1`, 'host: localhost', scope, 'content-length: 1000', '', '{"half":'].join('\r\n'))
      // The server has the head, and a part of the body, when it has answered another connection after it.
      await fetch(`${url}/health`)
      socket.resetAndDestroy()
      await once(socket, 'close')
    }
    const answered: string[] = []
    onRequest(({ path }) => answered.push(path))
    for (let turn = 0; turn < 5; turn++) await fetch(`${url}/health`)
    expect(stderr.text()).toBe('')
    expect(answered.filter((path) => path === '/jobs')).toEqual([])
    expect(journal.read().filter(({ event }) => event.type === 'job.refused')).toEqual([])
  })

  it('before the answer: what waits for the answer to be out waits no longer', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    const [submitted, gone, answered] = [1, 2, 3].map(() => Promise.withResolvers<void>())
    if (submitted === undefined || gone === undefined || answered === undefined) throw new Error('unreachable')
    const submit = async () => {
      submitted.resolve()
      await gone.promise
      return { accepted: {}, repeated: false, answered: () => answered.resolve() }
    }
    await app.register(
      ingestFace({ ingest: { submit, refused: () => undefined } as never, token: 't', health: () => ({}) }),
    )
    app.server.once('connection', (connection: Socket) => connection.once('close', () => gone.resolve()))
    const socket = await connected(await app.listen({ host: '127.0.0.1', port: 0 }))
    socket.write('POST /jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer t\r\ncontent-length: 2\r\n\r\n{}')
    await submitted.promise
    socket.destroy()
    await answered.promise
  })
})

describe('what the queue refuses is no 500', () => {
  const sqs = (url: string) => {
    const client = new SQSClient({
      endpoint: url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    })
    onTestFinished(() => client.destroy())
    return client
  }

  it('characters that SQS does not carry: 400, with which and where', async () => {
    const { submit, journal } = await running({ worker: 'none' })
    const answer = await submit(JSON.stringify(specJob({ template_data: { course_name: 'a\uffffb\ufffe' } })))
    const { title, detail, issues } = await problem(answer)
    expect([answer.status, title]).toEqual([400, 'The queue cannot carry these characters'])
    expect(detail).toMatch(/U\+FFFF at character \d+/)
    expect(issues?.map(({ reason }) => reason.slice(0, 6))).toEqual(['U+FFFF', 'U+FFFE'])
    expect(journal.read().map(({ event }) => event.type)).not.toContain('job.accepted')
    const escaped = JSON.stringify(specJob({ template_data: { course_name: 'a\uffffb' } })).replace('\uffff', '\\uffff')
    expect((await submit(escaped)).status).toBe(202)
  })

  it('longer than the queue takes: 413, with what to do', async () => {
    const { submit, url, queueUrl } = await running({ worker: 'none' })
    const lower = { QueueUrl: queueUrl, Attributes: { MaximumMessageSize: '1024' } }
    await sqs(url).send(new SetQueueAttributesCommand(lower))
    const answer = await submit(specJob({ template_data: { text: 'x'.repeat(2000) } }))
    expect(answer.status).toBe(413)
    expect((await problem(answer)).detail).toMatch(/1024 bytes.*SetQueueAttributes/)
  })

  it('no queue: 503, with how to have one again', async () => {
    const { submit, url, queueUrl } = await running({ worker: 'none' })
    await sqs(url).send(new DeleteQueueCommand({ QueueUrl: queueUrl }))
    const answer = await submit(specJob())
    expect(answer.status).toBe(503)
    expect((await problem(answer)).detail).toMatch(/"manireports-jobs".*CreateQueue.*restart/)
    const create = sqs(url).send(new CreateQueueCommand({ QueueName: 'manireports-jobs' }))
    await expect(create).rejects.toThrow('60 seconds')
  })
})

it("the detail of a 400 counts the issues and tells the first; it is the log's reason too", async () => {
  const { submit, event } = await running({ worker: 'none' })
  const answer = await submit(specJob({ type: 'send_pigeon', recipients: [] }))
  const { title, detail, issues = [] } = await problem(answer)
  expect(title).toBe('The job does not hold the contract')
  expect(issues.length).toBeGreaterThan(1)
  expect(detail).toContain(`${issues.length} issues, the first: ${issues[0]?.path}: ${issues[0]?.reason}`)
  const { reason } = await event('job.refused')
  for (const issue of issues) expect(reason.split(issue.reason)).toHaveLength(2)
})
