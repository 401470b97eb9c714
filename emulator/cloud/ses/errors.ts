import { EmulatorError } from '../../kernel/errors.ts'

/** Why SES refuses a request; each of its two protocols has one table from these to its wire. */
export type SesErrorCode =
  | 'validation'
  | 'invalid-parameter'
  | 'message-rejected'
  | 'sending-paused'
  | 'rate-exceeded'
  | 'quota-exceeded'
  | 'template-not-found'
  | 'template-exists'
  | 'template-invalid'
  | 'rendering-data-invalid'
  | 'rendering-attribute-missing'
  | 'identity-exists'
  | 'identity-not-found'
  | 'not-suppressed'
  | 'configuration-set-not-found'
  | 'configuration-set-exists'
  | 'configuration-set-invalid'
  | 'configuration-set-paused'
  | 'event-destination-not-found'
  | 'event-destination-exists'
  | 'topic-invalid'
  | 'limit-exceeded'
  | 'mail-from-not-verified'
  | 'invalid-next-token'
  | 'unknown-operation'
  | 'malformed-input'
  | 'request-too-large'
  // Only faults say these.
  | 'unavailable'
  | 'internal-failure'

export class SesError extends EmulatorError<SesErrorCode> {}

// The messages are SES's own where one is known, since clients compare them.

export const invalidParameter = (sentence: string) => new SesError('invalid-parameter', sentence)

export const notVerified = (identities: readonly string[], region: string) =>
  new SesError(
    'message-rejected',
    'Email address is not verified. The following identities failed the check in region ' +
      `${region.toUpperCase()}: ${identities.join(', ')}`,
    // What the journal may hold: no addresses.
    { reason: 'Email address is not verified: the sandbox (ses_sandbox) takes verified identities only.' },
  )

export const sendingPaused = () =>
  new SesError(
    'sending-paused',
    'Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.',
  )

export const rateExceeded = () => new SesError('rate-exceeded', 'Maximum sending rate exceeded.')

export const quotaExceeded = () => new SesError('quota-exceeded', 'Daily message quota exceeded.')

export const messageTooLong = (bytes: number, limit: number) =>
  invalidParameter(`Message length is more than ${limit} bytes long: '${bytes}'.`)

export const templateNotFound = (name: string) => new SesError('template-not-found', `Template ${name} does not exist.`)

export const templateExists = (name: string) => new SesError('template-exists', `Template ${name} already exists.`)

export const templateInvalid = (sentence: string) => new SesError('template-invalid', sentence)

export const attributeMissing = (name: string) =>
  new SesError('rendering-attribute-missing', `Attribute '${name}' is not present in the rendering data.`)

export const renderingDataInvalid = () =>
  new SesError('rendering-data-invalid', 'Template rendering data is invalid: it must be a JSON object.')

export const identityExists = (name: string) => new SesError('identity-exists', `Email identity ${name} already exist.`)

export const identityNotFound = (name: string) =>
  new SesError('identity-not-found', `Email identity ${name} does not exist.`)

export const notSuppressed = (address: string) =>
  new SesError('not-suppressed', `Email address ${address} does not exist on your suppression list.`)

export const configurationSetNotFound = (name: string) =>
  new SesError('configuration-set-not-found', `Configuration set <${name}> does not exist.`, {
    reason:
      `Configuration set <${name}> does not exist. Create it: ` +
      `aws sesv2 create-configuration-set --configuration-set-name ${name} --endpoint-url URL, ` +
      'or name it in ses_configuration_sets',
  })

export const configurationSetExists = (name: string) =>
  new SesError('configuration-set-exists', `Configuration set <${name}> already exists.`)

export const configurationSetInvalid = (sentence: string) => new SesError('configuration-set-invalid', sentence)

// Nobody recorded AWS's sentence.
export const configurationSetPaused = (name: string) =>
  new SesError('configuration-set-paused', `Sending paused for configuration set <${name}>.`)

/** It names the set, as AWS's does. */
export const eventDestinationNotFound = (set: string) =>
  new SesError('event-destination-not-found', `No EventDestination found for ${set}`)

export const eventDestinationExists = (name: string, set: string) =>
  new SesError(
    'event-destination-exists',
    `An event destination with name <${name}> already exists for configuration set <${set}>.`,
  )

// Nobody recorded AWS's sentence.
export const limitExceeded = (what: string, most: number) =>
  new SesError('limit-exceeded', `There are ${most} ${what} already, as many as SES keeps.`)

export const topicInvalid = (arn: string) =>
  new SesError(
    'topic-invalid',
    `Invalid SNS topic <${arn.slice(0, 300)}>: arn:aws:sns:REGION:ACCOUNT:NAME is expected.`,
  )

// Nobody recorded AWS's sentence; this is its documentation's.
export const mailFromNotVerified = () =>
  new SesError(
    'mail-from-not-verified',
    'The message could not be sent because Amazon SES could not read the MX record required to use the specified MAIL FROM domain.',
  )

export const invalidNextToken = () => new SesError('invalid-next-token', 'The specified token is not valid.')
