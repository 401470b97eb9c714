import type { SeenMail } from '../../contracts/checks/deployment/seen.ts'
import { z } from 'zod'
import { createSqsClient, explainAws, type AwsOptions } from './aws.ts'
import type { MailWitness } from './mail-witness.ts'

/** What SES publishes of a mail, the parts that are read: events (`eventType`) and notifications (`notificationType`). */
const event = z.looseObject({
  eventType: z.string().optional(),
  notificationType: z.string().optional(),
  mail: z.looseObject({
    messageId: z.string(),
    destination: z.array(z.string()),
    commonHeaders: z.looseObject({ subject: z.string().optional() }).optional(),
  }),
})

/** Sent: `Send` where it is published, else what follows from it. */
const sentTypes = new Set(['Send', 'Delivery', 'Bounce', 'Complaint'])

const batch = 10
/** As long as there is something in the queue; bounded, since others may fill it. */
const mostBatches = 50

/** SES publishes to SNS (with or without its envelope), or to EventBridge, and these to a queue. */
export function sesEventOf(body: string): z.output<typeof event> | undefined {
  const read = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }
  const outer = read(body)
  if (typeof outer !== 'object' || outer === null) return undefined
  const { Message, detail } = outer as { Message?: unknown; detail?: unknown }
  const inner = typeof Message === 'string' ? read(Message) : (detail ?? outer)
  const parsed = event.safeParse(inner)
  return parsed.success ? parsed.data : undefined
}

/**
 * The mails that SES says went out. What is about our own addresses is taken out of the queue, all else comes back to it
 * when its visibility timeout ends.
 */
export function createSesEventWitness({
  queueUrl,
  ours,
  ...aws
}: { readonly queueUrl: string; readonly ours: (address: string) => boolean } & AwsOptions): MailWitness {
  const client = createSqsClient(queueUrl, aws)
  client.catch(() => {})
  const seen = new Map<string, SeenMail>()
  let last: Promise<string | undefined> = Promise.resolve(undefined)

  const drain = async (): Promise<string | undefined> => {
    try {
      const { ReceiveMessageCommand, DeleteMessageBatchCommand } = await import('@aws-sdk/client-sqs')
      const sqs = await client
      for (let n = 0; n < mostBatches; n++) {
        const { Messages = [] } = await sqs.send(
          new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: batch, WaitTimeSeconds: 1 }),
        )
        const mine = Messages.filter(({ Body = '' }) => note(Body))
        if (mine.length > 0) {
          await sqs.send(
            new DeleteMessageBatchCommand({
              QueueUrl: queueUrl,
              Entries: mine.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
            }),
          )
        }
        if (Messages.length < batch) break
      }
      return undefined
    } catch (error) {
      return explainAws(error)
    }
  }

  /** Whether the message is about an address of ours. */
  const note = (body: string): boolean => {
    const about = sesEventOf(body)
    if (about === undefined) return false
    const { messageId, destination, commonHeaders } = about.mail
    const mine = destination.filter(ours)
    if (sentTypes.has(about.eventType ?? about.notificationType ?? '')) {
      for (const address of mine) {
        seen.set(`${messageId} ${address}`, { address, messageId, subject: commonHeaders?.subject })
      }
    }
    return mine.length > 0
  }

  // One after the other, so that nobody looks past what another has just taken.
  const look = () => (last = last.then(drain))
  const matching = (about: { label: string }) =>
    [...seen.values()].filter(({ address }) => address.includes(about.label))
  const noJobs = 'events name addresses, not jobs'

  return {
    sees: 'envelopes',
    async find(about) {
      if (!('label' in about)) return { observed: false, reason: noJobs }
      const failed = await look()
      return failed === undefined
        ? { observed: true, mails: matching(about) }
        : { observed: false, reason: `SES's events in ${queueUrl}: ${failed}` }
    },
    async count(about) {
      if (!('label' in about)) return undefined
      return (await look()) === undefined ? matching(about).length : undefined
    },
    close: () => void client.then((sqs) => sqs.destroy()).catch(() => {}),
  }
}
