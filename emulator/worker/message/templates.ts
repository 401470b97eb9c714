import type { JobType } from '../../../contracts/job.ts'
import type { Block, Letter } from './layout.ts'
import type { Variables } from './variables.ts'

/** Writes a mail from what is known. Every variable may be missing, and the sentence must still be one. */
export type Template = (variables: Variables) => Letter

const paragraph = (text: string): Block => ({ kind: 'paragraph', text })
const button = (label: string, url: string | undefined): Block[] =>
  url === undefined ? [] : [{ kind: 'button', label, url }]

function facts(rows: readonly (readonly [string, string | undefined])[]): Block[] {
  const known = rows.flatMap(([label, value]) => (value === undefined ? [] : [[label, value] as const]))
  return known.length === 0 ? [] : [{ kind: 'facts', rows: known }]
}

const reminder: Template = ({ course, courseUrl, dueDate, progress }) => {
  const what = course ?? 'your course'
  const sofar =
    progress === undefined ? `You have not completed ${what} yet.` : `You have completed ${progress} of ${what}.`
  return {
    subject: course === undefined ? 'Reminder: your course is waiting for you' : `Reminder: ${course}`,
    blocks: [
      paragraph(`${sofar} ${dueDate === undefined ? 'Please complete it soon.' : `Please complete it by ${dueDate}.`}`),
      ...button('Continue the course', courseUrl),
    ],
  }
}

const reengagement: Template = ({ course, courseUrl, loginUrl, progress }) => ({
  subject: course === undefined ? 'We miss you: your course is waiting' : `We miss you in ${course}`,
  blocks: [
    paragraph(`It has been a while since your last visit to ${course ?? 'your course'}.`),
    paragraph(
      progress === undefined
        ? 'Everything is as you left it, so you can go on at any time.'
        : `You have completed ${progress} of it, and everything is as you left it, so you can go on at any time.`,
    ),
    ...button('Go on learning', courseUrl ?? loginUrl),
  ],
})

const welcome: Template = ({ username, password, email, loginUrl, course }) => {
  const login = username ?? (password === undefined ? undefined : email)
  return {
    subject: 'Welcome: your account is ready',
    blocks: [
      paragraph(
        course === undefined
          ? 'An account has been created for you on your learning site.'
          : `An account has been created for you on your learning site, for ${course}.`,
      ),
      ...facts([
        ['Username', login],
        ['Password', password],
      ]),
      ...(password === undefined ? [] : [paragraph('Please change this password when you log in for the first time.')]),
      ...button('Log in', loginUrl),
    ],
  }
}

const licence: Template = ({ licenceCode, course, courseUrl, loginUrl }) => ({
  subject: course === undefined ? 'Your licence' : `Your licence for ${course}`,
  blocks: [
    paragraph(`A licence${course === undefined ? '' : ` for ${course}`} has been allocated to you.`),
    ...facts([['Licence code', licenceCode]]),
    ...button(courseUrl === undefined ? 'Log in' : 'Open the course', courseUrl ?? loginUrl),
  ],
})

const certificate: Template = ({ course }) => ({
  subject: course === undefined ? 'Your certificate' : `Your certificate: ${course}`,
  blocks: [paragraph(`Congratulations! You have completed ${course ?? 'your course'}.`)],
})

const notification: Template = ({ course, courseUrl, loginUrl }) => ({
  subject: course === undefined ? 'News from your learning site' : `News about ${course}`,
  blocks: [
    paragraph(`There is news for you ${course === undefined ? 'on your learning site' : `about ${course}`}.`),
    ...button('Have a look', courseUrl ?? loginUrl),
  ],
})

const templates: Readonly<Record<JobType, Template>> = {
  reminder,
  reengagement,
  welcome,
  csv_import: welcome,
  licence,
  certificate,
  custom: notification,
}

/** Any mail may come with a certificate; where it is, stands below the rest. */
function certificateBlocks({ certificateUrl, certificateAttached }: Variables): Block[] {
  if (certificateAttached) return [paragraph('Your certificate is attached to this message.')]
  if (certificateUrl === undefined) return []
  return [paragraph('Your certificate is ready.'), ...button('Download the certificate', certificateUrl)]
}

export function writeLetter(type: JobType, variables: Variables): Letter {
  const { subject, blocks } = templates[type](variables)
  const greeting = paragraph(variables.name === undefined ? 'Hello,' : `Dear ${variables.name},`)
  return { subject, blocks: [greeting, ...blocks, ...certificateBlocks(variables)] }
}
