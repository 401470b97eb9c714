import type { Json, JobFields, JsonObject, Recipient } from '../../../contracts/job.ts'
import { nearest } from '../../../contracts/nearest.ts'
import { canonicalLocale, type Formats } from './formats.ts'
import { fillText } from './placeholders.ts'
import type { Template } from './template/template.ts'
import { languageOf, wordsOf } from './template/words.ts'

/** What one certificate says. */
export interface Filled {
  /** By placeholder: those that the template has, and no others. */
  readonly values: Readonly<Record<string, string>>
  readonly title: string
  /** Epoch milliseconds. */
  readonly date: number
  /** Placeholders that stayed empty and should not have. */
  readonly empty: readonly string[]
}

export interface Filling {
  readonly template: Template
  readonly job: JobFields
  /** Epoch milliseconds: the date where the job gives none. */
  readonly acceptedAt: number
  readonly issuer: string
  /** In whose language words, dates and numbers are written: one that `Intl` knows. */
  readonly locale: string
  readonly formats: Formats
}

/** The names under which the dialects send a value, beside the placeholder's own. */
const aliases: ReadonlyMap<string, readonly string[]> = new Map([
  ['fullname', ['fullname', 'name', 'username']],
  ['course', ['course_name', 'coursename', 'course', 'course_fullname']],
  ['date', ['completion_date', 'completiondate', 'date', 'timecompleted', 'completed_at']],
  ['grade', ['grade', 'final_grade', 'finalgrade']],
])
const namesFor = (placeholder: string) => aliases.get(placeholder) ?? [placeholder]

const known = [
  ...['username', 'fullname', 'firstname', 'lastname', 'email', 'userid'],
  ...['course', 'date', 'grade', 'issuer', 'verification_code', 'verification_url'],
]

/**
 * How a template is filled for the recipients of one job: from the recipient first, then from the job's
 * `template_data`. Any key of either is a placeholder (`{licence.key}` is one inside another), beside `{fullname}`,
 * `{course}`, `{date}`, `{grade}`, `{issuer}`, `{verification_code}`, `{verification_url}`.
 */
export function createFiller(filling: Filling) {
  const { template, job, acceptedAt, locale, formats } = filling
  const { templateData } = job
  const { language } = new Intl.Locale(locale)
  const jobDate = timeOf(job.timestamp) ?? acceptedAt
  const courseById =
    job.courseId === undefined ? '' : wordsOf(languageOf(locale)).course.replace('{id}', String(job.courseId))

  const find = (names: readonly string[], data: JsonObject): string | number | undefined => {
    for (const source of [data, templateData]) {
      for (const name of names) {
        const value = valueAt(source, name)
        if (typeof value === 'number' || (typeof value === 'string' && value.trim() !== '')) return value
      }
    }
    return undefined
  }
  const dateNames = namesFor('date')
  const timeFor = (data: JsonObject) => timeOf(find(dateNames, data)) ?? jobDate

  const fullNameOf = (recipient: Recipient) =>
    nameOf(recipient, language) || String(find(namesFor('fullname'), recipient.data) ?? recipient.email)

  type Get = (recipient: Recipient, code: string, url: string) => string
  const getter = (name: string): Get => {
    const names = namesFor(name)
    switch (name) {
      case 'fullname':
      case 'name':
        return fullNameOf
      case 'username':
        return (recipient) => String(find(names, recipient.data) ?? fullNameOf(recipient))
      case 'firstname':
        return (recipient) => recipient.firstname ?? ''
      case 'lastname':
        return (recipient) => recipient.lastname ?? ''
      case 'email':
        return (recipient) => recipient.email
      case 'userid':
        return (recipient) => String(recipient.userid ?? '')
      case 'date':
        return (recipient) => {
          const given = find(names, recipient.data)
          const time = given === undefined ? jobDate : timeOf(given)
          return time === undefined ? String(given) : formats.date(time)
        }
      case 'grade':
        return (recipient) => written(name, gradeOf(find(names, recipient.data)), formats)
      case 'issuer':
        return (recipient) => String(find(names, recipient.data) ?? filling.issuer)
      case 'verification_code':
        return (_, code) => code
      case 'verification_url':
        return (_, __, url) => url
      default:
        return (recipient) => written(name, find(names, recipient.data), formats)
    }
  }
  const getters = template.placeholders.map(({ name, optional }) => ({ name, optional, get: getter(name) }))

  return (recipient: Recipient, code: string, url: string): Filled => {
    const values: Record<string, string> = {}
    let empty: string[] | undefined
    for (const { name, optional, get } of getters) {
      let value = get(recipient, code, url)
      if (value.trim() === '') {
        if (!optional) (empty ??= []).push(name)
        if (name === 'course') value = courseById
      }
      values[name] = value
    }
    return { values, title: fillText(template.title, values), date: timeFor(recipient.data), empty: empty ?? [] }
  }
}

