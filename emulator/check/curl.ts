import type { WireRequest } from '../../contracts/checks/receiver/index.ts'

/** Values that stay out of a report, by the variable that holds them. */
export type Secrets = Readonly<Record<string, string>>

// Longer runs of one character are made by the shell.
const shortestRun = 100

/** A line for a POSIX shell that sends the request again, byte for byte; secrets are taken from variables. */
export function curlOf({ method, headers, body, chunked }: WireRequest, url: string, secrets: Secrets): string {
  const words = ['curl', '-sS', '-i']
  if (method !== 'POST' || body.length === 0) words.push('-X', method)
  for (const [name, value] of headers) words.push('-H', quoted(value === '' ? `${name};` : `${name}: ${value}`))
  if (chunked === true) words.push('-H', quoted('transfer-encoding: chunked'))
  if (body.length === 0) return [...words, quoted(url)].join(' ')
  if (!headers.some(([name]) => name === 'content-type')) words.push('-H', quoted('content-type:'))
  return `${bodyOf(body, secrets)} | ${[...words, '--data-binary', '@-', quoted(url)].join(' ')}`
}

/** The command that writes the body. */
function bodyOf(body: Uint8Array, secrets: Secrets): string {
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

function printf(text: string, secrets: Secrets): string {
  const values: string[] = []
  let format = text.replace(/[\\%]/g, (character) => (character === '%' ? '%%' : '\\\\'))
  format = format.replace(/[^\x20-\x7e]/g, octal)
  for (const [variable, value] of Object.entries(secrets)) {
    if (value.length < 4) continue
    format = format.replaceAll(value, () => {
      values.push(`"$${variable}"`)
      return '%s'
    })
  }
  return ['printf', quoted(format), ...values].join(' ')
}

const octal = (character: string): string =>
  /[\x20-\x5b\x5d-\x7e]/.test(character) ? character : `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
