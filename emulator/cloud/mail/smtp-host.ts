import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { EmulatorError, messageOf } from '../../kernel/errors.ts'

export type SmtpHostErrorCode = 'smtp-host-invalid' | 'smtp-host-unresolved' | 'smtp-host-public'

export interface SmtpAddress {
  readonly host: string
  readonly port: number
}

const inner = new BlockList()
inner.addSubnet('127.0.0.0', 8)
inner.addSubnet('10.0.0.0', 8)
inner.addSubnet('172.16.0.0', 12)
inner.addSubnet('192.168.0.0', 16)
inner.addSubnet('169.254.0.0', 16)
inner.addAddress('::1', 'ipv6')
inner.addSubnet('fc00::', 7, 'ipv6')
inner.addSubnet('fe80::', 10, 'ipv6')

/** Loopback, link-local or of a private network; IPv4-mapped IPv6 addresses too. */
export function isInnerAddress(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && inner.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

/** `mailpit:1025`, `127.0.0.1:1025` or `[::1]:1025`. */
export function parseSmtpAddress(text: string): SmtpAddress {
  const [, bracketed, name, port] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? name
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new EmulatorError<SmtpHostErrorCode>(
      'smtp-host-invalid',
      `"${text}" is no SMTP address: write HOST:PORT, such as 127.0.0.1:1025`,
    )
  }
  return { host, port: Number(port) }
}

/**
 * The address to connect to, resolved once and pinned. Mail never leaves for the internet: a host that is neither
 * loopback nor of a private network is refused.
 */
export async function innerSmtpAddress({ host, port }: SmtpAddress): Promise<SmtpAddress> {
  const addresses = await lookup(host, { all: true }).catch((error: unknown) => {
    throw new EmulatorError<SmtpHostErrorCode>(
      'smtp-host-unresolved',
      `the SMTP host "${host}" cannot be resolved (${messageOf(error)}): is the name right, and the container running?`,
    )
  })
  const outer = addresses.find(({ address }) => !isInnerAddress(address))
  const first = addresses[0]
  if (outer !== undefined || first === undefined) {
    throw new EmulatorError<SmtpHostErrorCode>(
      'smtp-host-public',
      `the SMTP host "${host}" is ${outer?.address ?? 'nowhere'}, which is not on this machine or in a private network. ` +
        'Offload never relays mail to the internet: leave --smtp out for the embedded inbox, or name a local Mailpit.',
    )
  }
  return { host: first.address, port }
}
