import type { Way } from '../k6/settings.ts'
import type { Prices } from './prices.ts'

/** What a run asks of AWS. Counts of calls, bytes, seconds. */
export interface Usage {
  readonly recipients: number
  readonly messages: number
  /** Of one message. */
  readonly messageBytes: number
  readonly way: Way
  readonly certificates: boolean
  /** Whether its mails' events are published to a queue. */
  readonly mailEvents: boolean
  /** Messages that one invocation takes. */
  readonly batchSize: number
  /** Seconds of a worker for one recipient. */
  readonly secondsEach: number
  readonly memoryMb: number
}

export interface CostLine {
  readonly service: 'API Gateway' | 'SQS' | 'Lambda' | 'S3' | 'SES'
  readonly what: string
  readonly requests: number
  readonly price: number
}

/** In `currency`, at the prices of `asOf`. */
export interface Cost {
  readonly lines: readonly CostLine[]
  readonly total: number
  readonly requests: number
  readonly currency: string
  readonly asOf: string
}

const certificateBytes = 17_000
/** As a worker of 512 MB takes for certificate, object and mail, where nobody has measured it. */
export const usualUsage = { batchSize: 10, secondsEach: 0.15, memoryMb: 512 } as const

/** What it costs on AWS's list prices. A run on this machine costs nothing: what it would cost there is told. */
export function costOf(usage: Usage, prices: Prices): Cost {
  const { recipients, messages, messageBytes, way, certificates } = usage
  const chunks = (bytes: number, size: number) => Math.max(1, Math.ceil(bytes / size))
  const sqsChunks = chunks(messageBytes, prices.sqs.chunk_bytes)
  const batches = Math.ceil(messages / usage.batchSize)
  // SendMessage, ReceiveMessage and DeleteMessage; receives and deletes come in batches.
  const queue = messages * sqsChunks + batches * sqsChunks * Math.min(usage.batchSize, messages) + batches
  // Send and Delivery of each mail go to SNS's queue, are received and deleted, ten at a time.
  const events = usage.mailEvents ? 2 * recipients + 2 * Math.ceil((2 * recipients) / 10) : 0
  const gateway = way === 'api' ? messages * chunks(messageBytes, prices.api_gateway.chunk_bytes) : 0
  const seconds = recipients * usage.secondsEach
  const lines: CostLine[] = [
    ...(gateway > 0
      ? [
          {
            service: 'API Gateway' as const,
            what: 'submissions',
            requests: gateway,
            price: gateway * prices.api_gateway.request,
          },
        ]
      : []),
    { service: 'SQS', what: 'send, receive, delete', requests: queue, price: queue * prices.sqs.request },
    ...(events > 0
      ? [{ service: 'SQS' as const, what: "the mails' events", requests: events, price: events * prices.sqs.request }]
      : []),
    {
      service: 'Lambda',
      what: `${Math.round(seconds).toLocaleString('en')} s of ${usage.memoryMb} MB`,
      requests: batches,
      price: batches * prices.lambda.request + ((seconds * usage.memoryMb) / 1024) * prices.lambda.gigabyte_second,
    },
    ...(certificates
      ? [
          {
            service: 'S3' as const,
            what: 'certificates, kept for a month',
            requests: recipients,
            price: recipients * prices.s3.put + ((recipients * certificateBytes) / 1e9) * prices.s3.gigabyte_month,
          },
        ]
      : []),
    { service: 'SES', what: 'mails', requests: recipients, price: recipients * prices.ses.mail },
  ]
  return {
    lines,
    total: lines.reduce((sum, { price }) => sum + price, 0),
    requests: lines.reduce((sum, { requests }) => sum + requests, 0),
    currency: prices.currency,
    asOf: prices.as_of,
  }
}
