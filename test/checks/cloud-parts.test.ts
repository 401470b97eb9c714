import { PDFDocument } from '@cantoo/pdf-lib'
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { SendEmailCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, it, onTestFinished } from 'vitest'
import { alteredLinks, expiresIn } from '../../contracts/checks/deployment/links.ts'
import { createCertificates, readPdf, type OpenLink } from '../../emulator/check/certificates.ts'
import { createQueueWatch } from '../../emulator/check/dead-letters.ts'
import { createMailWitness } from '../../emulator/deployment/mails.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { systemClock, virtualClock } from '../../emulator/kernel/clock.ts'

const v4 =
  'https://b.s3.eu-west-1.amazonaws.com/j/1.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=ab0'
const v2 = 'https://b.s3.amazonaws.com/j/1.pdf?AWSAccessKeyId=A&Signature=c2ln&Expires=1800003600'
const other = 'https://b.s3.amazonaws.com/j/2.pdf?x=1'
const now = 1_800_000_000_000

describe('a link', () => {
  it.each([
    [v4, 3600],
    [v2, 3600],
    ['https://files.example/1?exp=1800000060&sig=x', 60],
    ['https://files.example/1.pdf', undefined],
    ['https://files.example/1.pdf?expires=never', undefined],
  ])('%s is good for %s s', (url, seconds) => {
    expect(expiresIn(url, now)).toBe(seconds)
  })

  it.each([
    [v4, ['without its query', 'with another file', 'with a later end', 'with another signature']],
    [v2, ['without its query', 'with another file', 'with a later end', 'with another signature']],
    ['https://files.example/1.pdf?x=1', ['without its query']],
    ['https://files.example/1.pdf', []],
  ])('%s can be altered', (url, expected) => {
    const altered = alteredLinks(url, other)
    expect(altered.map(({ how }) => how)).toEqual(expected)
    expect(altered.every((one) => one.url !== url)).toBe(true)
  })

  it('changes one thing at a time', () => {
    const [, file, end, signature] = alteredLinks(v4, other).map(({ url }) => url)
    expect(file).toBe(v4.replace('/j/1.pdf', '/j/2.pdf'))
    expect(end).toBe(v4.replace('Expires=3600', 'Expires=86400'))
    expect(signature).toBe(v4.replace('=ab0', '=ab1'))
  })

  it('that ends soon is opened once more when it has', async () => {
    const clock = virtualClock(now)
    const opened: string[] = []
    const open: OpenLink = async (url) => {
      opened.push(`${clock.now() - now} ${url.slice(0, 24)}`)
      return { status: clock.now() < now + 5000 ? 200 : 403, bytes: Buffer.from('%PDF-') }
    }
    const look = createCertificates({ clock, open, read: async () => ({ valid: true, pages: 1, hash: '', text: '' }) })
    const seen = look([{ recipient: '1', url: 'https://files.example/1?exp=1800000005&sig=x' }], 'alter')
    await clock.advance(10_000)
    expect((await seen)[0]?.answers.at(-1)).toMatchObject({ how: 'after its end', status: 403 })
    expect(opened.at(-1)).toMatch(/^6000 /)
  })

  it('that is none is told', async () => {
    const open: OpenLink = async () => ({ status: 200, bytes: new Uint8Array() })
    const look = createCertificates({ clock: virtualClock(), open, read: readPdf })
    for (const url of ['certificates/1.pdf', 'file:///etc/passwd', 's3://bucket/1.pdf']) {
      const [seen] = await look([{ recipient: '1', url }], 'open')
      expect(seen).toMatchObject({ pdf: { valid: false, reason: 'it is no URL' }, answers: [{ status: null }] })
    }
  })
})

describe('a PDF', () => {
  it('is read for its pages and what it says', async () => {
    const document = await PDFDocument.create()
    document.addPage().drawText('Zoe Abernathy', { x: 50, y: 500 })
    document.setTitle('Certificate of Zoë')
    const read = await readPdf(await document.save())
    expect(read).toMatchObject({ valid: true, pages: 1, text: expect.stringContaining('Certificate of Zoë') as string })
  })

  it.each(['', '<html>Not found</html>', '%PDF-1.7\n', '%PDF-1.7\nxref'])(
    'is not what only looks like one: %j',
    async (text) => {
      expect(await readPdf(Buffer.from(text))).toMatchObject({ valid: false })
    },
  )
})

