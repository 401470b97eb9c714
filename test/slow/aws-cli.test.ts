import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { running } from '../end-to-end/running.ts'

const run = promisify(execFile)
const path = process.env['PATH'] ?? ''
// Debian's, where it is there: another one may stand before it in PATH.
const aws = ['/usr/bin', ...path.split(':')].map((folder) => join(folder, 'aws')).find((file) => existsSync(file))

/** The CLI with nothing but the variables of its environment. */
async function cliFor(url: string) {
  const folder = await mkdtemp(join(tmpdir(), 'offload-aws-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const env = {
    PATH: path,
    HOME: folder,
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
  }
  const cli = async (...words: string[]): Promise<unknown> => {
    // Older ones do not know the variable.
    const { stdout } = await run(aws ?? '', ['--endpoint-url', url, '--output', 'json', ...words], { cwd: folder, env })
    return stdout.trim() === '' ? undefined : JSON.parse(stdout)
  }
  const refused = (...words: string[]): Promise<string> =>
    cli(...words).then(
      () => Promise.reject(new Error(`${words.join(' ')} was not refused`)),
      (error: { stderr?: string }) => (error.stderr ?? '').trim().replace(/ \(reached max retries: \d+\)/, ''),
    )
  return { cli, refused, folder }
}

describe.skipIf(aws === undefined)('the AWS CLI (skipped where no aws is installed)', () => {
  it('SQS: makes queues, sends, receives, deletes, and is refused', async () => {
    const { url } = await running({ worker: 'none' })
    const { cli, refused } = await cliFor(url)
    const queue = `${url}/000000000000/cli`
    expect(await cli('sqs', 'create-queue', '--queue-name', 'cli', '--attributes', 'VisibilityTimeout=5')).toEqual({
      QueueUrl: queue,
    })
    expect(await cli('sqs', 'list-queues', '--queue-name-prefix', 'cli')).toEqual({ QueueUrls: [queue] })
    const sent = (await cli(
      ...['sqs', 'send-message', '--queue-url', queue, '--message-body', 'Zoë & "you"'],
      ...['--message-attributes', '{"color":{"DataType":"String","StringValue":"blue"}}'],
    )) as { MessageId: string }
    expect(sent).toMatchObject({ MD5OfMessageAttributes: 'da1b33cc3cbfe8b1630921e78e6b9880' })
    const { Messages } = (await cli(
      ...['sqs', 'receive-message', '--queue-url', queue, '--wait-time-seconds', '1', '--attribute-names', 'All'],
      ...['--message-attribute-names', 'All'],
    )) as { Messages: { ReceiptHandle: string }[] }
    expect(Messages).toMatchObject([
      { Body: 'Zoë & "you"', MessageId: sent.MessageId, Attributes: { ApproximateReceiveCount: '1' } },
    ])
    const handle = Messages[0]?.ReceiptHandle ?? ''
    await cli('sqs', 'delete-message', '--queue-url', queue, '--receipt-handle', handle)
    const attributes = ['sqs', 'get-queue-attributes', '--queue-url', queue, '--attribute-names', 'All']
    expect(await cli(...attributes)).toMatchObject({
      Attributes: {
        VisibilityTimeout: '5',
        ApproximateNumberOfMessages: '0',
        QueueArn: expect.stringMatching(/:cli$/),
      },
    })

    // Debian's speaks Query, whose sentence goes on.
    expect(await refused('sqs', 'get-queue-url', '--queue-name', 'absent')).toMatch(
      /^An error occurred \(AWS\.SimpleQueueService\.NonExistentQueue\) when calling the GetQueueUrl operation: The specified queue does not exist( for this wsdl version)?\.$/,
    )
    expect(await refused('sqs', 'receive-message', '--queue-url', queue, '--max-number-of-messages', '11')).toContain(
      '(InvalidParameterValue)',
    )
    expect(await refused('sqs', 'delete-message', '--queue-url', queue, '--receipt-handle', 'garbage')).toContain(
      '(ReceiptHandleIsInvalid) when calling the DeleteMessage operation: The input receipt handle "garbage" is not a valid receipt handle.',
    )
  })

  it('SES v1 and v2: sends, is refused, sees its quota; events come to a queue', async () => {
    const { url, mailpit } = await running({ speed: 100 })
    const { cli, refused, folder } = await cliFor(url)
    const content = ['--subject', 'From the CLI', '--text', 'Grüße']
    const to = ['--from', 'a@example.com', '--to']
    const sent = (await cli('ses', 'send-email', ...to, 'ann@example.com', ...content)) as { MessageId: string }
    expect(sent.MessageId).toMatch(/^0108[0-9a-f]{12}-[0-9a-f-]{36}-000000$/)
    const raw = Buffer.from('From: a@example.com\nTo: bob@example.com\n\nx')
    // Version 2 takes blobs in base64, version 1 as they are.
    const { stdout, stderr } = await run(aws ?? '', ['--version'])
    const Data = `${stdout}${stderr}`.startsWith('aws-cli/1') ? raw.toString() : raw.toString('base64')
    await writeFile(join(folder, 'raw.json'), JSON.stringify({ Data }))
    await cli('ses', 'send-raw-email', '--raw-message', 'file://raw.json')
    expect((await mailpit.listMessages()).total).toBe(2)
    expect(await cli('ses', 'get-send-quota')).toEqual({ Max24HourSend: 50_000, MaxSendRate: 14, SentLast24Hours: 2 })
    expect(await refused('ses', 'send-email', ...to, 'nobody', ...content)).toContain(
      "(InvalidParameterValue) when calling the SendEmail operation: Missing final '@domain'",
    )
    expect(
      await refused('ses', 'send-email', ...to, 'a@example.com', ...content, '--configuration-set-name', 'no'),
    ).toContain('(ConfigurationSetDoesNotExist) when calling the SendEmail operation: Configuration set <no> does not')

    await cli('sesv2', 'create-configuration-set', '--configuration-set-name', 'jobs')
    await cli(
      ...['sesv2', 'create-configuration-set-event-destination', '--configuration-set-name', 'jobs'],
      ...['--event-destination-name', 'queue', '--event-destination'],
      JSON.stringify({
        Enabled: true,
        MatchingEventTypes: ['BOUNCE'],
        SnsDestination: { TopicArn: 'arn:aws:sns:us-east-1:000000000000:mail-events' },
      }),
    )
    expect(await cli('sesv2', 'list-configuration-sets')).toEqual({ ConfigurationSets: ['jobs'] })
    const simple = { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } }
    const { MessageId } = (await cli(
      ...['sesv2', 'send-email', '--from-email-address', 'a@example.com', '--configuration-set-name', 'jobs'],
      ...['--destination', 'ToAddresses=bounce@simulator.amazonses.com', '--content', JSON.stringify(simple)],
    )) as { MessageId: string }
    const bodies: string[] = []
    for (let round = 0; round < 5 && bodies.length < 2; round++) {
      const { Messages = [] } = ((await cli(
        ...['sqs', 'receive-message', '--queue-url', `${url}/000000000000/mail-events`, '--wait-time-seconds', '5'],
        ...['--max-number-of-messages', '10'],
      )) ?? {}) as { Messages?: { Body: string }[] }
      bodies.push(...Messages.map(({ Body }) => (JSON.parse(Body) as { Message: string }).Message))
    }
    expect(JSON.parse(bodies[1] ?? '')).toMatchObject({ eventType: 'Bounce', mail: { messageId: MessageId } })
    expect(await refused('sesv2', 'get-email-template', '--template-name', 'no')).toContain(
      '(NotFoundException) when calling the GetEmailTemplate operation: Template no does not exist.',
    )
    expect(await cli('sesv2', 'get-account')).toMatchObject({ SendingEnabled: true, ProductionAccessEnabled: true })
  })
})
