import { deflateSync } from 'node:zlib'
import { messageOf } from '../../kernel/errors.ts'
import { artwork, number, rectangle } from './artwork.ts'
import { writeDocument } from './document.ts'
import {
  createTypefaces,
  embeddedFace,
  standardFace,
  styles,
  type EmbeddedFace,
  type Face,
  type Style,
  type Typeface,
} from './faces.ts'
import { fit, lineHeight } from './fitting.ts'
import { fields, ink, qrFrame, type Field } from './layout.ts'
import { longestQrText, qrImage } from './qr.ts'
import type { CertificateBatch, CertificateInput, RenderedCertificate } from './renderer.ts'
import { codePointName, coversAll, drawable, plain, replacement } from './text.ts'

/** Renders certificates one by one; fonts are parsed once, the template is built once a batch. */
export interface Press {
  /** Never rejects: what cannot be rendered is an `error`. */
  render(batch: CertificateBatch, input: CertificateInput): Promise<RenderedCertificate>
}

/** What a batch's certificates share. */
interface Template {
  readonly artwork: Uint8Array
  readonly dates: Intl.DateTimeFormat
  readonly language: string
  readonly findings: readonly string[]
}

export function createPress(): Press {
  const typefaces = createTypefaces()
  const standard = new Map(styles.map((style) => [style, standardFace(style)]))
  let prepared: { key: string; template: Template } | undefined

  const templateOf = (batch: CertificateBatch): Template => {
    const key = JSON.stringify([batch.template, batch.locale])
    if (prepared?.key !== key) prepared = { key, template: prepare(batch) }
    return prepared.template
  }

  /** The fonts of one certificate. */
  const openCase = () => {
    const embedded = new Map<Typeface, EmbeddedFace>()
    return {
      embedded,
      faceFor: async (style: Style, text: string): Promise<Face> => {
        const free = standard.get(style)
        if (free !== undefined && coversAll(free, text)) return free
        const missing = (typeface: Typeface) => drawable(typeface, text).missing.length
        const [best] = typefaces.candidates(style).toSorted((one, other) => missing(one) - missing(other))
        if (best === undefined) throw new Error(`the style ${style} has no font`)
        let face = embedded.get(best)
        if (face === undefined) embedded.set(best, (face = await embeddedFace(best)))
        return face
      },
    }
  }

  const renderOne = async (batch: CertificateBatch, input: CertificateInput): Promise<RenderedCertificate> => {
    const template = templateOf(batch)
    const findings = [...template.findings]
    const { embedded, faceFor } = openCase()
    const content: string[] = []

    const place = async (field: Field, value: string) => {
      const whole = plain(value)
      const face = await faceFor(field.style, whole)
      const { text, missing } = drawable(face, whole)
      if (text === '') return
      findings.push(...missingFindings(field, missing))
      const { size, lines, cut } = fit(text, face, field)
      if (cut) findings.push(`the ${field.name} (${text.length} characters) is too long for the page and was cut`)
      content.push(show(field, face, size, lines))
    }

    const date = new Date(input.date)
    if (Number.isNaN(date.getTime())) throw new Error(`${input.date} is no date in epoch milliseconds`)
    const grade = plain(input.grade ?? '')
    const qr = qrImage(input.verificationUrl)

    if (plain(input.name) === '') findings.push('the name is empty')
    await place(fields.name, input.name)
    await place(fields.course, input.course)
    if (grade !== '') await place(fields.grade, `with the grade ${grade}`)
    await place(fields.date, template.dates.format(date))
    await place(fields.issuer, batch.issuer)
    await place(fields.code, input.verificationCode)
    await place(fields.address, input.verificationUrl)
    if (qr === undefined) {
      findings.push(`the verification address has more than the ${longestQrText} bytes of a QR code: there is none`)
    } else {
      content.push(showQr())
    }

    const pdf = await writeDocument({
      artwork: template.artwork,
      content: content.join('\n'),
      standard: standard.values(),
      embedded: embedded.values(),
      qr,
      language: template.language,
      title: `Certificate of completion: ${plain(input.name)}`,
      author: plain(batch.issuer),
      subject: plain(input.course),
      keywords: plain(input.verificationCode),
      written: date,
    })
    return { recipient: input.recipient, pdf, findings }
  }

  return {
    async render(batch, input) {
      try {
        return await renderOne(batch, input)
      } catch (error) {
        return { recipient: input.recipient, error: `the certificate cannot be rendered: ${messageOf(error)}` }
      }
    },
  }
}

function prepare(batch: CertificateBatch): Template {
  const findings: string[] = []
  if (batch.template !== 'default') findings.push(`there is no template "${batch.template}": the default was used`)
  let language = 'en'
  try {
    language = Intl.getCanonicalLocales(batch.locale)[0] ?? 'en'
  } catch {
    findings.push(`"${batch.locale}" is no language tag such as en or pt-BR: dates are in English`)
  }
  return {
    artwork: deflateSync(Buffer.from(artwork(), 'latin1')),
    dates: new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' }),
    language,
    findings,
  }
}

const listedCharacters = 20

function missingFindings(field: Field, missing: readonly string[]): string[] {
  const names = [...new Set(missing.map(codePointName))]
  const listed = names
    .slice(0, listedCharacters)
    .map((name) => `${name} has no glyph in any font: drawn as ${replacement} in the ${field.name}`)
  const more = names.length - listed.length
  return more > 0 ? [...listed, `${more} more characters of the ${field.name} have no glyph`] : listed
}

/** The lines, each centred. */
function show(field: Field, face: Face, size: number, lines: readonly string[]): string {
  const leading = size * lineHeight
  const above = (lines.length - 1) * leading
  // Capitals are about 0.68 of the size high: their middle is what the eye takes for the middle of a line.
  const first = 'middle' in field.y ? field.y.middle + above / 2 - size * 0.34 : field.y.baseline + above
  const operators = lines.map((text, index) => {
    const x = field.x - (face.width(text) * size) / 2000
    const y = first - index * leading
    return `BT /${face.resource} ${number(size)} Tf ${number(x)} ${number(y)} Td ${face.show(text)} ET`
  })
  return [field.ink, ...operators].join('\n')
}

function showQr(): string {
  const { x, y, side, quiet } = qrFrame
  const inner = side - 2 * quiet
  return [
    `${ink.white} ${ink.goldLine} 0.8 w ${rectangle(x, y, side, side)} B`,
    `q ${ink.navy} ${inner} 0 0 ${inner} ${number(x + quiet)} ${number(y + quiet)} cm /QR Do Q`,
  ].join('\n')
}
