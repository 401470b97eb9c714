import { createHash } from 'node:crypto'
import type { JobFields, Recipient } from '../../../contracts/job.ts'
import { createFormats } from './formats.ts'
import type { Template } from './template/template.ts'
import { createFiller, localeOf } from './values.ts'

/** A certificate of ours, as whoever holds its code may see it. */
export interface VerifiedCertificate {
  readonly code: string
  readonly name: string
  readonly course: string
  /** As the certificate writes it. */
  readonly date: string
  readonly issuer: string
  /** Of the PDF as it is stored, in hex; undefined where it is stored no longer. */
  readonly sha256?: string
}

export interface VerificationDeps {
  /** The certificate with this code, and the job that it was made for. */
  readonly find: (code: string) => IssuedCertificate | undefined
  readonly read: (key: string) => Promise<Uint8Array | undefined>
  readonly settingsOf: (tenant: number) => { readonly locale: string; readonly issuer: string }
}

export interface IssuedCertificate {
  readonly tenant: number
  readonly certificate_key: string
  /** The recipient and the job's fields, as JSON. */
  readonly content: string
  readonly fields: string
  readonly created_at: number
}

/** What is said of a certificate, whatever its template shows. */
const said: Template = {
  name: 'verification',
  layout: { name: 'verification', page: { width: 1, height: 1 }, items: [] },
  layoutId: 'verification',
  placeholders: ['fullname', 'course', 'date', 'issuer'].map((name) => ({ name, optional: true })),
  title: '',
}

/** A code as a person types it: `e668-ce24 …` → `E668CE24…`. */
export const normalCode = (text: string): string => text.replace(/[\s-]/g, '').toUpperCase()

/** Tells of one certificate, to whoever has its code. */
export function createVerification({ find, read, settingsOf }: VerificationDeps) {
  const formatsOf = createFormats()
  return async function verify(code: string): Promise<VerifiedCertificate | undefined> {
    const issued = find(code)
    if (issued === undefined) return undefined
    const recipient = JSON.parse(issued.content) as Recipient
    const job = JSON.parse(issued.fields) as JobFields
    const settings = settingsOf(issued.tenant)
    const locale = localeOf(recipient, job, settings.locale)
    const fill = createFiller({
      template: said,
      job,
      acceptedAt: issued.created_at,
      issuer: settings.issuer,
      locale,
      formats: formatsOf(locale),
    })
    const { fullname = '', course = '', date = '', issuer = '' } = fill(recipient, code, '').values
    const pdf = await read(issued.certificate_key)
    return {
      code,
      name: fullname,
      course,
      date,
      issuer,
      ...(pdf === undefined ? {} : { sha256: createHash('sha256').update(pdf).digest('hex') }),
    }
  }
}

export type Verify = ReturnType<typeof createVerification>
