import type { ActionType, Dialect, JobType } from '../job.ts'

/** Every name that any dialect has for a job type, with what it means. The one list for all dialects. */
export const typeNames: Readonly<Record<string, JobType>> = {
  // spec
  send_reminder: 'reminder',
  reminder: 'reminder',
  course_completion_reminder: 'reminder',
  custom_reminder: 'reminder',
  send_reengagement: 'reengagement',
  engagement_reminder: 'reengagement',
  send_welcome: 'welcome',
  welcome: 'welcome',
  certificate: 'certificate',
  send_certificate: 'certificate',
  generate_certificate: 'certificate',
  // detailed
  EMAIL_REENGAGEMENT: 'reengagement',
  EMAIL_WELCOME_STD: 'welcome',
  EMAIL_WELCOME_LIC: 'licence',
  CERTIFICATE: 'certificate',
  CERTIFICATE_GEN: 'certificate',
  // flow
  csv_import: 'csv_import',
  csv: 'csv_import',
  license_allocation: 'licence',
  reengagement: 'reengagement',
  // plugin
  user_created: 'welcome',
  license_allocated: 'licence',
}

/** The name each dialect has for a type, where a document gives one. */
const names: Readonly<Record<Dialect, Partial<Record<JobType, string>>>> = {
  spec: { reminder: 'send_reminder', reengagement: 'send_reengagement', welcome: 'send_welcome' },
  detailed: {
    reengagement: 'EMAIL_REENGAGEMENT',
    welcome: 'EMAIL_WELCOME_STD',
    licence: 'EMAIL_WELCOME_LIC',
    certificate: 'CERTIFICATE_GEN',
  },
  flow: { reengagement: 'reengagement' },
  plugin: { welcome: 'user_created', licence: 'license_allocated' },
}

const anywhere: Readonly<Record<JobType, string>> = {
  reminder: 'send_reminder',
  reengagement: 'reengagement',
  welcome: 'send_welcome',
  csv_import: 'csv_import',
  licence: 'license_allocation',
  certificate: 'certificate',
  custom: 'custom',
}

/** What a dialect calls a type; a type that it has no name for gets the name that another dialect has. */
export function typeNameOf(type: JobType, dialect: Dialect): string {
  return names[dialect][type] ?? anywhere[type]
}

export function typeOf(name: string): JobType | undefined {
  return Object.hasOwn(typeNames, name) ? typeNames[name] : undefined
}

/** A known name that was probably meant, such as `send_reminder` for `SendReminder`. */
export function nearestType(name: string): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '')
  return Object.keys(typeNames).find((known) => plain(known) === plain(name))
}

/** A job of certificates makes certificates whatever `action_type` says; that only decides whether it mails them too. */
export function actionOf(type: JobType, named: ActionType | undefined, generateCertificate: boolean): ActionType {
  if (type === 'certificate') return named === 'both' || named === 'email' ? 'both' : 'certificate'
  if (named === 'email' || named === undefined) return generateCertificate ? 'both' : 'email'
  return named
}
