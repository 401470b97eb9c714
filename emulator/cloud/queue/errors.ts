import { EmulatorError } from '../../kernel/errors.ts'

/** Why a queue refuses a request; each protocol has one table from these to its wire. */
export type QueueErrorCode =
  | 'queue-not-found'
  | 'queue-exists'
  | 'queue-deleted-recently'
  | 'invalid-parameter'
  | 'missing-parameter'
  | 'receipt-handle-invalid'
  | 'batch-empty'
  | 'batch-too-many'
  | 'batch-ids-not-distinct'
  | 'batch-id-invalid'
  | 'batch-too-long'
  | 'invalid-message-contents'
  | 'invalid-attribute-name'
  | 'invalid-attribute-value'
  | 'purge-in-progress'
  | 'over-limit'
  | 'resource-not-found'
  | 'unsupported-operation'
  | 'unknown-operation'
  | 'malformed-input'
  | 'request-too-large'

export type QueueError = EmulatorError<QueueErrorCode>

export const isQueueError = (thrown: unknown): thrown is QueueError => thrown instanceof EmulatorError

// Where AWS has a text of its own for a case, that text is the message, so that the log and the wire say the same.
const error = (code: QueueErrorCode, message: string, details: Record<string, unknown> = {}): QueueError =>
  new EmulatorError(code, message, details)

export const queueNotFound = (name: string, existing: readonly string[]): QueueError =>
  error(
    'queue-not-found',
    `There is no queue "${name}". ${existing.length === 0 ? 'No queue exists: create it.' : `Queues that exist: ${existing.join(', ')}.`}`,
    { name, existing },
  )

export const queueExists = (attribute: string): QueueError =>
  error('queue-exists', `A queue already exists with the same name and a different value for attribute ${attribute}`)

export const queueDeletedRecently = (): QueueError =>
  error(
    'queue-deleted-recently',
    'You must wait 60 seconds after deleting a queue before you can create another with the same name.',
  )

export const invalidParameter = (sentence: string): QueueError => error('invalid-parameter', sentence)

export const invalidValue = (value: unknown, parameter: string, reason: string): QueueError =>
  invalidParameter(`Value ${String(value)} for parameter ${parameter} is invalid. Reason: ${reason}`)

export const missingParameter = (parameter: string): QueueError =>
  error('missing-parameter', `The request must contain the parameter ${parameter}.`)

export const receiptHandleInvalid = (handle: string): QueueError =>
  error('receipt-handle-invalid', `The input receipt handle "${handle}" is not a valid receipt handle.`)

/** Only a FIFO queue minds: the message is visible again, or somebody else's. */
export const receiptHandleExpired = (handle: string): QueueError =>
  invalidValue(handle, 'ReceiptHandle', 'The receipt handle has expired.')

export const batchEmpty = (entry: string): QueueError =>
  error('batch-empty', `There should be at least one ${entry} in the request.`)

export const batchTooMany = (sent: number): QueueError =>
  error('batch-too-many', `Maximum number of entries per request are 10. You have sent ${sent}.`)

export const batchIdsNotDistinct = (id: string): QueueError => error('batch-ids-not-distinct', `Id ${id} repeated.`)

export const batchIdInvalid = (): QueueError =>
  error(
    'batch-id-invalid',
    'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
  )

export const batchTooLong = (limit: number, sent: number): QueueError =>
  error('batch-too-long', `Batch requests cannot be longer than ${limit} bytes. You have sent ${sent} bytes.`)

export const invalidMessageContents = (): QueueError =>
  error(
    'invalid-message-contents',
    'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
  )

export const unknownAttribute = (name: string): QueueError =>
  error('invalid-attribute-name', `Unknown Attribute ${name}.`)

export const invalidAttributeValue = (name: string, reason?: string): QueueError =>
  error(
    'invalid-attribute-value',
    `Invalid value for the parameter ${name}.${reason === undefined ? '' : ` Reason: ${reason}`}`,
  )

export const purgeInProgress = (name: string): QueueError =>
  error('purge-in-progress', `Only one PurgeQueue operation on ${name} is allowed every 60 seconds.`)

export const overLimit = (): QueueError =>
  error(
    'over-limit',
    'Too many messages have been received without being deleted. Please delete your received messages or let them timeout before receiving more.',
  )

export const resourceNotFound = (sentence: string): QueueError => error('resource-not-found', sentence)

export const unsupportedOperation = (sentence: string): QueueError => error('unsupported-operation', sentence)

export const unknownOperation = (action: string): QueueError =>
  error('unknown-operation', `The action ${action} is not valid for this endpoint.`)

export const malformedInput = (sentence: string): QueueError => error('malformed-input', sentence)

export const requestTooLarge = (limit: number): QueueError =>
  error(
    'request-too-large',
    `The request is longer than ${limit} bytes: send fewer or smaller messages in one request.`,
  )
