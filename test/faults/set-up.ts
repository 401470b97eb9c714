import { S3Client } from '@aws-sdk/client-s3'
import { SESClient } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import { SQSClient } from '@aws-sdk/client-sqs'
import { onTestFinished } from 'vitest'
import type { ConfigInput } from '../../emulator/config.ts'
import type { Clock } from '../../emulator/kernel/clock.ts'
import type { RuleView } from '../../emulator/kernel/faults/faults.ts'
import { running } from '../end-to-end/running.ts'

/** An emulator, its rules, and the AWS SDK's clients, which try a call once. */
export async function faulty(rules = '', config: ConfigInput & { clock?: Clock } = {}) {
  const emulator = await running(config)
  const options = {
    endpoint: emulator.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  }
  const clients = {
    sqs: new SQSClient(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
    ses: new SESClient(options),
    sesv2: new SESv2Client(options),
  }
  onTestFinished(() => Object.values(clients).forEach((client) => client.destroy()))
  const path = `${emulator.url}/_offload/faults`
  const setRules = async (text: string) => {
    const answer = await fetch(path, { method: 'PUT', body: text })
    if (!answer.ok) throw new Error(`PUT faults: ${answer.status} ${await answer.text()}`)
  }
  if (rules !== '') await setRules(rules)
  return {
    ...emulator,
    ...clients,
    options,
    setRules,
    rules: async () => ((await (await fetch(path)).json()) as { rules: RuleView[] }).rules,
    injected: () => emulator.journal.read().flatMap(({ event }) => (event.type === 'fault.injected' ? [event] : [])),
  }
}

export const people = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    userid: 1001 + index,
    email: `person${index + 1}@example.com`,
    firstname: 'Ada',
    lastname: `Number ${index + 1}`,
  }))
