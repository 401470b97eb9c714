import type { Job, Json, Recipient } from '../../../contracts/job.ts'

/** What a template may say about one recipient; what nobody gave is undefined, never an empty text. */
export interface Variables {
  readonly name: string | undefined
  readonly email: string
  readonly username: string | undefined
  readonly password: string | undefined
  readonly loginUrl: string | undefined
  readonly course: string | undefined
  readonly courseUrl: string | undefined
  readonly dueDate: string | undefined
  /** `45%` */
  readonly progress: string | undefined
  readonly licenceCode: string | undefined
  readonly certificateUrl: string | undefined
  readonly certificateAttached: boolean
}

function textOf(value: Json | undefined): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const text = String(value).trim()
  return text === '' ? undefined : text
}

/** Only what a browser opens as a page: the value comes from a message, and ends in a link. */
function linkOf(value: string | undefined): string | undefined {
  return value !== undefined && /^https?:\/\/[^\s<>"]+$/i.test(value) ? value : undefined
}

export interface CertificateLink {
  readonly certificateUrl?: string | undefined
  readonly certificateAttached?: boolean | undefined
}

/** The first of these names that the recipient's data has, then the job's template data. */
export function variablesOf(
  { templateData }: Pick<Job, 'templateData'>,
  { data, email, firstname, lastname }: Recipient,
  { certificateUrl, certificateAttached }: CertificateLink = {},
): Variables {
  const find = (...names: string[]) => {
    for (const source of [data, templateData]) {
      for (const name of names) {
        const text = textOf(source[name])
        if (text !== undefined) return text
      }
    }
    return undefined
  }
  const first = textOf(firstname) ?? find('firstname')
  const last = textOf(lastname) ?? find('lastname')
  const progress = find('completion_percentage')
  return {
    name:
      first === undefined && last === undefined ? find('fullname', 'name') : [first, last].filter(Boolean).join(' '),
    email,
    username: find('username'),
    password: find('password'),
    loginUrl: linkOf(find('loginurl', 'login_url')),
    course: find('course_name', 'course', 'coursename'),
    courseUrl: linkOf(find('course_url', 'courseurl')),
    dueDate: find('due_date', 'duedate'),
    progress: progress === undefined || progress.endsWith('%') ? progress : `${progress}%`,
    licenceCode: find('license_code', 'licence_code', 'licensecode'),
    certificateUrl: linkOf(certificateUrl ?? find('certificate_url')),
    certificateAttached: certificateAttached === true,
  }
}
