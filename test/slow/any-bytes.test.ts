import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { sleep, systemClock } from '../../emulator/kernel/clock.ts'
import { startEmulator } from '../emulator-process.ts'

/*
 * Every face of the one port, for a minute: garbage bodies, wrong types, huge numbers, floods of headers, bodies that are
 * cut short. Whatever comes is answered with something below 500 (501 says that S3 has it and we do not), or not at all
 * where the client hung up; and the process does not grow.
 */

const seconds = 60
const seed = Number(process.env['OFFLOAD_FUZZ_SEED'] ?? 20_261_122)

function generator(start: number) {
  let state = start >>> 0
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return {
    below,
    chance: (share: number) => next() < share,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
  }
}
type Random = ReturnType<typeof generator>

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS']
const paths = [
  ...['/', '/jobs', '/health', '/_offload/jobs', '/_offload/jobs/x', '/_offload/send', '/_offload/log?last=0'],
  ...[
    '/_offload/callbacks?limit=-1',
    '/_offload/page/jobs/1/x',
    '/verify/%00',
    '/local/manireports/cloud_callback.php',
  ],
  ...[
    '/local/manireports/ui/ajax/cloud_callback.php',
    '/000000000000/manireports-jobs',
    '/manireports-certificates/a/b',
  ],
  ...['/manireports-certificates?list-type=2&max-keys=99999999999', '/b?uploads', '/v2/email/outbound-emails'],
  ...['/v2/email/suppression/addresses/%ff', '/v3/mail/send', '/v3/x/messages', '/tx/v1/send'],
  ...['/v2/email/configuration-sets', '/v2/email/configuration-sets/x/event-destinations/%00'],
  ...['/v3/templates', '/v3/templates/x/versions', '/v3/x.test/templates', '/v3/x.test/templates/y/versions/%ff'],
  ...['/tx/v1/webhook/public-key?id=%ff', '/?Action=SendEmail&Version=2010-12-01'],
  ...[
    '/client/v4/accounts/a/queues/manireports-jobs/messages/pull',
    '/accounts/a/email/sending/send',
    '/%zz',
    '//',
    '/?Action=X',
  ],
]
const scope = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=00`
const targets = [
  'SendMessage',
  'ReceiveMessage',
  'CreateQueue',
  'SetQueueAttributes',
  'DeleteMessageBatch',
  'SendEmail',
  'Nonsense',
]
const values = [
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '1e400',
  '-0',
  '99999999999999999999',
  '"\\ud800"',
  '"x"',
  '[[[[]]]]',
  '{"a":{"b":[]}}',
]
const names = [
  'job_id',
  'recipients',
  'type',
  'tenant_id',
  'QueueUrl',
  'MessageBody',
  'Entries',
  'MaxNumberOfMessages',
  'personalizations',
  'Content',
]

function json(random: Random): string {
  const fields = Array.from({ length: random.below(6) }, () => `"${random.pick(names)}":${random.pick(values)}`)
  return `{${fields.join(',')}}`
}

function body(random: Random): Buffer {
  switch (random.below(6)) {
    case 0:
      return Buffer.from(Array.from({ length: random.below(400) }, () => random.below(256)))
    case 1:
      return Buffer.from(json(random).slice(0, random.below(60)))
    case 2:
      return Buffer.from(
        `Action=${random.pick(targets)}&Version=${random.pick(['2012-11-05', '2010-12-01'])}&QueueUrl=${random.pick(values)}&Entry.1.Id=%ff`,
      )
    case 3:
      return Buffer.from('['.repeat(random.below(3000)))
    case 4:
      return Buffer.alloc(random.below(200_000), 0x61)
    default:
      return Buffer.from(json(random))
  }
}

/** One request as bytes; some of them are no HTTP at all. */
function requestOf(random: Random): Buffer {
  const content = body(random)
  const headers = [
    'host: 127.0.0.1',
    `content-length: ${random.chance(0.1) ? content.length + 1 + random.below(50) : content.length}`,
    ...(random.chance(0.6)
      ? [
          `authorization: ${random.pick(['Bearer offload-dev-token', 'Basic x', scope('sqs'), scope('s3'), scope('ses')])}`,
        ]
      : []),
    ...(random.chance(0.5)
      ? [
          `content-type: ${random.pick(['application/json', 'application/x-amz-json-1.0', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense', ''])}`,
        ]
      : []),
    ...(random.chance(0.3) ? [`x-amz-target: AmazonSQS.${random.pick(targets)}`] : []),
    ...(random.chance(0.1) ? ['transfer-encoding: chunked'] : []),
    ...(random.chance(0.1)
      ? [
          'range: bytes=5-1',
          `x-amz-content-sha256: STREAMING-${random.pick(['UNSIGNED', 'AWS4-HMAC-SHA256'])}-PAYLOAD-TRAILER`,
        ]
      : []),
    ...(random.chance(0.05) ? Array.from({ length: 300 }, (_, at) => `x-flood-${at}: ${'y'.repeat(100)}`) : []),
  ]
  const head = `${random.pick(methods)} ${random.pick(paths)} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), content])
}

/** The status that the server answers; 0 where the connection ends without one. */
function exchange(port: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const done = () => {
      socket.destroy()
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0))
    }
    // A body that was cut short is waited for: hang up, as a client that died does.
    socket.setTimeout(300, done)
    socket.on('data', (chunk: Buffer) => {
      answer = (answer + chunk.toString('latin1')).slice(0, 64)
      if (answer.length >= 12) done()
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

const residentMb = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024

it.runIf(process.platform === 'linux')(
  `no bytes make a 5xx or let memory grow (${seconds} s, seed ${seed})`,
  async () => {
    const clock = systemClock()
    const emulator = await startEmulator(['--ephemeral', '--worker', 'none'])
    onTestFinished(() => emulator.kill())
    const port = Number(new URL(emulator.url).port)
    const statuses = new Map<number, number>()
    const offences: string[] = []
    let sent = 0
    const lane = async (until: number, start: number) => {
      const random = generator(start)
      while (clock.monotonic() < until && offences.length < 5) {
        const bytes = requestOf(random)
        const status = await exchange(port, bytes)
        sent++
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status >= 500 && status !== 501)
          offences.push(`${status} to ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}`)
      }
    }
    const lanes = async (duration: number, offset: number) => {
      const until = clock.monotonic() + duration * 1000
      await Promise.all(Array.from({ length: 8 }, (_, at) => lane(until, seed + offset + at)))
    }
    await lanes(seconds / 3, 0)
    const before = residentMb(emulator.pid)
    await lanes((2 * seconds) / 3, 100)
    await sleep(clock, 500)
    const after = residentMb(emulator.pid)
    const shown = [...statuses].toSorted(([a], [b]) => a - b).map(([status, times]) => `${status}: ${times}`)
    console.log(`${sent} requests (${shown.join(', ')}), ${Math.round(before)} MB, then ${Math.round(after)} MB`)
    expect(offences).toEqual([])
    expect((await fetch(`${emulator.url}/health`)).status).toBe(200)
    expect(after - before).toBeLessThan(80)
  },
)
