import type { Store } from '../../kernel/store.ts'
import { invalidParameter } from './errors.ts'
import type { Identities } from './identities.ts'

/** What happens to mails while the MX record of the MAIL FROM domain is not right. */
export type OnMxFailure = 'UseDefaultValue' | 'RejectMessage'

export interface MailFrom {
  readonly domain: string
  readonly onMxFailure: OnMxFailure
  readonly status: 'Success' | 'Failed'
}

/** Custom MAIL FROM domains of identities. No DNS is asked: each is right at once, but a domain under `.invalid` never is. */
export interface MailFroms {
  /** Throws `invalid-parameter`, also for an identity that is not there; without a domain the default is used again. */
  set(identity: string, domain: string | undefined, onMxFailure: OnMxFailure): void
  get(identity: string): MailFrom | undefined
  /** Whether mails of this sender are refused: the MAIL FROM domain of its address, else of its domain. */
  refuses(sender: string): boolean
  reset(): void
}

export function createMailFroms({ store, identities }: { store: Store; identities: Identities }): MailFroms {
  store.define(`
    CREATE TABLE IF NOT EXISTS ses_mail_from (
      identity TEXT PRIMARY KEY COLLATE NOCASE,
      domain TEXT NOT NULL,
      on_mx_failure TEXT NOT NULL
    ) WITHOUT ROWID
  `)
  const get = (identity: string): MailFrom | undefined => {
    const row = store.get<{ domain: string; on_mx_failure: OnMxFailure }>(
      'SELECT domain, on_mx_failure FROM ses_mail_from WHERE identity = ?',
      identity,
    )
    if (row === undefined || identities.find(identity) === undefined) return undefined
    const { domain, on_mx_failure: onMxFailure } = row
    return { domain, onMxFailure, status: /\.invalid$/i.test(domain) ? 'Failed' : 'Success' }
  }
  return {
    get,
    set(identity, domain, onMxFailure) {
      if (identities.find(identity) === undefined) throw invalidParameter(`Identity <${identity}> does not exist.`)
      if (domain === undefined) return void store.run('DELETE FROM ses_mail_from WHERE identity = ?', identity)
      // Also of an address the MAIL FROM domain is under its domain.
      const parent = identity.slice(identity.lastIndexOf('@') + 1)
      if (domain.length > 253 || !domain.toLowerCase().endsWith(`.${parent.toLowerCase()}`)) {
        const under = domain.toLowerCase().endsWith('.invalid') && /^[a-z0-9.-]+$/i.test(domain)
        if (!under)
          throw invalidParameter(
            `Provided MAIL-FROM domain <${domain}> is not subdomain of the domain of the identity <${identity}>`,
          )
      }
      store.run('INSERT OR REPLACE INTO ses_mail_from VALUES (?, ?, ?)', identity, domain, onMxFailure)
    },
    refuses(sender) {
      const domain = sender.slice(sender.lastIndexOf('@') + 1)
      const own = get(sender) ?? get(domain)
      return own?.status === 'Failed' && own.onMxFailure === 'RejectMessage'
    },
    reset: () => void store.run('DELETE FROM ses_mail_from'),
  }
}
