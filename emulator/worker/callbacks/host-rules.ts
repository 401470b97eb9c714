import { BlockList, isIP } from 'node:net'

/** Where a connection goes: a name or address without brackets, and a port. */
export interface Destination {
  readonly host: string
  readonly port: number
}

export type Verdict =
  | { readonly state: 'allowed' }
  /** A local name: allowed if it resolves to this machine or its private network. */
  | { readonly state: 'resolve' }
  | { readonly state: 'refused'; readonly reason: string }

/** Which hosts a callback may reach. The words of a refusal end with the flag that lifts it. */
export interface HostRules {
  /** Where a connection for this URL goes, and whether `--callback-connect-to` sends it there. */
  route(url: URL): { readonly destination: Destination; readonly connectTo?: Destination }
  /** What the URL's name or literal address says, without asking DNS. */
  judge(url: URL): Verdict
  /** Why no connection may be made to `address`, which `host` has resolved to; undefined if it may. */
  refusal(host: string, address: string): string | undefined
}

const privateNetworks = new BlockList()
privateNetworks.addSubnet('127.0.0.0', 8, 'ipv4')
privateNetworks.addSubnet('10.0.0.0', 8, 'ipv4')
privateNetworks.addSubnet('172.16.0.0', 12, 'ipv4')
privateNetworks.addSubnet('192.168.0.0', 16, 'ipv4')
privateNetworks.addAddress('::1', 'ipv6')
privateNetworks.addSubnet('fc00::', 7, 'ipv6')

// Cloud metadata lives at 169.254.169.254; 0.0.0.0 is loopback by accident; the rest is nobody's receiver.
const neverReceivers = new BlockList()
neverReceivers.addSubnet('169.254.0.0', 16, 'ipv4')
neverReceivers.addSubnet('fe80::', 10, 'ipv6')
neverReceivers.addSubnet('0.0.0.0', 8, 'ipv4')
neverReceivers.addAddress('::', 'ipv6')
neverReceivers.addSubnet('224.0.0.0', 3, 'ipv4')
neverReceivers.addSubnet('ff00::', 8, 'ipv6')

const localSuffixes = ['.test', '.local', '.internal', '.lan', '.home.arpa']

const contains = (list: BlockList, address: string) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** RFC 6761: these are loopback whatever DNS says. */
export const isLoopbackName = (host: string) => host === 'localhost' || host.endsWith('.localhost')

// `webserver` of a compose network has no dot; no public name is without one.
const isLocalName = (host: string) => !host.includes('.') || localSuffixes.some((suffix) => host.endsWith(suffix))

function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
}

const withBrackets = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)

export function createHostRules(settings: {
  /** `HOST:PORT:CONNECT-HOST:CONNECT-PORT`, as curl's `--connect-to`. */
  readonly connectTo: readonly string[]
  /** Names and literal addresses that are allowed whatever they resolve to. */
  readonly allowHosts: readonly string[]
  /** Whose flags lift a refusal; `offload up` unless given. */
  readonly command?: string | undefined
}): HostRules {
  const { command = 'offload up' } = settings
  const allowed = new Set(settings.allowHosts.map(plainHost))
  const routes = new Map<string, Destination>()
  for (const entry of settings.connectTo) {
    const [, host = '', port = '', toHost = '', toPort = ''] =
      /^(\[[^\]]+\]|[^:]+):(\d+):(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? []
    if (host === '') throw new Error(`"${entry}" must be HOST:PORT:CONNECT-HOST:CONNECT-PORT`)
    const key = `${plainHost(host)}:${port}`
    if (!routes.has(key)) routes.set(key, { host: plainHost(toHost), port: Number(toPort) })
  }

  const route: HostRules['route'] = (url) => {
    const own = { host: plainHost(url.hostname), port: portOf(url) }
    const connectTo = routes.get(`${own.host}:${own.port}`)
    return connectTo === undefined ? { destination: own } : { destination: connectTo, connectTo }
  }

  const refusal: HostRules['refusal'] = (host, address) => {
    if (allowed.has(address)) return undefined
    const what = host === address ? address : `${host} resolves to ${address}, which`
    if (contains(neverReceivers, address)) {
      const why = `${what} is a link-local, unspecified or multicast address: no Moodle is there, cloud metadata may be`
      return `${why}. To allow it: ${command} --allow-callback-host ${address}`
    }
    if (allowed.has(host) || contains(privateNetworks, address)) return undefined
    return (
      `${what} is outside this machine and its private networks, and a job copied from production must not call ` +
      `production. To allow it: ${command} --allow-callback-host ${host}`
    )
  }

  const judgeHost = (host: string): Verdict => {
    if (allowed.has(host) || isLoopbackName(host)) return { state: 'allowed' }
    if (isIP(host) !== 0) {
      const reason = refusal(host, host)
      return reason === undefined ? { state: 'allowed' } : { state: 'refused', reason }
    }
    if (isLocalName(host)) return { state: 'resolve' }
    return {
      state: 'refused',
      reason:
        `${host} is not a name of this machine or its private networks, and a job copied from production must not ` +
        `call production. To allow it: ${command} --allow-callback-host ${host}`,
    }
  }

  return {
    route,
    refusal,
    judge(url) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        return { state: 'refused', reason: `callbacks go to http:// and https:// URLs, not to ${url.protocol}` }
      }
      const { destination, connectTo } = route(url)
      const verdict = judgeHost(destination.host)
      if (verdict.state !== 'refused') return verdict
      if (connectTo !== undefined) {
        const from = `${url.hostname}:${portOf(url)}`
        const to = `${withBrackets(connectTo.host)}:${connectTo.port}`
        return { state: 'refused', reason: `--callback-connect-to sends ${from} to ${to}, but ${verdict.reason}` }
      }
      const instead = `${url.hostname}:${portOf(url)}:127.0.0.1:${url.protocol === 'https:' ? 8443 : 8000}`
      return {
        state: 'refused',
        reason: `${verdict.reason}. To send it to a Moodle on this machine instead: ${command} --callback-connect-to ${instead}`,
      }
    },
  }
}
