import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import type { Webhooks } from '../mail/webhooks.ts'
import { topicNameOf } from './configuration-sets.ts'

/** Who gets what is published to a topic. */
export interface TopicSubscription {
  /** A queue's name. */
  readonly queue?: string | undefined
  readonly url?: string | undefined
  /** SNS's raw message delivery: the message alone, without SNS's envelope. */
  readonly raw: boolean
}

/** The part of SNS that SES's events go through; a topic has one subscription, and needs not be created. */
export interface Topics {
  /** Makes sure that there is a queue to receive from. */
  open(arn: string): void
  /** In the caller's transaction. What cannot be delivered is lost, as on SNS, and undoes nothing else. */
  publish(arn: string, message: string, subject?: string): void
}

export interface TopicDeps {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly webhooks: Pick<Webhooks, 'add' | 'sign'>
  /** By the topics' names; a topic that is not named goes to the queue of its own name, in SNS's envelope. */
  readonly subscriptions: Readonly<Record<string, TopicSubscription>>
  readonly publish: (queue: string, body: string) => void
  readonly ensureQueue: (name: string) => void
  readonly onError: (error: unknown) => void
}

/** As SNS posts it, also where it is JSON. */
export const snsContentType = 'text/plain; charset=UTF-8'

export function createTopics(deps: TopicDeps): Topics {
  const { store, clock, ids, webhooks, subscriptions, publish, ensureQueue, onError } = deps
  const subscriptionOf = (arn: string): TopicSubscription => {
    const name = topicNameOf(arn) ?? ''
    const { queue, url, raw }: TopicSubscription = (Object.hasOwn(subscriptions, name) && subscriptions[name]) || {
      raw: false,
    }
    // A queue's name has 80 characters at most, a topic's 256.
    return { queue: queue ?? (url === undefined ? name.slice(0, 80) : undefined), url, raw }
  }
  webhooks.sign('ses', postHeaders)

  /** Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
  const envelope = (arn: string, message: string, subject: string | undefined) => {
    const [, , , region = ''] = arn.split(':')
    const host = `https://sns.${region}.amazonaws.com`
    return JSON.stringify({
      Type: 'Notification',
      MessageId: ids.next('sns-message'),
      TopicArn: arn,
      ...(subject === undefined ? {} : { Subject: subject }),
      Message: message,
      Timestamp: new Date(clock.now()).toISOString(),
      // Only AWS has the key: who verifies signatures must be told not to here.
      SignatureVersion: '1',
      Signature: 'T2ZmbG9hZCBoYXMgbm8ga2V5IG9mIFNOUw==',
      SigningCertURL: `${host}/SimpleNotificationService-offload.pem`,
      UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${subscriptionArn(arn)}`,
    })
  }

  return {
    open(arn) {
      const { queue } = subscriptionOf(arn)
      if (queue !== undefined) ensureQueue(queue)
    },
    publish(arn, message, subject) {
      const { queue, url, raw } = subscriptionOf(arn)
      const body = raw ? message : envelope(arn, message, subject)
      try {
        store.tx(() => {
          if (queue !== undefined) publish(queue, body)
          if (url !== undefined) webhooks.add({ provider: 'ses', url, body, contentType: snsContentType })
        })
      } catch (error) {
        onError(error)
      }
    },
  }
}

const subscriptionArn = (arn: string) => `${arn}:00000000-0000-4000-8000-000000000000`

/** The headers of SNS's posts. What has no envelope was delivered raw. */
function postHeaders(body: string): Record<string, string> {
  const common = { 'x-amz-sns-message-type': 'Notification' }
  if (!body.startsWith('{"Type":"Notification",')) return { ...common, 'x-amz-sns-rawdelivery': 'true' }
  const { MessageId, TopicArn } = JSON.parse(body) as { MessageId: string; TopicArn: string }
  return {
    ...common,
    'x-amz-sns-message-id': MessageId,
    'x-amz-sns-topic-arn': TopicArn,
    'x-amz-sns-subscription-arn': subscriptionArn(TopicArn),
  }
}
