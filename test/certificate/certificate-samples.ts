import { defaultTemplate } from '../../emulator/worker/certificate/template/default-layout.ts'
import { createCertificateRenderer } from '../../emulator/worker/certificate/render-pool.ts'
import type {
  CertificateBatch,
  CertificateInput,
  RenderedCertificate,
} from '../../emulator/worker/certificate/renderer.ts'

/** The default certificate, whose texts are the values. */
export function batchOf(language = 'en', locale = language): CertificateBatch {
  const { layout, layoutId } = defaultTemplate(language)
  return { layout, layoutId, locale, issuer: 'ManiReports Academy' }
}
export const batch = batchOf()

const code = '7F3A91C2D04B55E1'

/** What is given to each certificate here, beside its texts. */
export function inputOf(
  values: Readonly<Record<string, string>> = {},
  input: Partial<Omit<CertificateInput, 'values'>> = {},
): CertificateInput {
  const verificationCode = input.verificationCode ?? code
  const verificationUrl = input.verificationUrl ?? `http://127.0.0.1:4566/verify/${verificationCode}`
  return {
    recipient: '42',
    title: `Certificate: ${values['fullname'] ?? 'Ada Lovelace'}`,
    job: 'job_8fa31bc2',
    date: Date.UTC(2026, 2, 14, 23, 59),
    ...input,
    verificationCode,
    verificationUrl,
    values: {
      fullname: 'Ada Lovelace',
      course: 'Introduction to Data Protection',
      date: 'March 14, 2026',
      grade: '92 %',
      issuer: 'ManiReports Academy',
      verification_code: verificationCode,
      verification_url: verificationUrl,
      ...values,
    },
  }
}

export const inline = createCertificateRenderer({ threads: 0 })

export function done(rendered: RenderedCertificate | undefined) {
  if (rendered === undefined || 'error' in rendered) throw new Error(rendered?.error ?? 'nothing was rendered')
  return rendered
}

export const pdfOf = (rendered: RenderedCertificate | undefined) => Buffer.from(done(rendered).pdf)

/** One certificate, alone in its batch. */
export async function render(
  values: Readonly<Record<string, string>> = {},
  of: CertificateBatch = batch,
  input: Partial<Omit<CertificateInput, 'values'>> = {},
) {
  const [rendered] = await inline.render(of, [inputOf(values, input)])
  return done(rendered)
}
