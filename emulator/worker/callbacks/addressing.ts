import type { Dialect } from '../../../contracts/job.ts'
import type { Destination, HostRules } from './host-rules.ts'

/** What the tenant's settings say, at the time of asking. */
export interface CallbackTarget {
  readonly url?: string | undefined
  /** Signs `spec`. */
  readonly secret: string
  /** Goes into the body of `plugin`. */
  readonly token: string
}

export type Place =
  | {
      readonly state: 'send'
      readonly url: string
      readonly lane: string
      /** Host and port that the connection goes to. */
      readonly on: string
      /** Whether the name alone is enough, or the addresses that it resolves to decide. */
      readonly sure: boolean
      readonly connectTo?: Destination
    }
  | { readonly state: 'parked'; readonly reason: string; readonly on: string | null }

export interface Addressed {
  readonly tenant: number
  readonly dialect: Dialect
  /** The job's own address. */
  readonly url: string | null
}

/** Finds where a callback goes: the job's own address, else the tenant's, else nowhere, with the line that changes it. */
export function createAddressing({
  targetOf,
  rules,
  command = 'offload up',
}: {
  targetOf: (tenant: number) => CallbackTarget
  rules: HostRules
  /** Whose flags free what is parked. */
  command?: string | undefined
}): (callback: Addressed) => Place {
  const freeing = (tenant: number, dialect: Dialect): string => {
    const path =
      dialect === 'plugin' ? '/local/manireports/cloud_callback.php' : '/local/manireports/ui/ajax/cloud_callback.php'
    const url = `http://localhost:8000${path}`
    const flag = `${command} --callback-url ${tenant === 0 ? '' : `${tenant}=`}${url}`
    return `To send it: ${flag} (or OFFLOAD_CALLBACK_URL=${url} for every tenant)`
  }
  const withoutAddress = (tenant: number, dialect: Dialect): string => {
    const whose = tenant === 0 ? 'no --callback-url is set' : `none is set for tenant ${tenant}`
    return `the job names no callback_url and ${whose}. ${freeing(tenant, dialect)}`
  }

  return ({ tenant, dialect, url: own }) => {
    const address = own ?? targetOf(tenant).url
    if (address === undefined) return { state: 'parked', reason: withoutAddress(tenant, dialect), on: null }
    if (!URL.canParse(address)) {
      const whose = own === null ? `the callback URL of tenant ${tenant}` : "the job's callback_url"
      return { state: 'parked', reason: `${whose} is no URL: ${address}. ${freeing(tenant, dialect)}`, on: null }
    }
    const url = new URL(address)
    const { destination, connectTo } = rules.route(url)
    const on = `${destination.host}:${destination.port}`
    const verdict = rules.judge(url)
    if (verdict.state === 'refused') return { state: 'parked', reason: verdict.reason, on }
    return {
      state: 'send',
      url: address,
      lane: `${tenant} ${url.host}`,
      on,
      sure: verdict.state === 'allowed',
      ...(connectTo === undefined ? {} : { connectTo }),
    }
  }
}

/** An address for the journal, which holds no secrets: without credentials and query. */
export function journalUrl(address: string): string {
  const url = new URL(address)
  return url.origin + url.pathname
}
