import { createHash } from 'node:crypto'
import { decodeJobText, envelopeOf, type MessageAttributes } from '../../../contracts/dialects/index.ts'
import type { Subject } from '../../../contracts/faults/decide.ts'
import type { OperationName } from '../../../contracts/faults/operations.ts'
import type { Envelope, Job } from '../../../contracts/job.ts'
import type { Asked } from './names.ts'

const digest = (...parts: (string | Uint8Array)[]): string => {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex').slice(0, 32)
}

/** Whom a request is for, as far as its body says. */
export function subjectOf(operation: OperationName, asked: Asked): Subject {
  const { method, originalUrl, body } = asked
  const identity = digest(method, originalUrl, body)
  if (operation === 'ingest.submit') {
    const tenant = Number(asked.headers['x-tenant-id'] ?? NaN)
    return { ...jobSubject(body, Number.isInteger(tenant) ? { tenant } : {}), identity }
  }
  if (operation === 'sqs.SendMessage' || operation === 'sqs.SendMessageBatch') return { ...sentTo(asked), identity }
  if (/\.[sS]end/.test(operation)) return { addresses: addressesIn(asked), identity }
  return { identity }
}

/** The job in a message's body, where it is one. */
function jobSubject(body: string | Uint8Array, envelope: Envelope): Subject {
  const decoded = decodeJobText(body, envelope)
  return decoded.ok ? ofJob(decoded.job) : {}
}

function ofJob({ tenant, jobId, type, recipients }: Job): Subject {
  return { tenant, job: String(jobId), type, addresses: recipients.map(({ email }) => email) }
}

function sentTo(asked: Asked): Subject {
  const entries = asked.headers['x-amz-target'] === undefined ? formEntries(asked) : jsonEntries(asked)
  const subjects = entries.map(({ body, attributes }) => jobSubject(body, envelopeOf(attributes)))
  const [first = {}] = subjects
  return { ...first, addresses: subjects.flatMap(({ addresses = [] }) => addresses) }
}

interface Entry {
  readonly body: string
  readonly attributes: MessageAttributes
}

interface Member {
  readonly MessageBody?: unknown
  readonly MessageAttributes?: Readonly<Record<string, { DataType?: unknown; StringValue?: unknown }>>
}

function jsonEntries({ body }: Asked): Entry[] {
  const parsed = jsonOf(body) as (Member & { readonly Entries?: readonly Member[] }) | undefined
  const members = Array.isArray(parsed?.Entries) ? (parsed.Entries as readonly Member[]) : [parsed ?? {}]
  return members.map(({ MessageBody, MessageAttributes = {} }) => ({
    body: typeof MessageBody === 'string' ? MessageBody : '',
    attributes: Object.fromEntries(
      Object.entries(MessageAttributes).map(([name, { DataType, StringValue }]) => [
        name,
        { dataType: String(DataType), value: String(StringValue) },
      ]),
    ),
  }))
}

function formEntries({ originalUrl, body }: Asked): Entry[] {
  const query = originalUrl.includes('?') ? `${originalUrl.slice(originalUrl.indexOf('?') + 1)}&` : ''
  const form = new URLSearchParams(query + body.toString())
  return [...form]
    .filter(([name]) => /(^|\.)MessageBody$/.test(name))
    .map(([, value]) => ({ body: value, attributes: {} }))
}

function jsonOf(body: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

const address = /[^\s<>"',;:()[\]\\]+@[^\s<>"',;:()[\]\\]+/g
const mostAddresses = 2000
/** Members in which the protocols name recipients; senders are in others. */
const recipientMember = /^(to|cc|bcc|(To|Cc|Bcc)Addresses|Destinations?)$/

/** The recipients of a mail in whatever a provider takes: JSON, a form, or a multipart form. */
function addressesIn(asked: Asked): string[] {
  const found: string[] = []
  const take = (text: string) => {
    for (const [one] of text.matchAll(address)) if (found.length < mostAddresses) found.push(one)
  }
  const walk = (value: unknown, inside: boolean): void => {
    if (typeof value === 'string' && inside) take(value)
    if (typeof value !== 'object' || value === null) return
    for (const [name, member] of Object.entries(value)) {
      walk(member, inside || (!Array.isArray(value) && recipientMember.test(name)))
    }
  }
  const json = jsonOf(asked.body)
  if (json !== undefined) {
    walk(json, false)
    return found
  }
  const text = asked.body.toString()
  if (text.startsWith('--')) {
    for (const [, value = ''] of text.matchAll(/name="(?:to|cc|bcc)"[^\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]*)/gi))
      take(value)
    return found
  }
  for (const [name, value] of new URLSearchParams(text)) {
    if (/^(to|cc|bcc)$|^Destinations?\./.test(name)) take(value)
  }
  return found
}
