/** The head of a request that needs nothing of HTTP but a method, a target, headers and a length. */
export interface PlainHead {
  /** As the client wrote it. */
  readonly target: string
  /** Names in lower case, as Node has them. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the body begins, and how long it is; bytes. */
  readonly bodyAt: number
  readonly bodyBytes: number
}

const longestHead = 8192
/** RFC 9110's tokens and field values, RFC 9112's lines; nothing obsolete, nothing forgiven. */
const head = /^POST (\/[!-~]*) HTTP\/1\.1\r\n((?:[!#$%&'*+.^_`|~\w-]+:[\t -~\x80-\xff]*\r\n)+)\r\n/
/** What these ask of a server is not plain; or Node reads them in a way of their own. */
const special = new Set([
  'connection',
  'set-cookie',
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'proxy-connection',
])

/**
 * Reads the head at the beginning of `bytes`. Undefined for whatever is not plain: another method, no Host or Content-Length,
 * a header that comes twice, a head that is not whole. Node's own parser is for all that.
 */
export function readPlainHead(bytes: Buffer): PlainHead | undefined {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, longestHead))
  const found = head.exec(text)
  if (found === null) return undefined
  const [all, target = '', lines = ''] = found
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let at = 0; at < lines.length;) {
    const colon = lines.indexOf(':', at)
    const end = lines.indexOf('\r\n', colon)
    const name = lines.slice(at, colon).toLowerCase()
    const value = trimmed(lines, colon + 1, end)
    if (name in headers || (special.has(name) && !keepsAlive(name, value))) return undefined
    headers[name] = value
    at = end + 2
  }
  const length = headers['content-length']
  if (length === undefined || !/^\d{1,9}$/.test(length) || !headers['host']) return undefined
  return { target, headers, bodyAt: all.length, bodyBytes: Number(length) }
}

/** Without spaces and tabs around it; `trim` takes no-break spaces too, and UTF-8's à ends with one's byte. */
function trimmed(lines: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(lines.charCodeAt(start))) start++
  while (end > start && isBlank(lines.charCodeAt(end - 1))) end--
  return lines.slice(start, end)
}

const isBlank = (code: number) => code === 32 || code === 9

const keepsAlive = (name: string, value: string) => name === 'connection' && value.toLowerCase() === 'keep-alive'
