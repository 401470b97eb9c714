import type { Recipient } from '../../../contracts/job.ts'
import { addressOf, type Observations } from './observations.ts'

/** Recipients whose data is looked for in a body: whoever it was written for is among the first who got it. */
const lookedAt = 50

/** What is no sign of a person: html of its own, addresses of pages, states of the row. */
const impersonal = /html|url|subject|status|course|company|site|lang|type/i

/** What belongs to one recipient: address, name, and the words of its data such as a user name or a licence code. */
function ownWords({ email, firstname, lastname, data }: Recipient): [field: string, value: string][] {
  const words: [string, string | undefined][] = [
    ['address', email],
    ['name', firstname !== undefined && lastname !== undefined ? `${firstname} ${lastname}` : undefined],
    ['first name', firstname],
    ['last name', lastname],
    ...Object.entries(data)
      .filter(([name]) => !impersonal.test(name))
      .map(([name, value]): [string, string | undefined] => [name, typeof value === 'string' ? value : undefined]),
  ]
  return words.flatMap(([field, value]) => (value === undefined || value.length < 3 ? [] : [[field, value]]))
}

const isWordCharacter = /[\p{L}\p{N}]/u

/** Whether a text holds these words, as words: "Ann" is not in "Annual". */
function holds(text: string, words: string): boolean {
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
    const before = text[at - 1] ?? ' '
    const after = text[at + words.length] ?? ' '
    if (!isWordCharacter.test(before) && !isWordCharacter.test(after)) return true
  }
  return false
}

const unescaped = (html: string) =>
  html
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#0?39;|&#x27;|&apos;/gi, "'")
    .replace(/&amp;/g, '&')

/** The one recipient whose own data a body holds; undefined where it is nobody's, or the data of several (a list). */
export function personalHtml(
  html: string,
  { job, recipients }: Pick<Observations, 'job' | 'recipients'>,
  readers: ReadonlySet<string>,
): { readonly key: string; readonly field: string } | undefined {
  const text = unescaped(html)
  const asked = [...recipients].filter(([, { email }]) => readers.has(addressOf(email))).slice(0, lookedAt)
  const holders = new Map<string, Set<string>>()
  for (const [key, recipient] of asked) {
    for (const [, word] of ownWords(recipient)) holders.set(word, (holders.get(word) ?? new Set()).add(key))
  }
  let found: { key: string; field: string } | undefined
  for (const [key, recipient] of asked) {
    const own = ownWords(recipient).find(
      ([, word]) => holders.get(word)?.size === 1 && !holds(job.common, word) && holds(text, word),
    )
    if (own === undefined) continue
    if (found !== undefined) return undefined
    found = { key, field: own[0] }
  }
  return found
}
