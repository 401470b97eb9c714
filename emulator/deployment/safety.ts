import { createHash } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { AddressKind, Names } from '../../contracts/checks/deployment/job.ts'
import { EmulatorError } from '../kernel/errors.ts'

export type SafetyErrorCode = 'target-not-owned' | 'bad-target' | 'no-such-address'

/** What may be done to a deployment, and with which names: the same for the same seed. */
export interface Safety extends Names {
  /** All that is spoken to is of this machine. */
  readonly loopback: boolean
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** RFC 6761: names under `localhost` are loopback whatever DNS says. */
export function isLoopback(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  const version = isIP(name)
  if (version === 0) return name === 'localhost' || name.endsWith('.localhost')
  return loopback.check(name, version === 6 ? 'ipv6' : 'ipv4')
}

/** Moodle's own ids are far below, and a database's integers end at 2,147,483,647. */
const firstInteger = 2_000_000_000
const integers = 100_000_000

const simulator = 'simulator.amazonses.com'
const mailboxes: Readonly<Record<AddressKind, string>> = {
  success: 'success',
  bounce: 'bounce',
  complaint: 'complaint',
  suppressed: 'suppressionlist',
}

/**
 * The rules for a run against a deployment. Throws EmulatorError `target-not-owned` where one of the targets is not of
 * this machine and nobody said that it is theirs, `bad-target` for what is no http:// or https:// URL.
 */
export function createSafety({
  targets,
  ownsTarget,
  allowedDomains = [],
  seed,
}: {
  /** Every URL that the run speaks to. */
  readonly targets: readonly string[]
  /** `--i-own-this-target`. */
  readonly ownsTarget: boolean
  /** Domains whose mailboxes are the operator's own (`--allow-domain`). */
  readonly allowedDomains?: readonly string[]
  readonly seed: string
}): Safety {
  const hosts = targets.map((target) => {
    const url = URL.canParse(target) ? new URL(target) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol)) {
      throw new EmulatorError<SafetyErrorCode>('bad-target', `${target} is no http:// or https:// URL`, { target })
    }
    return url.hostname
  })
  const beyond = hosts.find((host) => !isLoopback(host))
  if (beyond !== undefined && !ownsTarget) {
    throw new EmulatorError<SafetyErrorCode>(
      'target-not-owned',
      `${beyond} is not this machine: jobs, mails and faults would go to a deployment that may be somebody's. ` +
        'If it is yours, and not in use, say so: --i-own-this-target',
      { host: beyond },
    )
  }
  const [domain] = allowedDomains
  const number = (...identity: readonly string[]) =>
    createHash('sha256')
      .update(JSON.stringify([seed, ...identity]))
      .digest()

  return {
    loopback: beyond === undefined,
    address(kind, label) {
      if (kind !== 'success') return `${mailboxes[kind]}+${label}@${simulator}`
      if (domain !== undefined) return `${label}@${domain}`
      return beyond === undefined ? `${label}@check.offload.test` : `success+${label}@${simulator}`
    },
    jobId(dialect, name) {
      const digest = number('job', name)
      if (dialect === 'flow' || dialect === 'plugin') return firstInteger + (digest.readUInt32BE(0) % integers)
      const hex = digest.toString('hex')
      // PHP casts a UUID that begins with a letter to 0, which no job has.
      const first = 'abcdef'[Number.parseInt(hex.slice(0, 2), 16) % 6] ?? 'a'
      return `${first}${hex.slice(1, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
    },
    firstUserid: (name) => firstInteger + (number('userid', name).readUInt32BE(0) % integers),
  }
}
