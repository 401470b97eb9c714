import { createHash } from 'node:crypto'
import type { Faker } from '@faker-js/faker'
import { typeNames } from '../../contracts/dialects/index.ts'
import { jobTypes, type JobType, type JsonObject } from '../../contracts/job.ts'
import { EmulatorError } from '../kernel/errors.ts'

/** A person of a job, as Moodle knows them. */
export interface Person {
  readonly userid: number
  readonly email: string
  readonly firstname?: string
  readonly lastname?: string
  /** What the mail is about, by type: `username`, `password`, `loginurl`, `license_code`, `course`, … */
  readonly data?: JsonObject
}

export interface SampleOptions {
  readonly count: number
  /** A type of job, by any dialect's name for it. */
  readonly kind: string
  /** The same seed gives the same people. */
  readonly seed: string
  /** How many of them are addresses that the SES mailbox simulator bounces. */
  readonly bounces?: number
  /** The first userid; default 1001. */
  readonly firstUserid?: number
  /** Where accounts are used; default `https://moodle.test`. */
  readonly wwwroot?: string
}

/** A job to try things out with; what it says is invented. */
export interface SampleJob {
  readonly type: JobType
  readonly recipients: readonly Person[]
  /** What the job as a whole is about; the variables are those of the specification's example. */
  readonly templateData: JsonObject
  /** A job of one's own needs both. */
  readonly subject?: string
  readonly html?: string
}

const courses = [
  'Introduction to PHP',
  'Fire Safety at Work',
  'Data Protection in Practice',
  'First Aid, Refresher',
  'Introduction à la comptabilité',
  'Grundlagen der Arbeitssicherheit',
  'Matemáticas 101',
]

// Only the locales in use are loaded: the whole of faker is several megabytes.
async function loadFakers(): Promise<readonly Faker[]> {
  const locales = await Promise.all([
    import('@faker-js/faker/locale/en_GB'),
    import('@faker-js/faker/locale/de'),
    import('@faker-js/faker/locale/fr'),
    import('@faker-js/faker/locale/es'),
    import('@faker-js/faker/locale/pl'),
    import('@faker-js/faker/locale/cs_CZ'),
    import('@faker-js/faker/locale/tr'),
    import('@faker-js/faker/locale/vi'),
    import('@faker-js/faker/locale/yo_NG'),
    import('@faker-js/faker/locale/el'),
    import('@faker-js/faker/locale/uk'),
    import('@faker-js/faker/locale/ro'),
  ])
  return locales.map(({ faker }) => faker)
}

const numberOf = (seed: string) => createHash('sha256').update(seed).digest().readUInt32BE(0)

/** `José Núñez` → `jose.nunez`; a name without Latin letters gives nothing. */
function latin(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .replaceAll('ł', 'l')
    .replaceAll('Ł', 'L')
    .replaceAll('ı', 'i')
    .replaceAll('đ', 'd')
    .replaceAll('Đ', 'D')
    .toLowerCase()
    .replace(/[^a-z]+/g, '')
}

function dataOf(kind: JobType, { faker, username, wwwroot, ordinal }: Detail): JsonObject {
  const course = courses[ordinal % courses.length] as string
  switch (kind) {
    case 'csv_import':
    case 'welcome':
      return {
        username,
        password: `Temp-${faker.string.alphanumeric(10)}`,
        loginurl: `${wwwroot}/login/index.php`,
      }
    case 'licence':
      return { license_code: `LIC-${faker.string.alphanumeric({ length: 8, casing: 'upper' })}`, course }
    case 'reengagement':
      return { course, days_inactive: faker.number.int({ min: 30, max: 180 }) }
    case 'reminder':
      return { course, completion_percentage: faker.number.int({ min: 0, max: 95 }) }
    case 'certificate':
      return { course, grade: `${faker.number.int({ min: 60, max: 100 })} %` }
    case 'custom':
      return {}
  }
}

interface Detail {
  readonly faker: Faker
  readonly username: string
  readonly wwwroot: string
  readonly ordinal: number
}

function typeOf(kind: string): JobType {
  const type = jobTypes.find((name) => name === kind) ?? (Object.hasOwn(typeNames, kind) ? typeNames[kind] : undefined)
  if (type !== undefined) return type
  const known = [...new Set([...jobTypes, ...Object.keys(typeNames)])].join(', ')
  throw new EmulatorError('unknown-type', `there is no job type "${kind}": take one of ${known}`)
}

/**
 * People for a job: names from a dozen languages, addresses that no two share (all at example.com, so that nothing can
 * reach a person), and what the type of job says about each.
 */
export async function sampleRecipients(options: SampleOptions): Promise<SampleJob> {
  const { count, kind, seed, bounces = 0, firstUserid = 1001, wwwroot = 'https://moodle.test' } = options
  const type = typeOf(kind)
  const fakers = await loadFakers()
  for (const [index, faker] of fakers.entries()) faker.seed(numberOf(`${seed}/${type}/${index}`))

  // Spread over the job, so that every batch of a big one may hold some.
  const hard = Math.min(bounces, count)
  const bouncing = new Set(Array.from({ length: hard }, (_, n) => Math.floor(((n + 0.5) * count) / hard)))

  const recipients = Array.from({ length: count }, (_, ordinal) => {
    const faker = fakers[ordinal % fakers.length] as Faker
    const firstname = faker.person.firstName()
    const lastname = faker.person.lastName()
    const name = [latin(firstname), latin(lastname)].filter(Boolean).join('.') || 'user'
    const username = `${name}.${ordinal + 1}`
    return {
      userid: firstUserid + ordinal,
      email: bouncing.has(ordinal) ? `bounce+${ordinal + 1}@simulator.amazonses.com` : `${username}@example.com`,
      firstname,
      lastname,
      data: dataOf(type, { faker, username, wwwroot, ordinal }),
    }
  })
  const content = {
    subject: 'News from Example Academy',
    html: `<p>Hello,</p><p>there is news for you at <a href="${wwwroot}">Example Academy</a>.</p>`,
  }
  return { type, recipients, templateData: templateDataOf(type, wwwroot), ...(type === 'custom' && content) }
}

function templateDataOf(type: JobType, wwwroot: string): JsonObject {
  const site = { site_name: 'Example Academy' }
  const course = { course_name: 'Introduction to PHP', course_url: `${wwwroot}/course/view.php?id=101` }
  switch (type) {
    case 'csv_import':
    case 'welcome':
      return { ...site, login_url: `${wwwroot}/login/index.php` }
    case 'reminder':
      return { ...site, ...course, due_date: '2025-12-31', completion_percentage: 45 }
    case 'licence':
    case 'reengagement':
    case 'certificate':
      return { ...site, ...course }
    case 'custom':
      return site
  }
}
