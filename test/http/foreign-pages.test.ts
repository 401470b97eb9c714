import { expect, it, onTestFinished } from 'vitest'
import Fastify from 'fastify'
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs'
import { guard } from '../../emulator/http/guard.ts'
import { running, specJob } from '../end-to-end/running.ts'
import { exchange } from './raw-request.ts'

const evil = { origin: 'https://evil.example' }

/** fetch would not send `sec-fetch-site` and `host` as they are given. */
async function status(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body = '',
): Promise<number> {
  const lines = Object.entries({
    host: new URL(url).host,
    connection: 'close',
    'content-length': String(body.length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`)
  return Number((await exchange(url, [`${method} ${path} HTTP/1.1`, ...lines], body)).slice(9, 12))
}

it('what a page of another site makes a browser send changes nothing, at any face', async () => {
  const { url, queueUrl, inbox, event, submit } = await running({ worker: 'none' })
  expect((await submit(specJob())).status).toBe(202)
  const queue = new URL(queueUrl).pathname
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const purge = `Action=PurgeQueue&QueueUrl=${encodeURIComponent(queueUrl)}`
  const requests: [string, string, Record<string, string>, string?][] = [
    ['POST', '/', form, purge],
    ['POST', queue, form, 'Action=PurgeQueue'],
    ['PUT', '/manireports-certificates/x', {}, 'x'],
    ['POST', '/jobs', { authorization: 'Bearer offload-dev-token' }, JSON.stringify(specJob())],
    ['POST', '/local/manireports/cloud_callback.php', {}, '{}'],
    ['POST', '/_offload/reset', {}],
    ['POST', '/nowhere', {}],
  ]
  for (const [method, path, headers, body] of requests) {
    for (const page of [
      evil,
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      expect([path, page, await status(url, method, path, { ...headers, ...page }, body)]).toEqual([path, page, 403])
    }
  }
  // An image's address is a GET, with which SQS changes things too.
  expect(await status(url, 'GET', `${queue}?Action=PurgeQueue`, { 'sec-fetch-site': 'cross-site' })).toBe(403)
  expect(await status(inbox, 'DELETE', '/api/v1/messages', evil)).toBe(403)
  expect(await status(inbox, 'DELETE', '/api/v1/messages', { 'sec-fetch-site': 'cross-site' })).toBe(403)

  const { queues } = (await (await fetch(`${url}/_offload/queues`)).json()) as {
    queues: { name: string; visible: number }[]
  }
  expect(queues.find(({ name }) => name === 'manireports-jobs')?.visible).toBe(1)
  await event('job.accepted')
})

it('links from elsewhere are followed, and our own pages, servers and SDKs do what they like', async () => {
  const { url, queueUrl, inbox } = await running({ worker: 'none' })
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  expect(await status(url, 'GET', '/', link)).toBe(200)
  expect(await status(url, 'GET', '/_offload/page/settings', link)).toBe(200)
  expect(await status(inbox, 'GET', '/', link)).toBe(200)
  const own = { origin: url, 'sec-fetch-site': 'same-origin' }
  expect(await status(url, 'POST', '/_offload/reset', own)).toBe(200)
  expect(await status(url, 'POST', '/_offload/reset', {})).toBe(200)
  expect(await status(url, 'POST', '/jobs', {})).toBe(401)

  const client = new SQSClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  onTestFinished(() => client.destroy())
  expect((await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'x' }))).MessageId).toBeDefined()
})

it('beyond loopback the token is wanted, from a header, the query or a cookie; a broken cookie is none', async () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.addHook('onRequest', guard({ hosts: [], token: 'a b' }))
  app.get('/', () => 'in')
  const from = async (headers: Record<string, string>, url = '/') =>
    (await app.inject({ url, headers: { host: '192.168.0.7:4566', ...headers }, remoteAddress: '203.0.113.9' }))
      .statusCode
  expect(await from({ 'x-api-key': 'a b' })).toBe(200)
  expect(await from({}, '/?token=a%20b')).toBe(200)
  expect(await from({ cookie: 'x=%; offload_token=a%20b' })).toBe(200)
  expect(await from({ cookie: 'offload_token=%' })).toBe(401)
  expect(await from({ cookie: 'offload_token=%E0%A4%A' })).toBe(401)
  expect(await from({})).toBe(401)
})
