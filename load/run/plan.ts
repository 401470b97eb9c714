import type { ConfigInput } from '../../emulator/config.ts'
import type { Dialect, Shape } from '../k6/people.ts'
import type { Way } from '../k6/settings.ts'
import { quietTenant } from '../k6/tenants.ts'
import type { ScenarioName } from './k6.ts'
import type { MailsBy } from './mail-count.ts'

/** All that makes a run, as it is kept for a resumption. Times are milliseconds. */
export interface LoadPlan {
  readonly scenario: ScenarioName
  readonly recipients: number
  readonly budgetMs: number
  /** Of the scenarios that go by time. */
  readonly durationMs: number
  readonly way: Way
  readonly dialect: Dialect
  readonly shape: Shape
  readonly batch: number
  /** Recipients submitted a second. */
  readonly rate: number
  /** Calls a second of the first step and of the last, in scenarios that raise them. */
  readonly lowest: number
  readonly highest: number
  /** The job whose callbacks are sent, where the target knows one. */
  readonly callbacksOf?: { readonly job: string; readonly firstUserid: number; readonly userids: number }
  readonly certificates: boolean
  readonly tenant: number
  readonly run: number
  readonly address: string
  /** None: an emulator that is started for the run, with these settings. */
  readonly target: Target
  /** HOST:PORT of the receiver of callbacks. */
  readonly listen: string
  readonly publicUrl?: string
  readonly mailsBy?: MailsBy
  /** How long nothing may happen before what is missing counts as lost; where the target does not say that it has ended. */
  readonly quietMs: number
}

export type Target =
  | { readonly kind: 'own'; readonly settings: ConfigInput }
  | {
      readonly kind: 'given'
      /** Base URL, or the Worker's; empty where there is only a queue. */
      readonly url: string
      readonly queueUrl?: string
      readonly region?: string
    }

/** Recipients who come by one tenant, and are counted together. */
export interface Group {
  readonly name: string
  readonly run: number
  readonly tenant: number
  readonly dialect: Dialect
  readonly shape: Shape
  readonly recipients: number
  readonly batch: number
  readonly address: string
}

/** Who is followed; the quiet tenant comes after the noisy one. */
export function groupsOf(plan: LoadPlan): Group[] {
  const { run, tenant, dialect, shape, recipients, batch, address } = plan
  const all = { name: 'all', run, tenant, dialect, shape, recipients, batch, address }
  if (plan.scenario !== 'tenants') return [all]
  const quiet = { ...all, ...quietTenant(plan), name: 'quiet' }
  return [{ ...all, name: 'noisy' }, quiet]
}
