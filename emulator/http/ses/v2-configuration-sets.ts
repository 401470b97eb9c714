import { z } from 'zod'
import { eventTypes, type EventDestination, type EventType } from '../../cloud/ses/configuration-sets.ts'
import { configurationSetInvalid } from '../../cloud/ses/errors.ts'
import type { Ses } from '../../cloud/ses/ses.ts'
import { pageOf, readInput, readToken } from './input.ts'
import type { Route } from './route.ts'

/** `deliveryDelay` → `DELIVERY_DELAY`. */
const wireType = (type: EventType) => type.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
const byWire = new Map(eventTypes.map((type) => [wireType(type), type]))

const definition = z.object({
  Enabled: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  MatchingEventTypes: z
    .array(z.enum([...byWire.keys()] as [string, ...string[]]))
    .nullish()
    .transform((types) => (types ?? []).map((type) => byWire.get(type)).filter((type) => type !== undefined)),
  SnsDestination: z.object({ TopicArn: z.string() }).nullish(),
})

function read(name: string, given: z.output<typeof definition>): EventDestination {
  const { Enabled, MatchingEventTypes, SnsDestination } = given
  if (SnsDestination === undefined || SnsDestination === null) {
    throw configurationSetInvalid('Offload publishes events to SNS topics alone: the destination needs SnsDestination.')
  }
  return { name, enabled: Enabled, eventTypes: MatchingEventTypes, topicArn: SnsDestination.TopicArn }
}

const sending = z.object({ SendingEnabled: z.boolean().nullish() })

function listed(ses: Ses, given: unknown) {
  const schema = z.object({
    NextToken: z.string().nullish(),
    PageSize: z.coerce.number().int().min(1).max(1000).default(1000),
  })
  const { NextToken, PageSize } = readInput(schema, given)
  const found = ses.configurationSets.list({ after: readToken(NextToken ?? undefined), limit: PageSize + 1 })
  const { items, token } = pageOf(found, PageSize, (name) => name)
  return { ConfigurationSets: items, ...(token === undefined ? {} : { NextToken: token }) }
}

/** Configuration sets and their event destinations, among SES v2's calls. */
export const configurationSetRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/configuration-sets',
    answer({ ses, body }) {
      const schema = z.object({ ConfigurationSetName: z.string(), SendingOptions: sending.nullish() })
      const { ConfigurationSetName, SendingOptions } = readInput(schema, body)
      ses.configurationSets.create(ConfigurationSetName, {
        sendingEnabled: SendingOptions?.SendingEnabled ?? undefined,
      })
      return {}
    },
  },
  { method: 'GET', path: '/configuration-sets', answer: ({ ses, query }) => listed(ses, query) },
  // As SDKs of 2026 ask, with the same members in the body.
  { method: 'POST', path: '/list-configuration-sets', answer: ({ ses, body }) => listed(ses, body) },
  {
    method: 'GET',
    path: '/configuration-sets/:name',
    answer({ ses, name }) {
      const { sendingEnabled } = ses.configurationSets.get(name)
      return {
        ConfigurationSetName: name,
        SendingOptions: { SendingEnabled: sendingEnabled },
        ReputationOptions: { ReputationMetricsEnabled: false },
        Tags: [],
      }
    },
  },
  {
    method: 'DELETE',
    path: '/configuration-sets/:name',
    answer({ ses, name }) {
      ses.configurationSets.remove(name)
      return {}
    },
  },
  {
    method: 'PUT',
    path: '/configuration-sets/:name/sending',
    answer({ ses, name, body }) {
      ses.configurationSets.enableSending(name, readInput(sending, body).SendingEnabled ?? false)
      return {}
    },
  },
  {
    method: 'POST',
    path: '/configuration-sets/:name/event-destinations',
    answer({ ses, name, body }) {
      const schema = z.object({ EventDestinationName: z.string(), EventDestination: definition })
      const { EventDestinationName, EventDestination } = readInput(schema, body)
      ses.configurationSets.addDestination(name, read(EventDestinationName, EventDestination))
      return {}
    },
  },
  {
    method: 'GET',
    path: '/configuration-sets/:name/event-destinations',
    answer: ({ ses, name }) => ({
      EventDestinations: ses.configurationSets.destinations(name).map((one) => ({
        Name: one.name,
        Enabled: one.enabled,
        MatchingEventTypes: one.eventTypes.map(wireType),
        SnsDestination: { TopicArn: one.topicArn },
      })),
    }),
  },
  {
    method: 'PUT',
    path: '/configuration-sets/:name/event-destinations/:second',
    answer({ ses, name, second, body }) {
      const { EventDestination } = readInput(z.object({ EventDestination: definition }), body)
      ses.configurationSets.updateDestination(name, read(second, EventDestination))
      return {}
    },
  },
  {
    method: 'DELETE',
    path: '/configuration-sets/:name/event-destinations/:second',
    answer({ ses, name, second }) {
      ses.configurationSets.removeDestination(name, second)
      return {}
    },
  },
]
