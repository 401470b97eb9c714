import type { JobFields, Recipient } from '../../../contracts/job.ts'
import { createFormats, createLocales } from './formats.ts'
import type { CertificateBatch, CertificateInput } from './renderer.ts'
import type { Templates } from './template/templates.ts'
import { createFiller, emptyFinding, localeOf } from './values.ts'

/** A recipient who is to have a certificate. */
export interface Wanted {
  /** As the result names it. */
  readonly key: string
  readonly recipient: Recipient
  readonly code: string
  /** What the QR code says. */
  readonly url: string
}

export interface BatchSettings {
  /** Where neither recipient nor job names a language. */
  readonly locale: string
  readonly issuer: string
}

export interface PreparedBatches {
  readonly batches: readonly { readonly batch: CertificateBatch; readonly inputs: readonly CertificateInput[] }[]
  /** What stayed empty, with for how many recipients. */
  readonly findings: readonly { readonly text: string; readonly recipients: number }[]
}

/** Turns recipients of one job into what is rendered: a batch for each language among them. */
export function createBatches({ templates }: { readonly templates: Pick<Templates, 'find'> }) {
  const formatsOf = createFormats()
  const canonical = createLocales()

  /** Throws a TemplateError where the job's template cannot be used. `acceptedAt`: epoch milliseconds. */
  return async function prepare(
    job: { readonly id: string; readonly fields: JobFields; readonly acceptedAt: number },
    wanted: readonly Wanted[],
    settings: BatchSettings,
  ): Promise<PreparedBatches> {
    const { fields, acceptedAt } = job
    const empty = new Map<string, number>()
    const batches: { batch: CertificateBatch; inputs: CertificateInput[] }[] = []
    const name = fields.certificateTemplate ?? 'default'
    const groups = Map.groupBy(wanted, ({ recipient }) => localeOf(recipient, fields, settings.locale, canonical))
    for (const [asked, group] of groups) {
      const template = await templates.find(name, asked)
      const { layout, layoutId, locale = asked } = template
      const { issuer } = settings
      const fill = createFiller({ template, job: fields, acceptedAt, issuer, locale, formats: formatsOf(locale) })
      const inputs = group.map(({ key, recipient, code, url }): CertificateInput => {
        const filled = fill(recipient, code, url)
        for (const each of filled.empty) empty.set(each, (empty.get(each) ?? 0) + 1)
        const { values, title, date } = filled
        return { recipient: key, values, title, job: job.id, date, verificationCode: code, verificationUrl: url }
      })
      batches.push({ batch: { layout, layoutId, locale, issuer }, inputs })
    }
    const findings = Array.from(empty, ([each, recipients]) => ({ text: emptyFinding(name, each), recipients }))
    return { batches, findings }
  }
}
