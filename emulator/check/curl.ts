import type { WireRequest } from '../../contracts/checks/receiver/index.ts'

/** A value that stays out of a report, and what a shell writes for it: `$OFFLOAD_PLUGIN_TOKEN`. */
export interface Secret {
  readonly value: string
  readonly shell: string
}

/** The values of variables, and what a case makes of them: one cut at its end, one as JSON writes it. */
export function secretsOf(variables: Readonly<Record<string, string>>): Secret[] {
  return Object.entries(variables)
    .flatMap(([name, value]): Secret[] => [
      { value, shell: `$${name}` },
      { value: JSON.stringify(value).slice(1, -1), shell: `$${name}` },
      { value: value.slice(0, -1), shell: `\${${name}%?}` },
    ])
    .filter(({ value }) => value.length >= shortestSecret)
}

/** A text without its secrets. */
export function hidden(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((shown, { value }) => shown.replaceAll(value, '***'), text)
}

// What is shorter stands in many a text by chance.
const shortestSecret = 4

// Longer runs of one character are made by the shell.
const shortestRun = 100

/** A line for a POSIX shell that sends the request again, byte for byte; secrets are taken from variables. */
export function curlOf(
  { method, headers, body, chunked }: WireRequest,
  url: string,
  secrets: readonly Secret[],
): string {
  const words = ['curl', '-sS', '-i']
  if (method !== 'POST' || body.length === 0) words.push('-X', method)
  for (const [name, value] of headers)
    words.push('-H', headerWord(value === '' ? `${name};` : `${name}: ${value}`, secrets))
  if (chunked === true) words.push('-H', quoted('transfer-encoding: chunked'))
  if (body.length === 0) return [...words, quoted(url)].join(' ')
  if (!headers.some(([name]) => name === 'content-type')) words.push('-H', quoted('content-type:'))
  return `${shellBytes(body, secrets)} | ${[...words, '--data-binary', '@-', quoted(url)].join(' ')}`
}

/** The command that writes these bytes. */
export function shellBytes(body: Uint8Array, secrets: readonly Secret[]): string {
  const parts: string[] = []
  let from = 0
  const write = (to: number) => {
    // One character a byte, so that what is no UTF-8 keeps its bytes.
    if (to > from) parts.push(printf(Buffer.from(body.subarray(from, to)).toString('latin1'), secrets))
  }
  for (let at = 0; at < body.length;) {
    let end = at + 1
    while (body[end] === body[at] && end < body.length) end++
    if (end - at >= shortestRun) {
      write(at)
      const character = String.fromCharCode(body[at] ?? 0)
      parts.push(`head -c ${end - at} /dev/zero | tr '\\0' ${quoted(octal(character))}`)
      from = end
    }
    at = end
  }
  write(body.length)
  return parts.length === 1 ? (parts[0] ?? '') : `{ ${parts.join('; ')}; }`
}

function printf(text: string, secrets: readonly Secret[]): string {
  const values: string[] = []
  // Secrets are found before anything is escaped; every second part is one.
  const parts =
    secrets.length === 0
      ? [text]
      : text.split(new RegExp(`(${secrets.map(({ value }) => literally(value)).join('|')})`))
  const format = parts
    .map((part, index) => {
      if (index % 2 === 0)
        return part.replace(/[\\%]/g, (character) => character.repeat(2)).replace(/[^\x20-\x7e]/g, octal)
      values.push(`"${secrets.find(({ value }) => value === part)?.shell}"`)
      return '%s'
    })
    .join('')
  return ['printf', quoted(format), ...values].join(' ')
}

/** Quoted so that the shell puts the secrets in. */
function headerWord(text: string, secrets: readonly Secret[]): string {
  const held = secrets.filter(({ value }) => text.includes(value))
  if (held.length === 0) return quoted(text)
  const escaped = text.replace(/["$\\`]/g, '\\$&')
  return `"${held.reduce((word, { value, shell }) => word.replaceAll(value, shell), escaped)}"`
}

const literally = (text: string): string => text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')

const octal = (character: string): string =>
  /[\x20-\x5b\x5d-\x7e]/.test(character) ? character : `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`

export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
