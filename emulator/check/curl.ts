import type { WireRequest } from '../../contracts/checks/receiver/index.ts'

/** Values that stay out of a report, by the variable that holds them. */
export type Secrets = Readonly<Record<string, string>>

// Longer runs of one character are made by the shell.
const runOf = /([\s\S])\1{99,}/g

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
  // One character a byte, so that what is no UTF-8 keeps its bytes.
  const text = Buffer.from(body).toString('latin1')
  const parts: string[] = []
  let from = 0
  for (const { 0: run, index } of text.matchAll(runOf)) {
    if (index > from) parts.push(printf(text.slice(from, index), secrets))
    parts.push(`head -c ${run.length} /dev/zero | tr '\\0' ${quoted(octal(run[0] ?? ' '))}`)
    from = index + run.length
  }
  if (from < text.length) parts.push(printf(text.slice(from), secrets))
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
