import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { GetAccountCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { expect, it } from 'vitest'
import { running } from '../end-to-end/running.ts'

const mail = {
  Source: 'a@example.com',
  Destination: { ToAddresses: ['b@example.com'] },
  Message: { Subject: { Data: 's' }, Body: { Text: { Data: 't' } } },
}

it('with verify_signatures SES takes what is signed with our keys, in both versions, and nothing else', async () => {
  const { url } = await running({ verify_signatures: true })
  const options = (secretAccessKey: string, accessKeyId = 'test') => ({
    endpoint: url,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  })
  expect((await new SESClient(options('test')).send(new SendEmailCommand(mail))).MessageId).toMatch(/-000000$/)
  expect((await new SESv2Client(options('test')).send(new GetAccountCommand({}))).SendingEnabled).toBe(true)

  await expect(new SESClient(options('guess')).send(new SendEmailCommand(mail))).rejects.toMatchObject({
    name: 'SignatureDoesNotMatch',
    $metadata: { httpStatusCode: 403 },
  })
  await expect(new SESv2Client(options('guess')).send(new GetAccountCommand({}))).rejects.toMatchObject({
    name: 'InvalidSignatureException',
    $metadata: { httpStatusCode: 403 },
  })
  await expect(new SESv2Client(options('test', 'AKIAOTHER')).send(new GetAccountCommand({}))).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  })
  expect((await fetch(`${url}/v2/email/account`)).status).toBe(403)
})
