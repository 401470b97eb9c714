import { deflateSync } from 'node:zlib'
import { messageOf } from '../../kernel/errors.ts'
import { createFontLibrary } from './fonts/library.ts'
import type { ShapedRun, Subset, Typeface } from './fonts/typeface.ts'
import { background, drawn, qrOperators } from './drawing.ts'
import type { Layout, QrItem, TextItem } from './layout-model.ts'
import { embeddable, type CodeTexts, type EmbeddedFont } from './pdf/font-objects.ts'
import { createGlyphUse, type GlyphUse } from './pdf/glyph-use.ts'
import { embedPictures, type EmbeddedPictures } from './pdf/pictures.ts'
import { codesIn, createSheet, type DividedFont, type Sheet } from './pdf/sheet.ts'
import { placeholdersOf } from './placeholders.ts'
import { placeText, type PlacedText } from './placing.ts'
import { createQrPrinter, longestQrText, type QrImage } from './qr.ts'
import type { CertificateBatch, CertificateInput, RenderedCertificate } from './renderer.ts'
import { createTypesetter } from './text/typesetter.ts'

/** Renders certificates; what a layout's and a batch's certificates share is made once. */
export interface Press {
  /** One result per recipient, in order. Never rejects: what cannot be rendered is an `error`. */
  render(batch: CertificateBatch, inputs: readonly CertificateInput[]): Promise<readonly RenderedCertificate[]>
}

/** A layout with its language, as far as it is the same for all batches. */
interface PreparedLayout {
  readonly layout: Layout
  readonly language: string
  readonly pictures: EmbeddedPictures
  readonly parts: readonly Part[]
  /** What the fixed parts show, to be registered for each batch. */
  readonly runs: readonly ShapedRun[]
  readonly findings: readonly string[]
}

/** The page in the order of its items: what is the same on every certificate, and what may not be. */
type Part =
  | { readonly operators: string }
  | { readonly item: TextItem; readonly placeholders: readonly string[] }
  | { readonly qr: QrItem }

/** The same for one batch: a `form` is an object that all its certificates share. */
type BatchPart = { readonly form: number } | { readonly item: TextItem } | { readonly qr: QrItem }

/** What a batch's certificates share, beside fonts. */
interface Common {
  readonly parts: readonly BatchPart[]
  readonly forms: readonly string[]
  readonly runs: readonly ShapedRun[]
  readonly findings: readonly string[]
}

/** A certificate whose texts are placed. */
interface Draft {
  readonly input: CertificateInput
  readonly content: string
  readonly runs: readonly ShapedRun[]
  readonly qr: QrImage | undefined
  readonly findings: readonly string[]
}

const keptLayouts = 8
const keptFonts = 32
const keptForms = 64
const longestMerged = 3000
/**
 * A font is in all certificates of a batch with all that the batch shows of it, unless that is more than so many bytes
 * (compressed) or fewer than one in four would use it: then each certificate has its own subset of the subset.
 */
const largestShared = 11_000
const rare = 4

