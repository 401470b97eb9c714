import { refuse } from './refusal.ts'

/** The account's sending domains: any where none are named. */
export interface Senders {
  allows(domain: string): boolean
  /** Throws `sender-refused` for an address whose domain may not send. */
  check(address: string): void
}

export function createSenders(domains: readonly string[]): Senders {
  const known = new Set(domains.map((domain) => domain.toLowerCase()))
  const allows = (domain: string) => known.size === 0 || known.has(domain.toLowerCase())
  return {
    allows,
    check(address) {
      const domain = address.slice(address.lastIndexOf('@') + 1)
      if (allows(domain)) return
      throw refuse(
        'sender-refused',
        `${domain} is not one of the account's sending domains (sending_domains): ${domains.join(', ')}.`,
      )
    },
  }
}
