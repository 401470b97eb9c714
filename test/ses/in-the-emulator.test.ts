import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SESClient, SendEmailCommand } from '@aws-sdk/client-ses'
import {
  CreateConfigurationSetCommand,
  CreateConfigurationSetEventDestinationCommand,
  SESv2Client,
  SendEmailCommand as SendEmailV2,
} from '@aws-sdk/client-sesv2'
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { expect, onTestFinished, test } from 'vitest'
import { running } from '../end-to-end/running.ts'

const clients = (endpoint: string) => {
  const config = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'offload', secretAccessKey: 'offload' },
  }
  const [v1, v2, sqs] = [new SESClient(config), new SESv2Client(config), new SQSClient(config)]
  onTestFinished(() => {
    for (const client of [v1, v2, sqs]) client.destroy()
  })
  return { v1, v2, sqs }
}

test('SES is on the emulator’s one port: mails are in the inbox, bounces in a queue and at an address', async () => {
  const posts: string[] = []
  const receiver = createServer((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      posts.push(body)
      response.end()
    })
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  onTestFinished(() => void receiver.close())
  const { port } = receiver.address() as AddressInfo

  const emulator = await running({
    speed: 100,
    ses_notifications: { queue: 'ses-feedback', url: `http://127.0.0.1:${port}/ses` },
  })
  const { v1, v2, sqs } = clients(emulator.url)
  const { MessageId } = await v1.send(
    new SendEmailCommand({
      Source: 'Anybody <anybody@example.com>',
      Destination: { ToAddresses: ['ann@example.com'], BccAddresses: ['bob@example.com'] },
      Message: { Subject: { Data: 'Über SES' }, Body: { Html: { Data: '<p>ä</p>' } } },
    }),
  )
  const message = await emulator.mailpit.getMessageSummary()
  expect(message).toMatchObject({
    MessageID: `${MessageId}@email.amazonses.com`,
    Subject: 'Über SES',
    To: [{ Address: 'ann@example.com' }],
    Bcc: [{ Address: 'bob@example.com' }],
    HTML: '<p>ä</p>',
  })

  const bounced = await v2.send(
    new SendEmailV2({
      FromEmailAddress: 'anybody@example.com',
      Destination: { ToAddresses: ['bounce@simulator.amazonses.com'] },
      Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
    }),
  )
  await emulator.event('mail.reported', ({ messageId }) => messageId === bounced.MessageId)
  const queueUrl = emulator.queueUrl.replace(/[^/]+$/, 'ses-feedback')
  const found: unknown[] = []
  while (found.length < 2) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }),
    )
    for (const { Body = '' } of Messages) found.push(JSON.parse(Body))
  }
  expect(found).toContainEqual(
    expect.objectContaining({
      notificationType: 'Bounce',
      mail: expect.objectContaining({ messageId: bounced.MessageId }),
    }),
  )
  expect(found).toContainEqual(expect.objectContaining({ notificationType: 'Delivery' }))
  await expect.poll(() => posts.length).toBe(2)
  expect(posts.map((body) => JSON.parse(body) as unknown)).toEqual(expect.arrayContaining(found))
})

test('notifications go to no host that callbacks may not go to', async () => {
  const emulator = await running({ speed: 1000, ses_notifications: { url: 'https://production.example.com/ses' } })
  const { v2 } = clients(emulator.url)
  await v2.send(
    new SendEmailV2({
      FromEmailAddress: 'anybody@example.com',
      Destination: { ToAddresses: ['bounce@simulator.amazonses.com'] },
      Content: { Simple: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } } },
    }),
  )
  const { reason } = await emulator.event('mail.webhook-lost')
  expect(reason).toContain('--allow-callback-host production.example.com')
})

test('an emulator whose worker waits for its rate stops at once', async () => {
  const emulator = await running({ worker_mail_rate: 1 })
  const recipients = Array.from({ length: 50 }, (_, index) => ({ userid: index + 1, email: `u${index}@example.com` }))
  await emulator.submit({
    job_id: 1,
    type: 'reminder',
    template_data: {},
    recipients,
    timestamp: 1_767_225_600,
  })
  await expect.poll(async () => (await emulator.mailpit.getInfo()).Messages).toBe(1)
  // The other 49 would take longer than a test may.
  await emulator.stop()
})

test('events of a configuration set are in the queue of the topic’s name, for whoever receives there', async () => {
  const emulator = await running({ speed: 100 })
  const { v1, v2, sqs } = clients(emulator.url)
  await v2.send(new CreateConfigurationSetCommand({ ConfigurationSetName: 'jobs' }))
  await v2.send(
    new CreateConfigurationSetEventDestinationCommand({
      ConfigurationSetName: 'jobs',
      EventDestinationName: 'queue',
      EventDestination: {
        Enabled: true,
        MatchingEventTypes: ['BOUNCE'],
        SnsDestination: { TopicArn: 'arn:aws:sns:eu-west-1:123456789012:mail-events' },
      },
    }),
  )
  const { MessageId } = await v1.send(
    new SendEmailCommand({
      Source: 'anybody@example.com',
      Destination: { ToAddresses: ['bounce@simulator.amazonses.com'] },
      Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
      ConfigurationSetName: 'jobs',
    }),
  )
  const told: { Subject?: string; Message: string }[] = []
  while (told.length < 2) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: `${emulator.url}/000000000000/mail-events`,
        WaitTimeSeconds: 10,
        MaxNumberOfMessages: 10,
      }),
    )
    if (Messages.length === 0) break
    told.push(...Messages.map(({ Body = '' }) => JSON.parse(Body) as { Message: string }))
  }
  expect(told.map(({ Subject }) => Subject)).toEqual([undefined, 'Amazon SES Email Event Notification'])
  expect(JSON.parse(told[1]?.Message ?? '')).toMatchObject({
    eventType: 'Bounce',
    mail: { messageId: MessageId, tags: { 'ses:configuration-set': ['jobs'] } },
  })
})
