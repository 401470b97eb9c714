import { domainToASCII } from 'node:url'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import { checkAddress } from '../mail/address.ts'
import { identityExists, identityNotFound, invalidParameter } from './errors.ts'

export type IdentityType = 'EmailAddress' | 'Domain'

export interface Identity {
  /** Address or domain, as it was given. */
  readonly name: string
  readonly type: IdentityType
  /** What a domain's owner would put into its DNS; the emulator takes every identity for verified at once. */
  readonly token: string
}

export interface Identities {
  /** Verifies an address or domain; again is no error (SES v1). */
  verify(name: string, type: IdentityType): Identity
  /** Throws where it exists (SES v2). */
  create(name: string): Identity
  get(name: string): Identity
  find(name: string): Identity | undefined
  /** By name, after `after`. */
  list(query: { type?: IdentityType | undefined; after?: string | undefined; limit: number }): Identity[]
  /** Whether it was there. */
  remove(name: string): boolean
  /**
   * Whether mail from or to this address may be sent in the sandbox: it, with or without its label (`user+label@…`), its
   * domain or a domain above that is verified.
   * Source: https://docs.aws.amazon.com/ses/latest/DeveloperGuide/verify-email-addresses.html
   */
  covers(address: string): boolean
  reset(): void
}

interface Row {
  name: string
  type: IdentityType
}

export function createIdentities({
  store,
  clock,
  ids,
  always,
}: {
  store: Store
  clock: Clock
  ids: Ids
  /** Addresses that are verified from the start: the emulator's own sender. */
  always: readonly string[]
}): Identities {
  store.define(`
    CREATE TABLE IF NOT EXISTS ses_identities (
      name TEXT PRIMARY KEY COLLATE NOCASE,
      type TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) WITHOUT ROWID
  `)
  const identityOf = ({ name, type }: Row): Identity => ({
    name,
    type,
    token: ids.stable(44, 'ses-identity', name.toLowerCase()),
  })
  const insert = (name: string, type: IdentityType): boolean =>
    store.run('INSERT OR IGNORE INTO ses_identities VALUES (?, ?, ?)', name, type, clock.now()).changes > 0
  const seed = () => {
    for (const address of always) insert(address, 'EmailAddress')
  }
  seed()

  const find = (name: string) => {
    const row = store.get<Row>('SELECT name, type FROM ses_identities WHERE name = ?', name)
    return row === undefined ? undefined : identityOf(row)
  }
  const get = (name: string) => {
    const found = find(name)
    if (found === undefined) throw identityNotFound(name)
    return found
  }
  const check = (name: string, type: IdentityType) => {
    if (type === 'EmailAddress') {
      const checked = checkAddress(name)
      if ('error' in checked) throw invalidParameter(`Invalid email address<${name}>.`)
    } else if (name.length > 253 || !/^[^\s@]+\.[^\s@]+$/.test(name) || domainToASCII(name) === '') {
      throw invalidParameter(`Invalid domain name ${name}.`)
    }
  }

  return {
    verify(name, type) {
      check(name, type)
      insert(name, type)
      return get(name)
    },
    create(name) {
      const type = name.includes('@') ? 'EmailAddress' : 'Domain'
      check(name, type)
      if (!insert(name, type)) throw identityExists(name)
      return get(name)
    },
    get,
    find,
    list: ({ type, after = '', limit }) =>
      store
        .all<Row>(
          'SELECT name, type FROM ses_identities WHERE name > ? AND (? IS NULL OR type = ?) ORDER BY name LIMIT ?',
          after,
          type ?? null,
          type ?? null,
          limit,
        )
        .map(identityOf),
    remove: (name) => store.run('DELETE FROM ses_identities WHERE name = ?', name).changes > 0,
    covers(address) {
      if (find(address) !== undefined || find(address.replace(/\+[^@]*(?=@)/, '')) !== undefined) return true
      const labels = address.slice(address.lastIndexOf('@') + 1).split('.')
      return labels.some((_, at) => find(labels.slice(at).join('.'))?.type === 'Domain')
    },
    reset() {
      store.run('DELETE FROM ses_identities')
      seed()
    },
  }
}