describe('a dead-letter queue', () => {
  const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'
  const policy = JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:123456789012:jobs-dlq',
    maxReceiveCount: 10,
  })
  const watch = (attributes: Record<string, string>, bodies: readonly string[] = []) => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { VisibilityTimeout: '30', ...attributes } })
    sqs
      .on(ReceiveMessageCommand)
      .resolvesOnce({ Messages: bodies.map((Body, n) => ({ Body, ReceiptHandle: `r${n}` })) })
      .resolves({})
    const clock = virtualClock()
    const found = createQueueWatch({ queueUrl, clock }).find('oc-1', 10_000)
    return { sqs, found: clock.advance(30_000).then(() => found) }
  }

  it('is found by the redrive policy, and gives our own message back alone', async () => {
    const { sqs, found } = watch({ RedrivePolicy: policy }, ['{"somebody": "else"}', '{"offload check": "oc-1'])
    expect(await found).toEqual({ state: 'there' })
    const inputs = sqs
      .calls()
      .map(({ args }) => args[0].input as { QueueUrl?: string; Entries?: unknown; ReceiptHandle?: string })
    expect(inputs.at(-1)).toEqual({ QueueUrl: `${queueUrl}-dlq`, ReceiptHandle: 'r1' })
    expect(inputs.at(-2)?.Entries).toEqual([{ Id: '0', ReceiptHandle: 'r0', VisibilityTimeout: 0 }])
  })

  it.each([
    ['there is none', {}, { state: 'gone', reason: /no dead-letter queue: set a RedrivePolicy/ }],
    [
      'it is still waiting',
      { RedrivePolicy: policy, ApproximateNumberOfMessagesNotVisible: '1' },
      { state: 'waiting', reason: /10 receives of 30 s/ },
    ],
    ['it was deleted', { RedrivePolicy: policy }, { state: 'gone', reason: /as if it had been done/ }],
  ] as const)('says where a message is: %s', async (_name, attributes, { state, reason }) => {
    expect(await watch(attributes).found).toEqual({ state, reason: expect.stringMatching(reason) as string })
  })

  it('that may not be seen is unknown', async () => {
    const sqs = mockClient(SQSClient)
    onTestFinished(() => sqs.restore())
    sqs.on(GetQueueAttributesCommand).rejects(Object.assign(new Error('no'), { name: 'AccessDenied' }))
    const { find } = createQueueWatch({ queueUrl, clock: virtualClock() })
    expect(await find('x', 1000)).toMatchObject({
      state: 'unknown',
      reason: expect.stringContaining('AWS refuses') as string,
    })
  })
})

it('the queues and the events of the emulator are seen as those of AWS', async () => {
  const emulator = await createEmulator({
    port: 0,
    smtp_port: 0,
    inbox_port: 0,
    ephemeral: true,
    worker: 'none',
    ses_notifications: { queue: 'ses-events' },
  })
  onTestFinished(() => emulator.stop())
  const options = {
    endpoint: emulator.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  }
  const sqs = new SQSClient(options)
  const deadLetters = `${emulator.queueUrl}-dlq`
  for (const text of ['another', 'of oc-1-2-'])
    await sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: text }))
  const watch = createQueueWatch({ queueUrl: emulator.queueUrl, clock: systemClock() })
  expect(await watch.find('oc-1-2-', 5000)).toEqual({ state: 'there' })

  const ses = new SESv2Client(options)
  const address = 'success+oc-1-2-1@simulator.amazonses.com'
  await ses.send(
    new SendEmailCommand({
      FromEmailAddress: 'a@x.test',
      Destination: { ToAddresses: [address] },
      Content: { Simple: { Subject: { Data: 'Hello' }, Body: { Text: { Data: 'x' } } } },
    }),
  )
  const queueUrl = emulator.queueUrl.replace('manireports-jobs', 'ses-events')
  const witness = createMailWitness({ kind: 'ses-events', queueUrl, ours: (to) => to.includes('oc-1-') })
  onTestFinished(() => witness.close())
  await expect.poll(() => witness.count({ label: 'oc-1-2-' })).toBe(1)
  expect(await witness.find({ label: 'oc-1-2-' })).toMatchObject({ mails: [{ address }] })
})
