import { afterEach, describe, expect, it, vi } from 'vitest'
import type { JobFields, JsonObject, Recipient } from '../../contracts/job.ts'
import { canonicalLocale, createFormats } from '../../emulator/worker/certificate/formats.ts'
import { defaultTemplate } from '../../emulator/worker/certificate/template/default-layout.ts'
import type { Template } from '../../emulator/worker/certificate/template/template.ts'
import { createFiller, emptyFinding, localeOf } from '../../emulator/worker/certificate/values.ts'

const formatsOf = createFormats()
afterEach(() => void vi.unstubAllEnvs())

const job = (changes: Partial<JobFields> = {}): JobFields => ({
  dialect: 'spec',
  jobId: 'J',
  tenant: 1,
  type: 'certificate',
  typeName: 'certificate',
  action: 'both',
  templateData: {},
  ...changes,
})

const recipient = (data: JsonObject = {}, changes: Partial<Recipient> = {}): Recipient => ({
  key: '1',
  email: 'ada@example.com',
  firstname: 'Ada',
  lastname: 'Lovelace',
  data,
  contentHash: '',
  ...changes,
})

const template = (...names: string[]): Template => ({
  name: 'gold',
  layout: { name: 'gold', page: { width: 1, height: 1 }, items: [] },
  layoutId: 'gold:1',
  placeholders: names.map((name) => ({ name: name.replace('?', ''), optional: name.endsWith('?') })),
  title: 'Diploma {fullname}',
})

const accepted = Date.UTC(2026, 2, 14, 23, 59)

function fill(name: string, person: Recipient, of: JobFields = job(), locale = 'en') {
  const filler = createFiller({
    template: template(name),
    job: of,
    acceptedAt: accepted,
    issuer: 'Academy',
    locale,
    formats: formatsOf(locale),
  })
  return filler(person, 'CODE', 'http://x/verify/CODE')
}
const value = (...parameters: Parameters<typeof fill>) => fill(...parameters).values[parameters[0]]

describe('a placeholder is filled', () => {
  it.each([
    ['fullname', {}, 'Ada Lovelace'],
    ['name', {}, 'Ada Lovelace'],
    ['username', {}, 'Ada Lovelace'],
    ['username', { username: 'ada' }, 'ada'],
    ['firstname', {}, 'Ada'],
    ['lastname', {}, 'Lovelace'],
    ['email', {}, 'ada@example.com'],
    ['course', { course_name: 'PHP' }, 'PHP'],
    ['course', { coursename: 'PHP' }, 'PHP'],
    ['grade', { finalgrade: '85.00000' }, '85'],
    ['grade', { grade: 92.5 }, '92.5'],
    ['grade', { grade: '92 %' }, '92 %'],
    ['grade', { grade: 0 }, '0'],
    ['issuer', {}, 'Academy'],
    ['issuer', { issuer: 'University' }, 'University'],
    ['verification_code', { verification_code: 'forged' }, 'CODE'],
    ['verification_url', {}, 'http://x/verify/CODE'],
    ['date', {}, 'March 14, 2026'],
    ['date', { timecompleted: 1763467200 }, 'November 18, 2025'],
    ['date', { timecompleted: '1763467200' }, 'November 18, 2025'],
    ['date', { completion_date: '2025-11-18' }, 'November 18, 2025'],
    ['date', { completion_date: '2025-11-18 23:30:00' }, 'November 18, 2025'],
    ['date', { completion_date: '2025-11-18T23:30:00-02:00' }, 'November 19, 2025'],
    ['date', { completion_date: 'in autumn' }, 'in autumn'],
    ['credits', { credits: 12345.5 }, '12345.5'],
    ['due_date', { due_date: '2025-12-31' }, 'December 31, 2025'],
    ['expires_at', { expires_at: 1763467200 }, 'November 18, 2025'],
    ['licence.key', { licence: { key: 'A-1' } }, 'A-1'],
    ['licence.key', { 'licence.key': 'B-2' }, 'B-2'],
    ['licence', { licence: { key: 'A-1' } }, ''],
    ['constructor', {}, ''],
    ['__proto__.constructor', {}, ''],
    ['passed', { passed: true }, ''],
  ])('{%s} from %j: %s', (name, data, expected) => {
    expect(value(name, recipient(data))).toBe(expected)
  })

  it('with a time that names no zone read as UTC, wherever this runs', () => {
    vi.stubEnv('TZ', 'America/New_York')
    expect(value('date', recipient({ completion_date: '2025-11-18 23:30:00' }))).toBe('November 18, 2025')
  })

  it('from the recipient before the job', () => {
    const fields = job({ templateData: { course_name: 'of the job', grade: 'A', city: 'Wien' } })
    const person = recipient({ course: 'of the recipient', grade: ' ' })
    expect([value('course', person, fields), value('grade', person, fields), value('city', person, fields)]).toEqual([
      'of the recipient',
      'A',
      'Wien',
    ])
  })

  it("with the job's own time, or that of its acceptance", () => {
    expect(value('date', recipient(), job({ timestamp: '2025-11-18T12:00:00Z' }))).toBe('November 18, 2025')
    expect(fill('date', recipient(), job({ timestamp: '2025-11-18T12:00:00Z' })).date).toBe(Date.UTC(2025, 10, 18, 12))
    expect(fill('date', recipient({ date: 'in autumn' })).date).toBe(accepted)
  })

  it('for a person without a name', () => {
    const nameless = { key: '1', email: 'ada@example.com', contentHash: '', data: {} }
    expect(value('fullname', nameless)).toBe('ada@example.com')
    expect(value('fullname', { ...nameless, data: { username: 'ada' } })).toBe('ada')
    expect(value('fullname', { ...nameless, lastname: 'Lovelace' })).toBe('Lovelace')
    expect(fill('firstname', nameless)).toMatchObject({ values: { firstname: '' }, empty: ['firstname'] })
  })

  it.each([
    ['zh', '小明', '王', '王小明'],
    ['en', '小明', '王', '王小明'],
    ['ja', '太郎', '山田', '山田 太郎'],
    ['ko', '민수', '김', '김민수'],
    ['hu', 'János', 'Kovács', 'Kovács János'],
    ['zh', 'Ada', 'Lovelace', 'Ada Lovelace'],
    ['zh', '小明', '', '小明'],
  ])('with the name in the order that its language has: %s, %s %s', (locale, firstname, lastname, expected) => {
    expect(value('fullname', recipient({}, { firstname, lastname }), job(), locale)).toBe(expected)
  })

  it('with the values that the template has, and no others; the title too', () => {
    const filler = createFiller({
      template: template('fullname', 'grade?', 'course'),
      job: job({ courseId: 7 }),
      acceptedAt: accepted,
      issuer: 'Academy',
      locale: 'de',
      formats: formatsOf('de'),
    })
    expect(filler(recipient({ more: 'than that' }), 'C', 'U')).toEqual({
      values: { fullname: 'Ada Lovelace', grade: '', course: 'Kurs 7' },
      title: 'Diploma Ada Lovelace',
      date: accepted,
      empty: ['course'],
    })
  })
})

