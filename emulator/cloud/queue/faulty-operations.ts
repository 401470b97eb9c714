import { createHash } from 'node:crypto'
import { decodeJobText, envelopeOf } from '../../../contracts/dialects/index.ts'
import type { Subject } from '../../../contracts/faults/decide.ts'
import type { EffectName, OperationName } from '../../../contracts/faults/operations.ts'
import type { Faults } from '../../kernel/faults/faults.ts'
import type { Operation } from './operation.ts'
import type { Operations } from './operations/table.ts'

type Members = Readonly<Record<string, unknown>>
type Attributes = Readonly<Record<string, { readonly DataType?: string; readonly StringValue?: string }>>

const ofMessages: ReadonlySet<EffectName> = new Set<EffectName>(['duplicate', 'reorder'])

const list = (value: unknown): readonly Members[] => (Array.isArray(value) ? (value as readonly Members[]) : [])

/** The job in a message, as a fault rule knows it. */
function messageSubject(body: string, attributes: Parameters<typeof envelopeOf>[0]): Subject {
  const identity = createHash('sha256').update(body).digest('hex').slice(0, 32)
  const decoded = decodeJobText(body, envelopeOf(attributes))
  if (!decoded.ok) return { identity }
  const { tenant, jobId, type, recipients } = decoded.job
  return { tenant, job: String(jobId), type, identity, addresses: recipients.map(({ email }) => email) }
}

function subjectOf(body: unknown, attributes: unknown): Subject {
  const given = Object.entries((attributes ?? {}) as Attributes)
  return messageSubject(
    typeof body === 'string' ? body : '',
    Object.fromEntries(
      given.map(([name, { DataType = '', StringValue = '' }]) => [name, { dataType: DataType, value: StringValue }]),
    ),
  )
}

/**
 * What may go wrong with the messages of a standard queue: one that is sent is there twice, or late, so that others
 * overtake it; one that is received comes to another consumer at once, or to nobody now and to somebody later.
 */
export function faultyOperations(operations: Operations, faults: Faults): Operations {
  const struck = (operation: OperationName, body: unknown, attributes: unknown, attempt?: number) =>
    faults.strike(operation, { ...subjectOf(body, attributes), attempt }, ofMessages)

  const unless = (name: OperationName, operation: Operation, perform: Operation['perform']): Operation => ({
    perform: (input, caller) => (faults.active(name) ? perform(input, caller) : operation.perform(input, caller)),
  })

  const { SendMessage, SendMessageBatch, ReceiveMessage, ChangeMessageVisibility } = operations
  return {
    ...operations,
    SendMessage: unless('sqs.SendMessage', SendMessage, async (input, caller) => {
      const members = input as Members
      const fault = struck('sqs.SendMessage', members['MessageBody'], members['MessageAttributes'])
      if (fault?.effect.kind === 'reorder') {
        return await SendMessage.perform({ ...members, DelaySeconds: secondsOf(fault.delayMs) }, caller)
      }
      const answer = await SendMessage.perform(input, caller)
      if (fault?.effect.kind === 'duplicate') await SendMessage.perform(input, caller)
      return answer
    }),
    SendMessageBatch: unless('sqs.SendMessageBatch', SendMessageBatch, async (input, caller) => {
      const members = input as Members
      const again: Members[] = []
      const entries = list(members['Entries']).map((entry) => {
        const fault = struck('sqs.SendMessageBatch', entry['MessageBody'], entry['MessageAttributes'])
        if (fault?.effect.kind === 'reorder') return { ...entry, DelaySeconds: secondsOf(fault.delayMs) }
        if (fault?.effect.kind === 'duplicate') again.push(entry)
        return entry
      })
      const answer = await SendMessageBatch.perform({ ...members, Entries: entries }, caller)
      if (again.length > 0) await SendMessageBatch.perform({ ...members, Entries: again }, caller)
      return answer
    }),
    ReceiveMessage: unless('sqs.ReceiveMessage', ReceiveMessage, async (input, caller) => {
      const members = input as Members
      const answer = await ReceiveMessage.perform(input, caller)
      const kept: Members[] = []
      for (const message of list(answer?.['Messages'])) {
        const fault = struck('sqs.ReceiveMessage', message['Body'], message['MessageAttributes'])
        if (fault?.effect.kind !== 'reorder') kept.push(message)
        if (fault === undefined) continue
        const visibleIn = fault.effect.kind === 'reorder' ? secondsOf(fault.delayMs) : 0
        await ChangeMessageVisibility.perform(
          { QueueUrl: members['QueueUrl'], ReceiptHandle: message['ReceiptHandle'], VisibilityTimeout: visibleIn },
          caller,
        )
      }
      return answer?.['Messages'] === undefined ? answer : kept.length === 0 ? {} : { ...answer, Messages: kept }
    }),
  }
}

const secondsOf = (ms: number) => Math.min(900, Math.max(1, Math.ceil(ms / 1000)))
