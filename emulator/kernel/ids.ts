import { hash, randomBytes } from 'node:crypto'

/**
 * Ids are hashes of (seed, boot, identity): nothing repeats after a restart, and the same seed gives the same run.
 * The boot number is kept in the state file and grows by one at each start.
 */
export interface Ids {
  /** A UUID (version 4 in form) that belongs to this identity in this boot. */
  uuid(...identity: readonly (string | number)[]): string
  /** The next id of its kind in this boot, as a UUID. */
  next(kind: string): string
  /** A hash of (installation, identity) in hex, the same in every boot: message ids, verification codes. */
  stable(length: number, ...identity: readonly (string | number)[]): string
}

function digest(parts: readonly (string | number)[]): string {
  // JSON keeps ('a', 'bc') and ('ab', 'c') apart.
  return hash('sha256', JSON.stringify(parts))
}

function asUuid(hex: string): string {
  const variant = ((parseInt(hex[16]!, 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function createIds({ seed, installation, boot }: { seed: string; installation: string; boot: number }): Ids {
  const counters = new Map<string, number>()
  const origin = JSON.stringify([seed, installation, boot]).slice(0, -1)
  return {
    uuid: (...identity) => asUuid(digest([seed, installation, boot, ...identity])),
    next(kind) {
      const ordinal = (counters.get(kind) ?? 0) + 1
      counters.set(kind, ordinal)
      return asUuid(hash('sha256', `${origin},${JSON.stringify(kind)},${ordinal}]`))
    },
    stable: (length, ...identity) => digest([installation, ...identity]).slice(0, length),
  }
}

/** A seed or an installation's name, where the user gave none: the only chance that is not derived from the seed. */
export function freshSeed(): string {
  return randomBytes(8).toString('hex')
}