describe('what stays empty', () => {
  it('is told with what to send', () => {
    expect(emptyFinding('gold', 'course')).toBe(
      'The certificate has no course title: send `template_data.course_name`.',
    )
    expect(emptyFinding('gold', 'grade')).toBe(
      '{grade} of the certificate template "gold" is empty: send `grade` with the recipient or in `template_data`.',
    )
    expect(emptyFinding('gold', 'fulname')).toMatch(/ Was \{fullname\} meant\?$/)
  })
})

describe('dates and numbers', () => {
  it.each([
    ['de', '14. März 2026', '92,5'],
    ['fr', '14 mars 2026', '92,5'],
    ['pt-BR', '14 de março de 2026', '92,5'],
    ['ja', '2026年3月14日', '92.5'],
    ['ar-EG', '١٤ مارس ٢٠٢٦', '٩٢٫٥'],
  ])('are in %s', (locale, date, grade) => {
    expect(value('date', recipient(), job(), locale)).toBe(date)
    expect(value('grade', recipient({ grade: 92.5 }), job(), locale)).toBe(grade)
  })

  it.each([
    ['de', 'de'],
    ['pt_br', 'pt-BR'],
    ['zh_tw', 'zh-TW'],
    ['en_us_k12', 'en-US'],
    ['de_kids', 'de-Kids'],
    ['sr-Latn-RS-x-private', 'sr-Latn-RS'],
    ['EN', 'en'],
    ['', undefined],
    ['not a locale!', undefined],
    ['x'.repeat(50), undefined],
  ])("a tag is read as Moodle's or as BCP 47: %j", (tag, expected) => {
    expect(canonicalLocale(tag)).toBe(expected)
  })

  it("are in the recipient's language, else the job's, else the tenant's", () => {
    const french = { templateData: { lang: 'fr' } }
    expect(localeOf(recipient({ lang: 'de' }), french, 'es')).toBe('de')
    expect(localeOf(recipient({ locale: 'pt_br' }), french, 'es')).toBe('pt-BR')
    expect(localeOf(recipient({ lang: '?' }), french, 'es')).toBe('fr')
    expect(localeOf(recipient(), { templateData: {} }, 'es')).toBe('es')
    expect(localeOf(recipient(), { templateData: {} }, '!')).toBe('en')
  })
})

it('filling costs little: less than 5 µs a recipient', () => {
  const filler = createFiller({
    template: defaultTemplate('de'),
    job: job({ templateData: { course_name: 'Datenschutz' } }),
    acceptedAt: accepted,
    issuer: 'Academy',
    locale: 'de',
    formats: formatsOf('de'),
  })
  const people = Array.from({ length: 20_000 }, (_, index) =>
    recipient({ grade: index / 7, completion_date: '2025-11-18' }, { key: `${index}` }),
  )
  for (const person of people.slice(0, 5000)) filler(person, 'CODE', 'URL')
  const began = process.cpuUsage()
  for (const person of people) filler(person, 'CODE', 'URL')
  const { user, system } = process.cpuUsage(began)
  expect((user + system) / people.length).toBeLessThan(20)
})
