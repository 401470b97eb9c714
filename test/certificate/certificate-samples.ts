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

/** Nothing but a name, a course and a code: all that can be read on the page is what was written on it. */
export const plainBatch: CertificateBatch = {
  layoutId: 'plain',
  locale: 'en',
  issuer: '',
  layout: {
    name: 'plain',
    page: { width: 640, height: 130 },
    items: [
      {
        kind: 'text',
        name: 'name',
        text: '{fullname}',
        font: { family: 'serif', italic: true },
        colour: '#000000',
        x: 260,
        y: { middle: 88 },
        align: 'centre',
        width: 500,
        height: 60,
        size: 44,
        wrapBelow: 27,
      },
      {
        kind: 'text',
        name: 'course',
        text: '{course}',
        font: { family: 'serif', bold: true },
        colour: '#000000',
        x: 260,
        y: { middle: 30 },
        align: 'centre',
        width: 500,
        height: 40,
        size: 24,
        wrapBelow: 18,
      },
      { kind: 'qr', x: 525, y: 10, side: 110, colour: '#000000' },
    ],
  },
}

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
  return { ...rendered, pdf: Buffer.concat(rendered.pieces) }
}

export const pdfOf = (rendered: RenderedCertificate | undefined) => done(rendered).pdf

/** One certificate, alone in its batch. */
export async function render(
  values: Readonly<Record<string, string>> = {},
  of: CertificateBatch = batch,
  input: Partial<Omit<CertificateInput, 'values'>> = {},
) {
  const [rendered] = await inline.render(of, [inputOf(values, input)])
  return done(rendered)
}