export function createPress(): Press {
  const library = createFontLibrary()
  const typesetter = createTypesetter(library)
  const printQr = createQrPrinter()
  const layouts = new Map<string, Promise<PreparedLayout>>()
  const fonts = new Map<string, { font: EmbeddedFont; subset: Subset }>()
  const forms = new Map<string, Uint8Array>()

  const deflated = (operators: string): Uint8Array => {
    const known = forms.get(operators) ?? deflateSync(operators)
    remember(forms, operators, known, keptForms)
    return known
  }

  const prepare = async ({ layout, locale }: CertificateBatch): Promise<PreparedLayout> => {
    const language = canonical(locale)
    const pictures = await embedPictures(layout)
    const use = createGlyphUse()
    const parts: Part[] = []
    const runs: ShapedRun[] = []
    const findings: string[] = []
    let fixed = background(layout, pictures)
    const end = () => {
      if (fixed !== '') parts.push({ operators: fixed })
      fixed = ''
    }
    for (const item of layout.items) {
      if (item.kind === 'qr') {
        end()
        parts.push({ qr: item })
      } else if (item.kind === 'text' && placeholdersOf(item.text).length > 0) {
        end()
        parts.push({ item, placeholders: placeholdersOf(item.text) })
      } else if (item.kind === 'text') {
        const placed = placeText(item, {}, { typesetter, use, language })
        fixed += placed.operators
        runs.push(...placed.runs)
        findings.push(...placed.findings)
      } else {
        fixed += drawn(item, pictures)
      }
    }
    end()
    return { layout, language, pictures, parts, runs, findings }
  }

  const layoutOf = (batch: CertificateBatch): Promise<PreparedLayout> => {
    const key = `${batch.layoutId}\n${batch.locale}`
    let prepared = layouts.get(key)
    if (prepared === undefined) {
      prepared = prepare(batch)
      prepared.catch(() => layouts.delete(key))
    }
    void remember(layouts, key, prepared, keptLayouts)
    return prepared
  }

  const fontOf = (typeface: Typeface, codes: CodeTexts): { font: EmbeddedFont; subset: Subset } => {
    const key = `${typeface.resource} ${Array.from(codes, ([code, text]) => `${code}${text}`)
      .toSorted()
      .join()}`
    let known = fonts.get(key)
    if (known === undefined) {
      const subset = typeface.subset(codes.keys())
      known = { subset, font: embeddable(typeface, subset.bytes, codes) }
    }
    for (const { subset } of remember(fonts, key, known, keptFonts)) subset.close()
    return known
  }

  const renderBatch = (batch: CertificateBatch, layout: PreparedLayout, inputs: readonly CertificateInput[]) => {
    const use = createGlyphUse()
    for (const run of layout.runs) use.show(run)
    const place = (item: TextItem, { values }: CertificateInput) =>
      placeText(item, values, { typesetter, use, language: layout.language })
    const common = gather(layout, inputs, place)

    const draftOf = (input: CertificateInput): Draft => {
      if (Number.isNaN(new Date(input.date).getTime()))
        throw new Error(`${input.date} is no date in epoch milliseconds`)
      const qr = printQr(input.verificationUrl)
      const findings = [...common.findings]
      const runs: ShapedRun[] = []
      const content: string[] = []
      for (const part of common.parts) {
        if ('form' in part) {
          content.push(`/S${part.form} Do\n`)
        } else if ('item' in part) {
          const placed = place(part.item, input)
          content.push(placed.operators)
          runs.push(...placed.runs)
          findings.push(...placed.findings)
        } else if (qr !== undefined) {
          content.push(qrOperators(part.qr, qr))
        } else {
          findings.push(`the verification address has more than the ${longestQrText} bytes of a QR code: there is none`)
        }
      }
      // The image of a code is overwritten by the next.
      return { input, content: content.join(''), runs, qr: qr && { ...qr, bits: qr.bits.slice() }, findings }
    }
    const drafts = inputs.map((input): Draft | { error: string } => {
      try {
        return draftOf(input)
      } catch (error) {
        return { error: `the certificate cannot be rendered: ${messageOf(error)}` }
      }
    })

    const users = new Map<Typeface, number>()
    for (const each of drafts) {
      if ('error' in each) continue
      for (const typeface of new Set(each.runs.map((run) => run.typeface))) {
        users.set(typeface, (users.get(typeface) ?? 0) + 1)
      }
    }
    const usual = (typeface: Typeface) => (users.get(typeface) ?? 0) * rare >= inputs.length
    const sheet = openSheet(batch, layout, common, use, usual)
    library.turn(use.fonts.keys())
    const room = createRoom(inputs.length)
    return drafts.map((each, index): RenderedCertificate => {
      const recipient = inputs[index]?.recipient ?? ''
      if ('error' in each) return { recipient, error: each.error }
      const { content, runs, qr, findings, input } = each
      const { own, ...hashes } = sheet.print({ ...input, content, runs, qr }, room)
      return { recipient, pieces: [sheet.shared, own], ...hashes, findings }
    })
  }

  /** Texts that are the same for all recipients become one with what is fixed anyway. */
  const gather = (
    layout: PreparedLayout,
    inputs: readonly CertificateInput[],
    place: (item: TextItem, input: CertificateInput) => PlacedText,
  ): Common => {
    const [first] = inputs
    const same = (names: readonly string[]) =>
      names.every((name) => inputs.every(({ values }) => values[name] === first?.values[name]))
    const parts: BatchPart[] = []
    const forms: string[] = []
    const runs = [...layout.runs]
    const findings = [...layout.findings]
    let open = false
    for (const part of layout.parts) {
      if ('operators' in part || ('item' in part && first !== undefined && same(part.placeholders))) {
        let operators: string
        if ('operators' in part) {
          operators = part.operators
        } else {
          const placed = place(part.item, first as CertificateInput)
          operators = placed.operators
          runs.push(...placed.runs)
          findings.push(...placed.findings)
        }
        // What is long is artwork: by itself it is the same for the next batch, and need not be compressed again.
        const alone = operators.length >= longestMerged
        if (open && !alone) forms.push(`${forms.pop() ?? ''}${operators}`)
        else parts.push({ form: forms.push(operators) - 1 })
        open = !alone
      } else {
        open = false
        if ('item' in part) parts.push({ item: part.item })
        else if ('qr' in part) parts.push(part)
      }
    }
    return { parts, forms, runs, findings }
  }

  /** What the batch's certificates share. */
  const openSheet = (
    { issuer }: CertificateBatch,
    prepared: PreparedLayout,
    common: Common,
    use: GlyphUse,
    usual: (typeface: Typeface) => boolean,
  ): Sheet => {
    const shared: EmbeddedFont[] = []
    const divided: DividedFont[] = []
    for (const [typeface, codes] of use.fonts) {
      const { font, subset } = fontOf(typeface, codes)
      const fixed = codesIn(common.runs, typeface)
      const everywhere = fixed.size > 0 || usual(typeface)
      if (everywhere && font.program.length <= largestShared) shared.push(font)
      else divided.push({ typeface, codes, fixed, again: subset.again })
    }
    const { layout, language, pictures } = prepared
    const fixed = common.forms.map(deflated)
    return createSheet({ page: layout.page, language, author: issuer, pictures, fixed, shared, divided })
  }

  return {
    async render(batch, inputs) {
      try {
        return renderBatch(batch, await layoutOf(batch), inputs)
      } catch (error) {
        const text = `the certificate cannot be rendered: ${messageOf(error)}`
        return inputs.map(({ recipient }) => ({ recipient, error: text }))
      }
    },
  }
}

/** Sets the value as the latest; returns the oldest of more than `most`, which it removes. */
function remember<T>(values: Map<string, T>, key: string, value: T, most: number): readonly T[] {
  values.delete(key)
  values.set(key, value)
  const removed: T[] = []
  for (const [oldest, one] of values) {
    if (values.size <= most) break
    values.delete(oldest)
    removed.push(one)
  }
  return removed
}

const mostAtOnce = 1_000_000

/** Memory for certificates that are handed over together: a few large pieces are cheaper than many small ones. */
function createRoom(certificates: number): (length: number) => Uint8Array {
  let left = certificates
  let piece = new ArrayBuffer(0)
  let used = 0
  return (length) => {
    if (used + length > piece.byteLength) {
      piece = new ArrayBuffer(Math.max(length, Math.min(mostAtOnce, left * (length + 200))))
      used = 0
    }
    left--
    used += length
    return new Uint8Array(piece, used - length, length)
  }
}

function canonical(locale: string): string {
  try {
    return Intl.getCanonicalLocales(locale)[0] ?? 'en'
  } catch {
    // Whoever wrote the dates has said so.
    return 'en'
  }
}
