import { readFileSync } from 'node:fs'
import { decodeJobText } from '../../contracts/dialects/index.ts'
import type { Envelope } from '../../contracts/job.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import { signAws } from '../moodle/aws-signature.ts'
import { Failure } from './failure.ts'
import type { JobRefInTarget } from './job-watch.ts'
import { reach, type Target } from './target.ts'

export interface FileToSend {
  readonly target: Target
  /** `-` is stdin. */
  readonly file: string
  readonly mode: 'api' | 'sqs'
  readonly queueUrl: string
  readonly tenant: number | undefined
  readonly clock: Clock
}

/** Sends a job from a file word for word, through the same door as the plugin. */
export async function sendFile(options: FileToSend): Promise<{ jobs: JobRefInTarget[]; reasons: string[] }> {
  const bytes = read(options.file)
  const envelope: Envelope = options.tenant === undefined ? {} : { tenant: options.tenant }
  const response = await (options.mode === 'api' ? viaApi(options, bytes) : viaSqs(options, bytes))
  if (!response.ok) throw refused(options, response.status, await response.text())

  const decoded = decodeJobText(bytes, envelope)
  if (decoded.ok) return { jobs: [{ job: String(decoded.job.jobId), tenant: decoded.job.tenant }], reasons: [] }
  const issues = decoded.issues.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`))
  return {
    jobs: [],
    reasons: [`the queue took it, and the worker will put it into the dead-letter queue: ${issues.join('; ')}`],
  }
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    throw new Failure(2, `--file ${file} cannot be read: ${messageOf(error)}`)
  }
}

function viaApi({ target, tenant }: FileToSend, body: Uint8Array): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${process.env['OFFLOAD_INGEST_TOKEN'] || 'offload-dev-token'}`,
    ...(tenant !== undefined && { 'x-tenant-id': String(tenant) }),
  }
  return reach(target.url, '/jobs', { method: 'POST', headers, body: Buffer.from(body) })
}

function viaSqs({ target, queueUrl, tenant, clock }: FileToSend, bytes: Uint8Array): Promise<Response> {
  // A container's queue URL may name a host that only containers know: ask the address that we reach.
  const url = new URL(new URL(queueUrl).pathname, target.url)
  const body = JSON.stringify({
    QueueUrl: queueUrl,
    MessageBody: Buffer.from(bytes).toString('utf8'),
    ...(tenant !== undefined && {
      MessageAttributes: { CompanyId: { DataType: 'Number', StringValue: String(tenant) } },
    }),
  })
  const headers = signAws({
    url,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' },
    body,
    now: clock.now(),
    region: 'us-east-1',
    service: 'sqs',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  })
  return reach(url.origin, url.pathname, { method: 'POST', headers, body })
}

function refused({ file, mode }: FileToSend, status: number, text: string): Failure {
  const name = file === '-' ? 'the job' : file
  const how = mode === 'api' ? 'POST /jobs' : 'SendMessage'
  const { detail, message, issues } = parsed(text)
  const evidence = (issues ?? []).map(
    ({ path, reason, fix }) => `${path || 'job'}: ${reason}${fix === undefined ? '' : `. ${fix}`}`,
  )
  const token = status === 401 || status === 403
  return new Failure(
    token ? 2 : 1,
    `${name} was refused (${how} answered ${status}): ${detail ?? message ?? text.slice(0, 200)}`,
    {
      evidence,
      fix: token ? ['export OFFLOAD_INGEST_TOKEN=… with the token that the emulator was started with'] : [],
    },
  )
}

interface Refusal {
  detail?: string
  message?: string
  issues?: { path: string; reason: string; fix?: string }[]
}

function parsed(text: string): Refusal {
  try {
    return JSON.parse(text) as Refusal
  } catch {
    return {}
  }
}
