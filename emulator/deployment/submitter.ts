import type { Message } from '../../contracts/checks/deployment/job.ts'
import type { SubmitAnswer } from '../../contracts/checks/deployment/seen.ts'
import { systemClock, type Clock } from '../kernel/clock.ts'
import { createSqsClient, explainAws, isUnreachable, type AwsOptions } from './aws.ts'

/** The way in: `POST /jobs` of an API Gateway, a queue, or a Worker URL that takes the job at its own address. */
export type Way =
  | { readonly kind: 'api' | 'worker-url'; readonly url: string; readonly token: string }
  | ({ readonly kind: 'sqs'; readonly queueUrl: string } & AwsOptions)

/** A job message, by HTTP with another token than the way's own where one is given; `null` sends none. */
export type Submission = Pick<Message, 'body'> & Partial<Message> & { readonly token?: string | null | undefined }

export interface Submitter {
  readonly kind: Way['kind']
  /** Where it goes: the whole URL of the request, or of the queue. */
  readonly url: string
  /** Once, without a retry of ours (the AWS SDK has its own three tries); never rejects. */
  submit(message: Submission): Promise<SubmitAnswer>
  close(): void
}

const shownCharacters = 4000
const jobsPath = '/jobs'

/** `…/jobs` of an API Gateway's stage; a URL that ends so is taken as it is. */
export function submitUrl({ kind, url }: { readonly kind: 'api' | 'worker-url'; readonly url: string }): string {
  if (kind === 'worker-url') return url
  const parsed = new URL(url)
  const path = parsed.pathname.replace(/\/+$/, '')
  parsed.pathname = path.endsWith(jobsPath) ? path : `${path}${jobsPath}`
  return parsed.href
}

/** The headers of a submission by HTTP. */
export function submitHeaders(
  way: { readonly token: string },
  { token = way.token, tenant }: Pick<Submission, 'token' | 'tenant'>,
): Record<string, string> {
  return {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(tenant === undefined ? {} : { 'x-tenant-id': String(tenant) }),
  }
}

/** Sends job messages to a deployment by one of its ways in. */
export function createSubmitter(
  way: Way,
  {
    clock = systemClock(),
    timeoutMs = 30_000,
  }: { clock?: Pick<Clock, 'monotonic' | 'now' | 'at'>; timeoutMs?: number } = {},
): Submitter {
  return way.kind === 'sqs' ? bySqs(way, clock) : byHttp(way, clock, timeoutMs)
}

function byHttp(
  way: Extract<Way, { kind: 'api' | 'worker-url' }>,
  clock: Pick<Clock, 'monotonic' | 'now' | 'at'>,
  timeoutMs: number,
): Submitter {
  const url = submitUrl(way)
  return {
    kind: way.kind,
    url,
    close: () => {},
    async submit(message) {
      const began = clock.monotonic()
      const gaveUp = new AbortController()
      const timer = clock.at(clock.now() + timeoutMs, () =>
        gaveUp.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
      )
      try {
        const { body } = message
        const response = await fetch(url, {
          method: 'POST',
          headers: submitHeaders(way, message),
          body: typeof body === 'string' ? body : new Uint8Array(body),
          redirect: 'manual',
          signal: gaveUp.signal,
        })
        const answer = (await response.text()).slice(0, shownCharacters)
        return {
          accepted: response.ok,
          status: response.status,
          answer,
          headers: Object.fromEntries(response.headers),
          unreachable: false,
          ms: clock.monotonic() - began,
        }
      } catch (error) {
        const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
        return failed(cause instanceof Error ? cause.message : String(cause), cause, clock.monotonic() - began)
      } finally {
        timer.cancel()
      }
    },
  }
}

function bySqs(
  { queueUrl, region, timeoutMs }: Extract<Way, { kind: 'sqs' }>,
  clock: Pick<Clock, 'monotonic'>,
): Submitter {
  const client = createSqsClient(queueUrl, { region, timeoutMs })
  // Its failure is told by each submission.
  client.catch(() => {})
  return {
    kind: 'sqs',
    url: queueUrl,
    close: () => void client.then((sqs) => sqs.destroy()).catch(() => {}),
    async submit({ body, attributes = {} }) {
      const began = clock.monotonic()
      try {
        const { SendMessageCommand } = await import('@aws-sdk/client-sqs')
        const sqs = await client
        const { MessageId } = await sqs.send(
          new SendMessageCommand({
            QueueUrl: queueUrl,
            MessageBody: typeof body === 'string' ? body : Buffer.from(body).toString(),
            MessageAttributes: Object.fromEntries(
              Object.entries(attributes).map(([name, { dataType, value }]) => [
                name,
                { DataType: dataType, StringValue: value },
              ]),
            ),
          }),
        )
        return {
          accepted: true,
          status: 200,
          answer: MessageId ?? '',
          headers: {},
          unreachable: false,
          ms: clock.monotonic() - began,
        }
      } catch (error) {
        return failed(explainAws(error), error, clock.monotonic() - began)
      }
    },
  }
}

function failed(answer: string, error: unknown, ms: number): SubmitAnswer {
  const status =
    typeof error === 'object' && error !== null && '$metadata' in error
      ? ((error.$metadata as { httpStatusCode?: number }).httpStatusCode ?? null)
      : null
  return { accepted: false, status, answer, headers: {}, unreachable: isUnreachable(error), ms }
}
