/** Writes dates and numbers as a language does. */
export interface Formats {
  /** Epoch milliseconds, as a day in UTC. */
  date(at: number): string
  number(value: number): string
}

// A job's certificates are of few days; a language's formatter costs more to make than a thousand to use.
const mostDays = 1000
const mostLocales = 300

/** Formats by locale, made once each. */
export function createFormats(): (locale: string) => Formats {
  const made = new Map<string, Formats>()
  return (locale) => {
    let formats = made.get(locale)
    if (formats === undefined) {
      if (made.size >= mostLocales) made.clear()
      made.set(locale, (formats = formatsOf(locale)))
    }
    return formats
  }
}

function formatsOf(locale: string): Formats {
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' })
  // No thousands: a year or a number of a licence is a number too.
  const numbers = new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 2 })
  const days = new Map<number, string>()
  return {
    date(at) {
      const day = Math.floor(at / 86_400_000)
      let text = days.get(day)
      if (text === undefined) {
        if (days.size >= mostDays) days.clear()
        days.set(day, (text = dates.format(at)))
      }
      return text
    },
    number: (value) => numbers.format(value),
  }
}

/** `canonicalLocale`, remembering what it has seen. */
export function createLocales(): (tag: string) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (tag) => {
    if (known.has(tag)) return known.get(tag)
    if (known.size >= mostLocales) known.clear()
    const locale = canonicalLocale(tag)
    known.set(tag, locale)
    return locale
  }
}

/** A tag as it comes (`de`, `pt_br`, Moodle's `de_kids`) → language, script and region in BCP 47; undefined for none. */
export function canonicalLocale(tag: string): string | undefined {
  if (tag.length > 40) return undefined
  const parts = tag.trim().replaceAll('_', '-').split('-')
  // Moodle's language packs end in names of their own: en_us_k12, de_comm.
  for (let length = Math.min(3, parts.length); length > 0; length--) {
    try {
      const { language, script, region } = new Intl.Locale(parts.slice(0, length).join('-'))
      if (language === 'und') return undefined
      return [language, script, region].filter((part) => part !== undefined).join('-')
    } catch {
      // A shorter part of it may be a tag.
    }
  }
  return undefined
}
