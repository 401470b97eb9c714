import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { deploymentCases } from '../../contracts/checks/deployment/index.ts'
import { ndjson, offload } from '../cli/offload.ts'
import { folder, up } from './cloud-processes.ts'

const gateway = 'https://abc.execute-api.eu-west-1.amazonaws.com/prod'

it.each<[string, string[], number, RegExp]>([
  ['no way in', [], 2, /a way in is missing\n {2}→ --url https/],
  ['two ways in', ['--url', gateway, '--worker-url', gateway], 2, /--url and --worker-url are two ways in: give one/],
  ['no URL', ['--url', 'abc'], 2, /abc is no http:\/\/ or https:\/\/ URL/],
  ["somebody else's", ['--url', gateway], 2, /abc\.execute-api.* is not this machine.*--i-own-this-target/],
  [
    "a queue of somebody else's beside one's own",
    ['--url', 'http://127.0.0.1:2', '--queue-url', 'https://sqs.eu-west-1.amazonaws.com/1/q'],
    2,
    /sqs\.eu-west-1\.amazonaws\.com is not this machine/,
  ],
  [
    'no way back',
    ['--url', gateway, '--i-own-this-target'],
    2,
    /cannot call 127\.0\.0\.1:0 of this machine back\n {2}→ --listen/,
  ],
  [
    'no token',
    ['--url', gateway, '--i-own-this-target', '--public-url', 'https://t.example'],
    2,
    /--token is missing.*\n {2}→ export OFFLOAD_INGEST_TOKEN/,
  ],
  [
    'no secret',
    ['--url', gateway, '--i-own-this-target', '--public-url', 'https://t.example', '--token', 't'],
    2,
    /--secret is missing.*\n {2}→ export OFFLOAD_CALLBACK_SECRET/,
  ],
  [
    'no case of that name',
    ['--url', gateway, '--only', 'retry/5000'],
    2,
    /retry\/5000 is no case; retry\/500 was meant\?/,
  ],
  ['no time', ['--url', gateway, '--patience', 'long'], 2, /--patience.*It must be a time such as 30s or 2m/],
  [
    'nobody there',
    ['--url', 'http://127.0.0.1:2', '--token', 't', '--secret', 's'],
    3,
    /nobody answers at http:\/\/127\.0\.0\.1:2\/jobs/,
  ],
])('says what is wrong: %s', async (_name, args, code, words) => {
  const ran = await offload(['check', 'cloud', ...args])
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringMatching(words)])
})

it('lists the cases', async () => {
  const ran = await offload(['check', 'cloud', '--list', '--json'])
  expect([ran.code, ndjson(ran.stdout).map(({ id }) => id)]).toEqual([0, deploymentCases.map(({ id }) => id)])
})

it('runs some, shows what was sent and came back, and writes reports', async () => {
  const { url, queueUrl } = await up([])
  const cwd = folder()
  const flags = [
    '--url',
    url,
    '--queue-url',
    queueUrl,
    '--only',
    'callback/signature,queue/redelivery',
    '--settle',
    '500ms',
  ]
  const ran = await offload(['check', 'cloud', ...flags, '--verbose', '--reporter', 'junit,json=cloud.json'], { cwd })
  expect([ran.code, ran.stderr]).toEqual([0, ''])
  expect(ran.stdout).toMatch(/✓ canary\/job .*\n {4}sent by api, \d+ bytes; answered 202/)
  expect(ran.stdout).toMatch(
    /\| curl -sS -i .* -H "authorization: Bearer \$OFFLOAD_INGEST_TOKEN" --data-binary @- http:\/\/127/,
  )
  expect(ran.stdout).toMatch(
    /aws sqs send-message --queue-url \S+ --endpoint-url http:\/\/127\.0\.0\.1:\d+ --message-body "\$\(printf /,
  )
  expect(ran.stdout).toMatch(
    /\d\.\d s later POST \/local\/manireports\/ui\/ajax\/cloud_callback\.php, \d+ bytes; answered 200/,
  )
  expect(ran.stdout).toMatch(/\n3 passed, 0 failed\n$/)
  expect(ran.stdout).not.toContain('offload-dev')
  expect(readFileSync(join(cwd, 'offload-check.xml'), 'utf8')).toContain(
    '<testsuite name="cloud spec" tests="3" failures="0"',
  )
  expect(JSON.parse(readFileSync(join(cwd, 'cloud.json'), 'utf8'))).toMatchObject({ tally: { passed: 3, failed: 0 } })
})

it('fails as one diagnosis where everything is refused, and tells it in JSON', async () => {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(403).end('Forbidden')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const flags = ['--url', `http://127.0.0.1:${port}`, '--token', 'topsecret', '--secret', 's', '--json']
  const ran = await offload(['check', 'cloud', ...flags])
  const [canary, ...others] = ndjson(ran.stdout)
  expect([ran.code, canary]).toMatchObject([
    1,
    { id: 'canary/job', verdict: 'fail', level: 'required', fix: expect.stringContaining('--token') as string },
  ])
  expect(new Set(others.map(({ verdict }) => verdict))).toEqual(new Set(['skip']))
  expect(ran.stdout + ran.stderr).not.toContain('topsecret')
})
