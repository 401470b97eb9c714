import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Journal } from '../../kernel/journal.ts'
import type { Store } from '../../kernel/store.ts'
import { createAllowance, type Allowance } from '../mail/allowance.ts'
import type { MailProvider } from '../mail/provider.ts'
import type { DataPoint } from '../mail/statistics.ts'
import type { Suppression } from '../mail/suppression.ts'
import type { Webhooks } from '../mail/webhooks.ts'
import { createConfigurationSets, type ConfigurationSets } from './configuration-sets.ts'
import { createEvents } from './events.ts'
import { createIdentities, type Identities } from './identities.ts'
import { createMailFroms, type MailFroms } from './mail-from.ts'
import { publishNotifications, type NotificationSettings } from './notifications.ts'
import { createSending, type Sending } from './sending.ts'
import { createTemplates, type Templates } from './templates.ts'
import { createTopics, type TopicSubscription } from './topics.ts'

export interface SesSettings {
  /** Recipients a second, for callers outside. */
  readonly rate: number
  /** Recipients in 24 hours. */
  readonly dailyQuota: number
  /** 200 recipients a day, 1 a second, verified identities only. */
  readonly sandbox: boolean
  readonly notifications: NotificationSettings
  /** Configuration sets that are there from the start. */
  readonly configurationSets: readonly string[]
  /** Where SNS topics go, by their names; one that is not named goes to the queue of its name. */
  readonly topics: Readonly<Record<string, TopicSubscription>>
}

/** Amazon SES without its protocols: what v1 (Query) and v2 (REST) both speak to. */
export interface Ses {
  readonly sending: Sending
  readonly identities: Identities
  readonly mailFroms: MailFroms
  readonly templates: Templates
  readonly configurationSets: ConfigurationSets
  readonly suppression: Suppression
  readonly allowance: Allowance
  readonly sandbox: boolean
  readonly region: string
  readonly account: string
  sendingEnabled(): boolean
  enableSending(enabled: boolean): void
  statistics(): DataPoint[]
  /** Forgets identities, templates, configuration sets and what was sent. */
  reset(): void
}

export function createSes({
  store,
  clock,
  ids,
  journal,
  mail,
  webhooks,
  publish,
  ensureQueue,
  account,
  region,
  sender,
  settings,
  onError,
}: {
  store: Store
  clock: Clock
  ids: Ids
  journal: Journal
  mail: MailProvider
  webhooks: Webhooks
  /** Sends a message to a queue in the caller's transaction. */
  publish: (queue: string, body: string) => void
  /** Creates a queue where there is none of this name. */
  ensureQueue: (name: string) => void
  account: string
  region: string
  /** The emulator's own sender, verified from the start. */
  sender: string
  settings: SesSettings
  onError: (error: unknown) => void
}): Ses {
  store.define('CREATE TABLE IF NOT EXISTS ses_account (one INTEGER PRIMARY KEY, sending_enabled INTEGER NOT NULL)')
  const sendingEnabled = () =>
    store.get<{ sending_enabled: number }>('SELECT sending_enabled FROM ses_account')?.sending_enabled !== 0
  const { sandbox } = settings
  const limits = sandbox ? { rate: 1, dailyQuota: 200 } : { rate: settings.rate, dailyQuota: settings.dailyQuota }
  const allowance = createAllowance({ store, clock, name: 'ses', limits, onError })
  const identities = createIdentities({ store, clock, ids, always: [sender] })
  const templates = createTemplates({ store, clock })
  const mailFroms = createMailFroms({ store, identities })
  const topics = createTopics({
    store,
    clock,
    ids,
    webhooks,
    subscriptions: settings.topics,
    publish,
    ensureQueue,
    onError,
  })
  const configurationSets = createConfigurationSets({
    store,
    clock,
    always: settings.configurationSets,
    onTopic(arn) {
      topics.open(arn)
      topics.publish(arn, 'Successfully validated SNS topic for Amazon SES event publishing.')
    },
  })
  const events = createEvents({ configurationSets, topics, account, region })
  publishNotifications({ mail, webhooks, ids, events, account, region, settings: settings.notifications, publish })

  return {
    sending: createSending({
      store,
      clock,
      ids,
      journal,
      mail,
      allowance,
      identities,
      mailFroms,
      templates,
      configurationSets,
      events,
      enabled: sendingEnabled,
      sandbox,
      region,
    }),
    identities,
    mailFroms,
    templates,
    configurationSets,
    suppression: mail.suppression,
    allowance,
    sandbox,
    region,
    account,
    sendingEnabled,
    enableSending: (enabled) => void store.run('INSERT OR REPLACE INTO ses_account VALUES (1, ?)', enabled ? 1 : 0),
    statistics: () => mail.statistics.of('ses'),
    reset() {
      store.tx(() => {
        store.run('DELETE FROM ses_account')
        identities.reset()
        mailFroms.reset()
        configurationSets.reset()
        templates.reset()
        allowance.reset()
      })
    },
  }
}
