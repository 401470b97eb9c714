import { createHash, hash } from 'node:crypto'
import type { ShapedRun, Typeface } from '../fonts/typeface.ts'
import type { QrImage } from '../qr.ts'
import { embeddable, writeFont, type CodeTexts, type EmbeddedFont } from './font-objects.ts'
import type { EmbeddedPictures } from './pictures.ts'
import { dateString, number, textString } from './syntax.ts'
import { createPdfWriter, inFile, write } from './writer.ts'

/** A font that is too large to be in every certificate with all that the batch needs of it. */
export interface DividedFont {
  readonly typeface: Typeface
  readonly codes: CodeTexts
  /** What the parts show that are on every certificate. */
  readonly fixed: ReadonlySet<number>
  /** A font file with these codes only. */
  again(codes: Iterable<number>): Uint8Array
}

export interface SheetOptions {
  readonly page: { readonly width: number; readonly height: number }
  /** BCP 47. */
  readonly language: string
  readonly author: string
  readonly pictures: EmbeddedPictures
  /** Deflated operators, drawn by `/S0 Do`, `/S1 Do` … */
  readonly fixed: readonly Uint8Array[]
  readonly shared: readonly EmbeddedFont[]
  readonly divided: readonly DividedFont[]
}

/** What one certificate adds. */
export interface Print {
  /** Operators; they find fonts by their resource, the fixed parts as `/S0` …, and the code as `/QR`. */
  readonly content: string
  readonly runs: readonly ShapedRun[]
  readonly qr: QrImage | undefined
  readonly title: string
  readonly job: string
  readonly verificationCode: string
  /** Epoch milliseconds. */
  readonly date: number
}

export interface Sheet {
  /** What each file begins with. */
  readonly shared: Uint8Array
  /**
   * The rest of a PDF 1.7 file, the same bytes for the same print; the hashes are of the whole, in hexadecimal. `room`
   * gives the memory for so many bytes.
   */
  print(
    certificate: Print,
    room: (length: number) => Uint8Array,
  ): { readonly own: Uint8Array; readonly sha256: string; readonly md5: string }
}

const header = '%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n'
const longestProperty = 300

/**
 * What all certificates of a batch begin with is written once, and hashed once; each continues it with what is its own,
 * and ends in a cross-reference table of both.
 */
export function createSheet({ page, language, author, pictures, fixed, shared, divided }: SheetOptions): Sheet {
  const start = createPdfWriter({ length: header.length, count: pictures.highest })
  for (const { id, body } of pictures.objects) start.object(body, id)
  const fonts = shared.map((font) => `/${font.typeface.resource} ${writeFont(start, font, { compact: true })} 0 R`)

  // The objects of each certificate have the numbers after those that are shared: the fixed parts, these two, and what packs them.
  const first = start.count + fixed.length + 3
  const [pageId, resources, content, info, qrId] = [first + 1, first + 2, first + 3, first + 4, first + 5]
  const box = `[0 0 ${number(page.width)} ${number(page.height)}]`
  const forms = fixed.map((operators, index) => {
    const entries = `/Type/XObject/Subtype/Form/BBox${box}/Resources ${resources} 0 R/Filter/FlateDecode`
    return `/S${index} ${start.stream(entries, operators)} 0 R`
  })
  const pages = start.packed(`<</Type/Pages/Count 1/Kids[${pageId} 0 R]>>`)
  const root = start.packed(
    `<</Type/Catalog/Pages ${pages} 0 R/Lang${textString(language)}/ViewerPreferences<</DisplayDocTitle true>>>>`,
  )
  const images = Array.from(
    new Set([...pictures.pictures.values(), ...(pictures.background ? [pictures.background.id] : [])]),
  )
  const xobjects = [...forms, ...images.map((id) => `/X${id} ${id} 0 R`)].join('')
  const pageObject = `<</Type/Page/Parent ${pages} 0 R/MediaBox${box}/Resources ${resources} 0 R/Contents ${content} 0 R>>`
  const authorText = property(author)

  start.pack()
  const shareable = new Uint8Array(start.length)
  write([header, ...start.parts], shareable)
  const sharedReferences = start.references(0, first)
  const dates = new Map<number, string | undefined>()
  const sha256 = createHash('sha256').update(shareable)
  const md5 = createHash('md5').update(shareable)

  return {
    shared: shareable,
    print({ content: operators, runs, qr, title, job, verificationCode, date }, room) {
      const rest = createPdfWriter({ length: shareable.length, count: qrId })
      rest.object(pageObject, pageId)
      rest.stream('', operators, content)
      const written = dates.get(date) ?? dateString(date)
      dates.set(date, written)
      rest.object(
        `<</Title${property(title)}/Author${authorText}/Keywords${property(verificationCode)}/Creator(Offload)` +
          `/Job${property(job)}/VerificationCode${property(verificationCode)}` +
          `${written === undefined ? '' : `/CreationDate${written}/ModDate${written}`}>>`,
        info,
      )
      if (qr !== undefined) {
        const mask = `/Type/XObject/Subtype/Image/Width ${qr.size}/Height ${qr.size}/ImageMask true/BitsPerComponent 1`
        rest.stream(mask, qr.bits, qrId)
      }
      let ownFonts = ''
      for (const { typeface, codes, fixed, again } of divided) {
        const used = new Set([...fixed, ...codesIn(runs, typeface)])
        if (used.size === 0) continue
        const texts = new Map(Array.from(used, (code) => [code, codes.get(code) ?? '']))
        const font = embeddable(typeface, again(used), texts)
        ownFonts += `/${typeface.resource} ${writeFont(rest, font, { compact: false })} 0 R`
      }
      rest.object(
        `<</Font<<${fonts.join('')}${ownFonts}>>/XObject<<${xobjects}${qr === undefined ? '' : `/QR ${qrId} 0 R`}>>>>`,
        resources,
      )

      const id = hash('md5', `${language}\n${job}\n${verificationCode}\n${operators}`)
      const table = rest.count + 1
      const startOfTable = rest.length
      rest.stream(
        `/Type/XRef/Size ${table + 1}/W[1 3 1]/Root ${root} 0 R/Info ${info} 0 R/ID[<${id}><${id}>]`,
        sharedReferences + rest.references(pageId, table - 1) + inFile(startOfTable),
        table,
      )
      const end = `startxref\n${startOfTable}\n%%EOF\n`
      const own = room(rest.length - shareable.length + end.length)
      write([...rest.parts, end], own)
      return { own, sha256: sha256.copy().update(own).digest('hex'), md5: md5.copy().update(own).digest('hex') }
    },
  }
}

/** The codes of a font that these runs show. */
export function codesIn(runs: Iterable<ShapedRun>, typeface: Typeface): Set<number> {
  const found = new Set<number>()
  for (const run of runs) {
    if (run.typeface === typeface) for (const { codes } of run.clusters()) for (const code of codes) found.add(code)
  }
  return found
}

function property(text: string): string {
  if (text.length <= longestProperty) return textString(text)
  return textString(Array.from(text).slice(0, longestProperty).join(''))
}
