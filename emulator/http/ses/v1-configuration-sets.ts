import { z } from 'zod'
import { eventTypes, type EventDestination } from '../../cloud/ses/configuration-sets.ts'
import { configurationSetInvalid } from '../../cloud/ses/errors.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import { element, textElement } from '../sqs/xml.ts'
import { pageOf, readInput, readToken } from './input.ts'

const named = z.object({ ConfigurationSetName: z.string() })
const eventDestination = named.extend({
  EventDestination: z.object({
    Name: z.string(),
    Enabled: z
      .enum(['true', 'false'])
      .default('false')
      .transform((value) => value === 'true'),
    MatchingEventTypes: z.array(z.enum(eventTypes)),
    SNSDestination: z.object({ TopicARN: z.string() }).optional(),
  }),
})

function read(given: unknown): { readonly set: string; readonly destination: EventDestination } {
  const { ConfigurationSetName, EventDestination } = readInput(eventDestination, given)
  const { Name, Enabled, MatchingEventTypes, SNSDestination } = EventDestination
  if (SNSDestination === undefined) {
    throw configurationSetInvalid('Offload publishes events to SNS topics alone: the destination needs SNSDestination.')
  }
  return {
    set: ConfigurationSetName,
    destination: { name: Name, enabled: Enabled, eventTypes: MatchingEventTypes, topicArn: SNSDestination.TopicARN },
  }
}

const destinationXml = ({ name, enabled, eventTypes: types, topicArn }: EventDestination) =>
  element(
    'member',
    textElement('Name', name) +
      textElement('Enabled', enabled) +
      element('MatchingEventTypes', types.map((type) => textElement('member', type)).join('')) +
      element('SNSDestination', textElement('TopicARN', topicArn)),
  )

/** Configuration sets and their event destinations, among SES v1's operations. */
export const configurationSetOperations = {
  CreateConfigurationSet(ses: Ses, given: unknown) {
    const schema = z.object({ ConfigurationSet: z.object({ Name: z.string() }) })
    ses.configurationSets.create(readInput(schema, given).ConfigurationSet.Name)
    return ''
  },
  DeleteConfigurationSet(ses: Ses, given: unknown) {
    ses.configurationSets.remove(readInput(named, given).ConfigurationSetName)
    return ''
  },
  ListConfigurationSets(ses: Ses, given: unknown) {
    const schema = z.object({
      NextToken: z.string().optional(),
      MaxItems: z.coerce.number().int().min(1).max(1000).default(1000),
    })
    const { NextToken, MaxItems } = readInput(schema, given)
    const found = ses.configurationSets.list({ after: readToken(NextToken), limit: MaxItems + 1 })
    const { items, token } = pageOf(found, MaxItems, (name) => name)
    const sets = items.map((name) => element('member', textElement('Name', name))).join('')
    return element('ConfigurationSets', sets) + (token === undefined ? '' : textElement('NextToken', token))
  },
  DescribeConfigurationSet(ses: Ses, given: unknown) {
    const attributes = z.enum(['eventDestinations', 'trackingOptions', 'deliveryOptions', 'reputationOptions'])
    const schema = named.extend({
      ConfigurationSetAttributeNames: z
        .preprocess((value) => (value === '' ? [] : value), z.array(attributes))
        .default([]),
    })
    const { ConfigurationSetName, ConfigurationSetAttributeNames: asked } = readInput(schema, given)
    const { name, sendingEnabled } = ses.configurationSets.get(ConfigurationSetName)
    return (
      element('ConfigurationSet', textElement('Name', name)) +
      (asked.includes('eventDestinations')
        ? element('EventDestinations', ses.configurationSets.destinations(name).map(destinationXml).join(''))
        : '') +
      (asked.includes('reputationOptions')
        ? element(
            'ReputationOptions',
            textElement('SendingEnabled', sendingEnabled) + textElement('ReputationMetricsEnabled', false),
          )
        : '')
    )
  },
  UpdateConfigurationSetSendingEnabled(ses: Ses, given: unknown) {
    const schema = named.extend({ Enabled: z.enum(['true', 'false']).transform((value) => value === 'true') })
    const { ConfigurationSetName, Enabled } = readInput(schema, given)
    ses.configurationSets.enableSending(ConfigurationSetName, Enabled)
    return undefined
  },
  CreateConfigurationSetEventDestination(ses: Ses, given: unknown) {
    const { set, destination } = read(given)
    ses.configurationSets.addDestination(set, destination)
    return ''
  },
  UpdateConfigurationSetEventDestination(ses: Ses, given: unknown) {
    const { set, destination } = read(given)
    ses.configurationSets.updateDestination(set, destination)
    return ''
  },
  DeleteConfigurationSetEventDestination(ses: Ses, given: unknown) {
    const schema = named.extend({ EventDestinationName: z.string() })
    const { ConfigurationSetName, EventDestinationName } = readInput(schema, given)
    ses.configurationSets.removeDestination(ConfigurationSetName, EventDestinationName)
    return ''
  },
}
