import type { Dialect } from './job.ts'

/** How a receiver answered a callback, or failed to. */
export interface CallbackAnswer {
  /** HTTP status; `null` where there was no answer. */
  readonly status: number | null
  /** The header `Location` of a redirect. */
  readonly location?: string | undefined
  readonly dialect: Dialect
  /** Where the callback went. */
  readonly url: string
  /** The error of the connection: its code (`ECONNREFUSED`) or text. */
  readonly error?: string | undefined
}

const paths: Readonly<Record<Dialect, string>> = {
  spec: '/local/manireports/ui/ajax/cloud_callback.php',
  detailed: '/local/manireports/ui/ajax/cloud_callback.php',
  flow: '/local/manireports/ui/ajax/cloud_callback.php',
  plugin: '/local/manireports/cloud_callback.php',
}

/** What an answer to a callback means, and what to do about it, in words for the log. */
export function explainAnswer(answer: CallbackAnswer): string {
  const { status, error } = answer
  if (status === null) return explainFailure(answer.url, error ?? 'no answer')
  if (status >= 200 && status < 300) return status === 202 ? 'accepted, to be applied later' : 'accepted'
  if (status >= 300 && status < 400) return explainRedirect(answer, status)
  return `${status}: ${explainRefusal(answer, status)}`
}

function explainRedirect({ location, url }: CallbackAnswer, status: number): string {
  const target = location === undefined ? undefined : parse(location, url)
  const sent = parse(url)
  if (target === undefined || sent === undefined) {
    return `${status}: a redirect without a usable Location; nothing was updated, and redirects are not followed`
  }
  if (/\/login\//.test(target.pathname)) {
    return `${status} to the login page: the callback script asks for a session (require_login): it must accept requests without one`
  }
  if (target.host !== sent.host) {
    return (
      `${status}: wwwroot is ${target.origin}, but the callback URL's host is ${sent.host}: nothing was updated. ` +
      `Use ${target.origin} in the callback URL, or keep that name and add ` +
      `--callback-connect-to ${hostPort(target)}:${hostPort(sent)}`
    )
  }
  if (target.protocol !== sent.protocol) {
    return `${status}: the site wants ${target.protocol.slice(0, -1)}: write the callback URL as ${target.origin}${sent.pathname}`
  }
  return `${status}: redirected to ${target.pathname}; nothing was updated, and redirects are not followed: use that path in the callback URL`
}

function explainRefusal({ dialect, url }: CallbackAnswer, status: number): string {
  const path = parse(url)?.pathname ?? url
  switch (status) {
    case 400:
      return dialect === 'plugin'
        ? 'the receiver found the body incomplete (the deployed plugin answers so when `token` or `job_id` is missing)'
        : 'the receiver could not read the body'
    case 401:
      return dialect === 'plugin'
        ? 'the site asks for a login before the callback script: is it behind HTTP authentication?'
        : 'the signature or the timestamp was refused: cloud_callback_secret must be the same on both sides, the HMAC must ' +
            'cover the raw body (php://input), and the clocks must agree within 300 s'
    case 403:
      return dialect === 'plugin'
        ? "the token was refused: this token must equal the company's AWS secret in the plugin's settings"
        : 'forbidden: a firewall, an IP allow-list or the web server refuses the callback before the plugin sees it'
    case 404: {
      const expected = paths[dialect]
      const hint = path.endsWith(expected)
        ? 'is the plugin installed there (and wwwroot without a sub-folder)?'
        : `the \`${dialect}\` dialect's path is ${expected}`
      return `nothing at ${path}: ${hint}`
    }
    case 405:
      return 'the receiver does not take POST at this address'
    case 408:
      return 'the receiver gave up waiting for the body'
    case 409:
      return 'the receiver has a conflict with its own state: has its database been reset?'
    case 410:
      return 'gone: the receiver wants no more callbacks for this job'
    case 413:
      return 'the body is too large for the receiver (post_max_size, client_max_body_size)'
    case 415:
      return 'the receiver does not take application/json'
    case 429:
      return 'the receiver asks to be called less often; the next attempt honours Retry-After'
    case 500:
      return "the receiver failed: see PHP's error log and Moodle's debugging output; part of the update may have been applied"
    case 502:
    case 504:
      return 'the proxy before Moodle got no answer from it (php-fpm down or too slow)'
    case 503:
      return 'the site is not available: maintenance mode (admin/cli/maintenance.php --disable), an upgrade, or too much load'
    default:
      return status >= 500 ? 'the receiver failed' : 'the receiver refused the callback'
  }
}

function explainFailure(url: string, error: string): string {
  const host = parse(url)?.host ?? url
  if (/ECONNREFUSED/i.test(error)) {
    return (
      `connection refused: nothing listens on ${host}. Is Moodle running? From a container localhost is the container ` +
      'itself: use host.docker.internal or --callback-connect-to'
    )
  }
  if (/ENOTFOUND|EAI_AGAIN|EAI_NODATA/i.test(error)) {
    return `the name of ${host} does not resolve here: use --callback-connect-to to connect to an address while sending this Host`
  }
  if (/time.?out|ETIMEDOUT|AbortError|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT/i.test(error)) {
    return `no answer from ${host} in time: Moodle may still have applied the callback, so the next attempt may repeat it`
  }
  if (/ECONNRESET|EPIPE|socket hang up|UND_ERR_SOCKET/i.test(error)) {
    return `${host} closed the connection without an answer: it may have applied the callback; see the web server's error log`
  }
  if (/EHOSTUNREACH|ENETUNREACH/i.test(error)) return `${host} cannot be reached from here: no route to it`
  return explainTls(host, error) ?? `no answer from ${host}: ${error}`
}

function explainTls(host: string, error: string): string | undefined {
  if (/CERT_HAS_EXPIRED|certificate has expired/i.test(error)) return `the TLS certificate of ${host} has expired`
  if (/ALTNAME|altnames/i.test(error)) {
    return `the TLS certificate of ${host} is for another name: use the name that is in it, with --callback-connect-to where it leads elsewhere`
  }
  if (/SELF_SIGNED|self.signed|UNABLE_TO_(VERIFY|GET)|unable to (verify|get)/i.test(error)) {
    return `the TLS certificate of ${host} is not signed by a known authority: set NODE_EXTRA_CA_CERTS to its CA's file, or use http:// locally`
  }
  if (/WRONG_VERSION_NUMBER|packet length too long/i.test(error))
    return `${host} does not speak TLS on this port: write http:// in the callback URL`
  if (/\b(TLS|SSL|CERT|ERR_SSL|EPROTO)/i.test(error)) return `TLS with ${host} failed: ${error}`
  return undefined
}

function parse(url: string, base?: string): URL | undefined {
  return URL.canParse(url, base) ? new URL(url, base) : undefined
}

function hostPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? '443' : '80') : port}`
}
