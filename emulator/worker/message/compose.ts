import type { Job, Recipient } from '../../../contracts/job.ts'
import { htmlToText } from './html-to-text.ts'
import { renderHtml, renderText } from './layout.ts'
import { writeLetter } from './templates.ts'
import { type CertificateLink, variablesOf } from './variables.ts'

export interface ComposeInput extends CertificateLink {
  readonly job: Pick<Job, 'type' | 'templateData' | 'subject' | 'html'>
  readonly recipient: Recipient
}

export interface ComposedMail {
  /** One line, as a person reads it. */
  readonly subject: string
  readonly text: string
  readonly html: string
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()

/** A text that says something: the plugin leaves custom fields empty where it has nothing to say. */
const given = (value: unknown) => (typeof value === 'string' && value.trim() !== '' ? value : undefined)

/**
 * The mail for one recipient: the job type's template over the recipient's data and the job's template data. A
 * `custom_subject` or `custom_html`, the recipient's before the job's, replaces the template's; such html has been
 * rendered by whoever sent it, so it stays as it is.
 */
export function composeMail({ job, recipient, ...certificate }: ComposeInput): ComposedMail {
  const letter = writeLetter(job.type, variablesOf(job, recipient, certificate))
  const subject = oneLine(given(recipient.data['custom_subject']) ?? given(job.subject) ?? letter.subject)
  const html = given(recipient.data['custom_html']) ?? given(job.html)
  if (html !== undefined) return { subject, text: htmlToText(html), html }
  return { subject, text: renderText(letter), html: renderHtml({ ...letter, subject }) }
}
