import { SesError, type SesErrorCode } from '../../cloud/ses/errors.ts'
import { EmulatorError } from '../../kernel/errors.ts'
import type { SignatureErrorCode } from '../signature/verify.ts'

interface Row {
  /** In v1, where a refusal is a 400 unless `v1Status` says otherwise. */
  readonly v1: string
  readonly v1Status?: number
  readonly v2: readonly [status: number, type: string]
}

const badRequest = [400, 'BadRequestException'] as const
const notFound = [404, 'NotFoundException'] as const
const exists = [400, 'AlreadyExistsException'] as const
const throttled = [429, 'TooManyRequestsException'] as const

/** Refused before SES looks at it: what its signature says. All are 403 but an incomplete one, in both protocols. */
export class SignatureError extends EmulatorError<SignatureErrorCode> {}

const signatures: Readonly<Record<SignatureErrorCode, readonly [status: number, v1: string, v2: string]>> = {
  'access-denied': [403, 'MissingAuthenticationToken', 'MissingAuthenticationTokenException'],
  'unknown-access-key': [403, 'InvalidClientTokenId', 'UnrecognizedClientException'],
  'signature-incomplete': [400, 'IncompleteSignature', 'IncompleteSignatureException'],
  'signature-mismatch': [403, 'SignatureDoesNotMatch', 'InvalidSignatureException'],
  'signature-expired': [403, 'SignatureDoesNotMatch', 'InvalidSignatureException'],
}

/** What each refusal is on the wire, in both protocols. */
const table: Readonly<Record<SesErrorCode, Row>> = {
  validation: { v1: 'ValidationError', v2: badRequest },
  'invalid-parameter': { v1: 'InvalidParameterValue', v2: badRequest },
  'message-rejected': { v1: 'MessageRejected', v2: [400, 'MessageRejected'] },
  'sending-paused': { v1: 'AccountSendingPausedException', v2: [400, 'SendingPausedException'] },
  'rate-exceeded': { v1: 'Throttling', v2: throttled },
  'quota-exceeded': { v1: 'Throttling', v2: throttled },
  'template-not-found': { v1: 'TemplateDoesNotExist', v2: notFound },
  'template-exists': { v1: 'AlreadyExists', v2: exists },
  'template-invalid': { v1: 'InvalidTemplate', v2: badRequest },
  'rendering-data-invalid': { v1: 'InvalidRenderingParameter', v2: badRequest },
  'rendering-attribute-missing': { v1: 'MissingRenderingAttribute', v2: badRequest },
  'identity-exists': { v1: 'AlreadyExists', v2: exists },
  'identity-not-found': { v1: 'InvalidParameterValue', v2: notFound },
  'not-suppressed': { v1: 'InvalidParameterValue', v2: notFound },
  'configuration-set-not-found': { v1: 'ConfigurationSetDoesNotExist', v2: notFound },
  'configuration-set-exists': { v1: 'ConfigurationSetAlreadyExists', v2: exists },
  'configuration-set-invalid': { v1: 'InvalidConfigurationSet', v2: badRequest },
  'configuration-set-paused': { v1: 'ConfigurationSetSendingPausedException', v2: [400, 'SendingPausedException'] },
  'event-destination-not-found': { v1: 'EventDestinationDoesNotExist', v2: notFound },
  'event-destination-exists': { v1: 'EventDestinationAlreadyExists', v2: exists },
  'limit-exceeded': { v1: 'LimitExceeded', v2: [400, 'LimitExceededException'] },
  'topic-invalid': { v1: 'InvalidSNSDestination', v2: badRequest },
  'mail-from-not-verified': {
    v1: 'MailFromDomainNotVerifiedException',
    v2: [400, 'MailFromDomainNotVerifiedException'],
  },
  'invalid-next-token': { v1: 'InvalidParameterValue', v2: [400, 'InvalidNextTokenException'] },
  'unknown-operation': { v1: 'InvalidAction', v2: [404, 'UnknownOperationException'] },
  'malformed-input': { v1: 'MalformedInput', v2: [400, 'SerializationException'] },
  // Nobody recorded what AWS answers to a body over its limit.
  'request-too-large': { v1: 'RequestEntityTooLarge', v2: [413, 'RequestEntityTooLargeException'], v1Status: 413 },
  unavailable: { v1: 'ServiceUnavailable', v2: [503, 'ServiceUnavailableException'], v1Status: 503 },
  'internal-failure': { v1: 'InternalFailure', v2: [500, 'InternalServiceErrorException'], v1Status: 500 },
}

export interface WireError {
  readonly status: number
  /** `Code` in v1, the header `x-amzn-errortype` in v2. */
  readonly type: string
  readonly message: string
}

const internal = 'An unexpected error happened in the emulator; its log says which.'

export function wireErrorV1(error: unknown): WireError {
  if (error instanceof SignatureError) {
    const [status, type] = signatures[error.code]
    return { status, type, message: error.message }
  }
  if (!(error instanceof SesError)) return { status: 500, type: 'InternalFailure', message: internal }
  const { v1, v1Status: status = 400 } = table[error.code]
  return { status, type: v1, message: error.message }
}

export function wireErrorV2(error: unknown): WireError {
  if (error instanceof SignatureError) {
    const [status, , type] = signatures[error.code]
    return { status, type, message: error.message }
  }
  if (!(error instanceof SesError)) return { status: 500, type: 'InternalServiceErrorException', message: internal }
  const [status, type] = table[error.code].v2
  return { status, type, message: error.message }
}

type BulkStatus = readonly [v1: string, v2: string]

/** How one message of a bulk request failed. */
export function bulkStatus({ code }: SesError): BulkStatus {
  switch (code) {
    case 'message-rejected':
      return ['MessageRejected', 'MESSAGE_REJECTED']
    case 'sending-paused':
      return ['AccountSendingPaused', 'ACCOUNT_SENDING_PAUSED']
    case 'rate-exceeded':
      return ['AccountThrottled', 'ACCOUNT_THROTTLED']
    case 'quota-exceeded':
      return ['AccountDailyQuotaExceeded', 'ACCOUNT_DAILY_QUOTA_EXCEEDED']
    case 'configuration-set-not-found':
      return ['ConfigurationSetDoesNotExist', 'CONFIGURATION_SET_NOT_FOUND']
    case 'configuration-set-paused':
      return ['ConfigurationSetSendingPaused', 'CONFIGURATION_SET_SENDING_PAUSED']
    case 'mail-from-not-verified':
      return ['MailFromDomainNotVerified', 'MAIL_FROM_DOMAIN_NOT_VERIFIED']
    case 'template-not-found':
      return ['TemplateDoesNotExist', 'TEMPLATE_NOT_FOUND']
    case 'validation':
    case 'invalid-parameter':
    case 'rendering-data-invalid':
      return ['InvalidParameterValue', 'INVALID_PARAMETER']
    default:
      return ['Failed', 'FAILED']
  }
}
