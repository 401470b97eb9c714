import { isQueueError, type QueueErrorCode } from '../../cloud/queue/errors.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { FaultErrorCode } from '../faults/refusals.ts'
import type { SignatureErrorCode } from '../signature/verify.ts'

export type Face = 'json' | 'query'

interface Row {
  readonly status: number
  /** `__type` in JSON. */
  readonly type: string
  /** The code in the `x-amzn-query-error` header and in XML. */
  readonly code: string
  /** Where AWS says something other than the service. */
  readonly message?: Readonly<Record<Face, string>>
}

const sqs = (name: string) => `com.amazonaws.sqs#${name}`
const coral = (name: string) => `com.amazon.coral.service#${name}`
const simple = (name: string) => `AWS.SimpleQueueService.${name}`

/** What each refusal is on the wire, in both protocols. */
const table: Readonly<Record<QueueErrorCode | SignatureErrorCode | FaultErrorCode, Row>> = {
  'queue-not-found': {
    status: 400,
    type: sqs('QueueDoesNotExist'),
    code: simple('NonExistentQueue'),
    message: {
      json: 'The specified queue does not exist.',
      query: 'The specified queue does not exist for this wsdl version.',
    },
  },
  'queue-exists': { status: 400, type: sqs('QueueNameExists'), code: 'QueueAlreadyExists' },
  'queue-deleted-recently': {
    status: 400,
    type: sqs('QueueDeletedRecently'),
    code: simple('QueueDeletedRecently'),
  },
  'invalid-parameter': { status: 400, type: coral('InvalidParameterValueException'), code: 'InvalidParameterValue' },
  'missing-parameter': { status: 400, type: coral('MissingRequiredParameterException'), code: 'MissingParameter' },
  'receipt-handle-invalid': { status: 404, type: sqs('ReceiptHandleIsInvalid'), code: 'ReceiptHandleIsInvalid' },
  'batch-empty': { status: 400, type: sqs('EmptyBatchRequest'), code: simple('EmptyBatchRequest') },
  'batch-too-many': {
    status: 400,
    type: sqs('TooManyEntriesInBatchRequest'),
    code: simple('TooManyEntriesInBatchRequest'),
  },
  'batch-ids-not-distinct': {
    status: 400,
    type: sqs('BatchEntryIdsNotDistinct'),
    code: simple('BatchEntryIdsNotDistinct'),
  },
  'batch-id-invalid': { status: 400, type: sqs('InvalidBatchEntryId'), code: simple('InvalidBatchEntryId') },
  'batch-too-long': { status: 400, type: sqs('BatchRequestTooLong'), code: simple('BatchRequestTooLong') },
  'invalid-message-contents': { status: 400, type: sqs('InvalidMessageContents'), code: 'InvalidMessageContents' },
  'invalid-attribute-name': { status: 400, type: sqs('InvalidAttributeName'), code: 'InvalidAttributeName' },
  'invalid-attribute-value': { status: 400, type: sqs('InvalidAttributeValue'), code: 'InvalidAttributeValue' },
  'purge-in-progress': { status: 403, type: sqs('PurgeQueueInProgress'), code: simple('PurgeQueueInProgress') },
  // Inferred: nobody recorded it.
  'over-limit': { status: 403, type: sqs('OverLimit'), code: 'OverLimit' },
  'resource-not-found': {
    status: 404,
    type: sqs('ResourceNotFoundException'),
    code: 'ResourceNotFoundException',
  },
  'unsupported-operation': { status: 400, type: sqs('UnsupportedOperation'), code: simple('UnsupportedOperation') },
  'access-denied': { status: 403, type: coral('AccessDeniedException'), code: 'AccessDenied' },
  'unknown-access-key': {
    status: 403,
    type: coral('UnrecognizedClientException'),
    code: 'InvalidClientTokenId',
  },
  'signature-mismatch': { status: 403, type: coral('InvalidSignatureException'), code: 'SignatureDoesNotMatch' },
  'signature-expired': { status: 403, type: coral('InvalidSignatureException'), code: 'SignatureDoesNotMatch' },
  'signature-incomplete': { status: 400, type: coral('IncompleteSignatureException'), code: 'IncompleteSignature' },
  'unknown-operation': { status: 400, type: coral('UnknownOperationException'), code: 'InvalidAction' },
  'malformed-input': { status: 400, type: coral('SerializationException'), code: 'MalformedInput' },
  // Nobody recorded what AWS answers to a body over its limit.
  'request-too-large': {
    status: 413,
    type: coral('RequestEntityTooLargeException'),
    code: 'RequestEntityTooLarge',
  },
  // Only faults say these two.
  throttled: { status: 400, type: sqs('RequestThrottled'), code: 'RequestThrottled' },
  unavailable: { status: 503, type: coral('ServiceUnavailable'), code: 'ServiceUnavailable' },
  'internal-failure': {
    status: 500,
    type: coral('InternalFailure'),
    code: 'InternalFailure',
    message: {
      json: 'An unexpected error happened in the emulator; its log says which.',
      query: 'An unexpected error happened in the emulator; its log says which.',
    },
  },
}

export interface WireError {
  readonly status: number
  readonly type: string
  readonly code: string
  readonly message: string
  /** Whose fault it is. */
  readonly fault: 'Sender' | 'Receiver'
}

export function wireError(error: unknown, face: Face): WireError {
  const row = table[isQueueError(error) && Object.hasOwn(table, error.code) ? error.code : 'internal-failure']
  return {
    status: row.status,
    type: row.type,
    code: row.code,
    message: row.message?.[face] ?? messageOf(error),
    fault: row.status < 500 ? 'Sender' : 'Receiver',
  }
}

/** An entry of `Failed[]`; there AWS writes the codes short. */
export function failedEntry(id: string, error: unknown, face: Face) {
  const { code, message, fault } = wireError(error, face)
  return { Id: id, SenderFault: fault === 'Sender', Code: code.replace(simple(''), ''), Message: message }
}