/** The recipient's language as the message says it, else the job's, else the tenant's. */
export function localeOf(
  recipient: Recipient,
  job: Pick<JobFields, 'templateData'>,
  tenant: string,
  canonical: (tag: string) => string | undefined = canonicalLocale,
): string {
  for (const source of [recipient.data, job.templateData]) {
    const tag = source['lang'] ?? source['locale'] ?? source['language']
    const locale = typeof tag === 'string' ? canonical(tag) : undefined
    if (locale !== undefined) return locale
  }
  return canonical(tenant) ?? 'en'
}

/** What to tell about a placeholder that stayed empty. */
export function emptyFinding(template: string, placeholder: string): string {
  if (placeholder === 'course') return 'The certificate has no course title: send `template_data.course_name`.'
  const meant = known.includes(placeholder) ? undefined : nearest(placeholder, known)
  const hint = meant === undefined ? '' : ` Was {${meant}} meant?`
  return `{${placeholder}} of the certificate template "${template}" is empty: send \`${placeholder}\` with the recipient or in \`template_data\`.${hint}`
}

// Written so, a name has its family name first, and no space but in Japan.
const familyFirst = /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}ー・\s]+$/u

function nameOf({ firstname = '', lastname = '' }: Recipient, language: string): string {
  if (language === 'hu') return `${lastname} ${firstname}`.trim()
  if (firstname.trim() === '' || lastname.trim() === '' || !familyFirst.test(firstname + lastname)) {
    return `${firstname} ${lastname}`.trim()
  }
  return `${lastname}${language === 'ja' ? ' ' : ''}${firstname}`
}

function valueAt(source: JsonObject, name: string): Json | undefined {
  if (!name.includes('.') || Object.hasOwn(source, name)) return Object.hasOwn(source, name) ? source[name] : undefined
  let value: Json | undefined = source
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    value = Object.hasOwn(value, part) ? value[part] : undefined
  }
  return value
}

/** Moodle sends grades as its database has them: `85.00000`. */
function gradeOf(value: string | number | undefined): string | number | undefined {
  return typeof value === 'string' && /^\s*\d+\.\d+\s*$/.test(value) ? Number(value) : value
}

const isoDate = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/
/** Names of values that are times even as numbers. */
const timeName = /date|(^|_)time|_at$|timecompleted/i

function written(name: string, value: string | number | undefined, formats: Formats): string {
  if (value === undefined) return ''
  const dated = timeName.test(name) || (typeof value === 'string' && isoDate.test(value))
  const time = dated ? timeOf(value) : undefined
  if (time !== undefined) return formats.date(time)
  return typeof value === 'number' ? formats.number(value) : value
}

/** Epoch seconds, epoch milliseconds or ISO 8601 (UTC where it names no zone) → epoch milliseconds. */
function timeOf(value: string | number | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = typeof value === 'number' ? value : /^\d{9,13}$/.test(value) ? Number(value) : undefined
  if (number !== undefined) {
    if (!(number > 0 && number < 1e14)) return undefined
    return number < 1e11 ? number * 1000 : number
  }
  const text = String(value).trim()
  if (!isoDate.test(text)) return undefined
  const zoned = text.length > 10 && !/(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10)) ? `${text}Z` : text
  const parsed = Date.parse(zoned.replace(' ', 'T'))
  return Number.isNaN(parsed) ? undefined : parsed
}
