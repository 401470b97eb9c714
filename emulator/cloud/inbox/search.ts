import { searchable } from './content.ts'

/** A part of a WHERE over `inbox_messages m` and, with `digest`, `inbox_digests d`. */
export interface Condition {
  readonly sql: string
  readonly values: readonly (string | number)[]
  /** Needs what is only known once the message has been parsed. */
  readonly digest: boolean
}

/** The words of a query; quotes keep several together and vanish (`subject:"your licence"`). */
function words(query: string): string[] {
  const found: string[] = []
  let word = ''
  let quoted = false
  for (const character of `${query} `) {
    if (character === '"') quoted = !quoted
    else if (character === ' ' && !quoted) {
      if (word.trim() !== '') found.push(word.trim())
      word = ''
    } else word += character
  }
  if (word.trim() !== '') found.push(word.trim())
  return found
}

const like = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

/** `2kb`, `4MB`, `1.5m` or a number of bytes. */
function byteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?(k|kb|m|mb)?$/i.exec(text)
  if (match === null) return undefined
  const unit = match[2]?.[0]?.toLowerCase()
  return Math.floor(Number(match[1]) * (unit === 'k' ? 1024 : unit === 'm' ? 1024 * 1024 : 1))
}

/** How far `zone` was from UTC at `at`, in milliseconds. */
function offsetOf(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(new Date(at))
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value)
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - at
}

/** A date, or a date with a time, in its own zone, else in `zone` (IANA name), else where this machine is. */
export function searchedDate(text: string, zone?: string): number | undefined {
  const match =
    /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i.exec(
      text,
    )
  if (match === null) return undefined
  const field = (index: number) => Number(match[index] ?? 0)
  const [year, month, day, hour, minute, second] = [field(1), field(2) - 1, field(3), field(4), field(5), field(6)]
  if (month > 11 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return undefined
  const asUtc = Date.UTC(year, month, day, hour, minute, second)
  const own = match[7]
  if (own !== undefined && own.toUpperCase() === 'Z') return asUtc
  if (own !== undefined) {
    const [hours, minutes] = [Number(own.slice(1, 3)), Number(own.slice(-2))]
    return asUtc - (own.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
  }
  try {
    if (zone !== undefined && zone !== '') return asUtc - offsetOf(zone, asUtc - offsetOf(zone, asUtc))
  } catch {
    // An unknown zone is ignored, as Mailpit does.
  }
  return new Date(year, month, day, hour, minute, second).getTime()
}

const addressColumns: Readonly<Record<string, readonly string[]>> = {
  to: ['sent_to'],
  from: ['sent_from'],
  cc: ['cc'],
  bcc: ['bcc'],
  'reply-to': ['reply_to'],
  addressed: ['sent_to', 'sent_from', 'cc', 'bcc', 'reply_to'],
}

const flags: Readonly<Record<string, { sql: string; digest: boolean }>> = {
  'is:read': { sql: 'm.read = 1', digest: false },
  'is:unread': { sql: 'm.read = 0', digest: false },
  'is:tagged': { sql: 'm.seq IN (SELECT seq FROM inbox_tags)', digest: false },
  'has:attachment': { sql: 'd.attachments > 0', digest: true },
  'has:attachments': { sql: 'd.attachments > 0', digest: true },
  'has:inline': { sql: 'd.inline > 0', digest: true },
  'has:inlines': { sql: 'd.inline > 0', digest: true },
}

function conditionOf(word: string, zone?: string): Condition | undefined {
  const flag = flags[word.toLowerCase()]
  if (flag !== undefined) return { ...flag, values: [] }

  const [, operator, rest] = /^([a-z-]+):(.*)$/is.exec(word) ?? []
  const name = operator?.toLowerCase() ?? ''
  const value = (rest ?? '').trim()
  const columns = addressColumns[name]
  if (columns !== undefined) {
    if (value === '') return undefined
    const sql = columns.map((column) => `m.${column} LIKE ? ESCAPE '\\'`).join(' OR ')
    return { sql: `(${sql})`, values: columns.map(() => like(value)), digest: false }
  }
  switch (name) {
    case 'subject':
    case 'message-id': {
      if (value === '') return undefined
      const column = name === 'subject' ? 'subject' : 'message_id'
      const text = name === 'subject' ? value : value.replace(/[<>]/g, '')
      return { sql: `m.${column} LIKE ? ESCAPE '\\'`, values: [like(text)], digest: false }
    }
    case 'tag':
      if (value === '') return undefined
      return { sql: 'm.seq IN (SELECT seq FROM inbox_tags WHERE tag = ?)', values: [value], digest: false }
    case 'after':
    case 'before': {
      const at = searchedDate(value, zone)
      if (at === undefined) return undefined
      return { sql: `m.created ${name === 'after' ? '>=' : '<='} ?`, values: [at], digest: false }
    }
    case 'larger':
    case 'smaller': {
      const size = byteSize(value)
      if (size !== undefined) return { sql: `m.size ${name === 'larger' ? '>' : '<'} ?`, values: [size], digest: false }
    }
  }
  const text = searchable(word)
  return text === '' ? undefined : { sql: "d.text LIKE ? ESCAPE '\\'", values: [like(text)], digest: true }
}

/**
 * Mailpit's search language: `to: from: cc: bcc: reply-to: addressed: subject: message-id: tag: after: before: larger:
 * smaller: is:read is:unread is:tagged has:attachment has:inline` and free words, all of which must hold; a leading
 * `-` or `!` negates. Dates that cannot be read are ignored.
 * Source: https://mailpit.axllent.org/docs/usage/search-filters/
 */
export function parseSearch(query: string, zone?: string): Condition[] {
  return words(query).flatMap((word) => {
    const negated = word.length > 1 && /^[-!]/.test(word)
    const condition = conditionOf(negated ? word.slice(1) : word, zone)
    if (condition === undefined) return []
    return [negated ? { ...condition, sql: `NOT (${condition.sql})` } : condition]
  })
}
