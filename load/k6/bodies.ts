import { addressOf, jobIdOf, useridOf, type Run } from './people.ts'

/** One message as it goes in: its body, and SQS message attributes by name. */
export interface Message {
  readonly body: string
  readonly attributes: Readonly<Record<string, { readonly type: string; readonly value: string }>>
}

export interface JobSettings extends Run {
  readonly tenant: number
  readonly recipients: number
  readonly batch: number
  readonly certificates: boolean
  readonly callbackUrl: string
}

/** How many messages all recipients make. */
export const messageCount = ({ recipients, batch }: Pick<JobSettings, 'recipients' | 'batch'>): number =>
  Math.ceil(recipients / batch)

/** The recipients of a message: from the first, up to but without the second. */
export function rangeOf(
  { recipients, batch }: Pick<JobSettings, 'recipients' | 'batch'>,
  index: number,
): [number, number] {
  return [index * batch, Math.min(recipients, (index + 1) * batch)]
}

const firstNames = ['Anna', 'Björn', 'Chloé', 'Dmitar', 'Élodie', 'Gábor', 'Hanna', 'Iñigo', 'Łucja', 'Müge', 'Nguyễn']
const lastNames = ['Andersson', 'Brown', 'Çelik', 'Díaz', 'Ferreira', 'Groß', 'Horváth', 'Ivanović', 'Kowalski', 'Öz']
const course = 'Introduction to PHP'

interface Person {
  readonly ordinal: number
  readonly email: string
  readonly firstname: string
  readonly lastname: string
}

/** A message as the plugin writes it in the run's dialect; the same index always says the same, but for its time. */
export function messageOf(settings: JobSettings, index: number, time: string): Message {
  const [from, to] = rangeOf(settings, index)
  const people = Array.from({ length: to - from }, (_, at): Person => {
    const ordinal = from + at
    return {
      ordinal,
      email: addressOf(settings, ordinal),
      firstname: firstNames[ordinal % firstNames.length] ?? '',
      lastname: lastNames[ordinal % lastNames.length] ?? '',
    }
  })
  const id = jobIdOf(settings, from)
  return { body: JSON.stringify(bodyOf(settings, id, people, time)), attributes: attributesOf(settings) }
}

function attributesOf({ dialect, tenant }: JobSettings): Message['attributes'] {
  if (dialect !== 'plugin') return {}
  return { CompanyId: { type: 'Number', value: String(tenant) }, JobType: { type: 'String', value: 'user_created' } }
}

function bodyOf(settings: JobSettings, id: string | number, people: readonly Person[], timestamp: string): object {
  const shared = {
    generate_certificate: settings.certificates,
    ...(settings.callbackUrl === '' ? {} : { callback_url: settings.callbackUrl }),
  }
  const { tenant } = settings
  const data = { course_name: course, completion_percentage: 45 }
  switch (settings.dialect) {
    case 'spec':
      return {
        job_id: id,
        tenant_id: tenant,
        type: 'send_reminder',
        recipients: people.map(row),
        template_id: 'course_completion_reminder',
        template_data: data,
        ...shared,
        timestamp,
      }
    case 'detailed':
      return {
        job_uuid: id,
        companyid: tenant,
        type: 'EMAIL_REENGAGEMENT',
        recipients: people.map(row),
        template_data: data,
        ...shared,
        timestamp,
      }
    case 'flow':
      return {
        job_id: id,
        type: 'reengagement',
        status: 'pending',
        email_count: people.length,
        company_id: tenant,
        created_at: timestamp,
        recipients: people.map(({ email, firstname, lastname }) => ({ email, firstname, lastname, course })),
        ...shared,
      }
    case 'plugin':
      return {
        job_id: id,
        type: 'user_created',
        recipients: people.map(({ ordinal, email, firstname, lastname }) => ({
          id: String(useridOf(ordinal)),
          job_id: String(id),
          email,
          recipient_data: JSON.stringify({ firstname, lastname, username: `load.${ordinal}` }),
          status: 'pending',
          sent_at: null,
          error_message: null,
        })),
        ...shared,
        timestamp,
      }
  }
}

const row = ({ ordinal, ...rest }: Person) => ({ userid: useridOf(ordinal), ...rest })
