import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { CustomFontSubsetEmbedder, type PDFContext, type PDFRef } from '@cantoo/pdf-lib'
import { Encodings, Font, FontNames } from '@cantoo/pdf-lib/standard-fonts'
import { create as parseFont, type Font as ParsedFont } from '@cantoo/fontkit'

export const styles = ['roman', 'italic', 'bold', 'mono'] as const
export type Style = (typeof styles)[number]

/** One font at work: it measures and writes text whose characters it covers. */
export interface Face {
  /** The name under which a page's resources list the font. */
  readonly resource: string
  covers(codePoint: number): boolean
  /** In thousandths of the font's size. */
  width(text: string): number
  /** The operator that shows the text. Text is written in hexadecimal, so no character of it can be PDF syntax. */
  show(text: string): string
}

const standardFonts: Readonly<Record<Style, FontNames>> = {
  roman: FontNames.TimesRoman,
  italic: FontNames.TimesRomanItalic,
  bold: FontNames.TimesRomanBold,
  mono: FontNames.CourierBold,
}

export interface StandardFace extends Face {
  readonly baseFont: string
}

/** A font that every viewer brings along: nothing is embedded, so it costs nothing; WinAnsi is all it has. */
export function standardFace(style: Style): StandardFace {
  const font = Font.load(standardFonts[style])
  const encoding = Encodings.WinAnsi
  // The soft hyphen is a place to break, but WinAnsi would draw it.
  const covers = (codePoint: number) => codePoint !== 0xad && encoding.canEncodeUnicodeCodePoint(codePoint)
  const glyphs = (text: string) =>
    Array.from(text, (character) => character.codePointAt(0) ?? 0)
      .filter(covers)
      .map((codePoint) => encoding.encodeUnicodeCodePoint(codePoint))
  const kerning = (left: string, right: string | undefined) =>
    right === undefined ? 0 : (font.getXAxisKerningForPair(left, right) ?? 0)

  return {
    resource: `S${styles.indexOf(style)}`,
    baseFont: font.FontName,
    covers,
    width: (text) =>
      glyphs(text).reduce(
        (sum, { name }, index, all) => sum + (font.getWidthOfGlyph(name) ?? 250) + kerning(name, all[index + 1]?.name),
        0,
      ),
    show(text) {
      let operand = '[<'
      for (const [index, { code, name }, all] of glyphs(text).map((glyph, at, list) => [at, glyph, list] as const)) {
        operand += code.toString(16).padStart(2, '0')
        const kern = kerning(name, all[index + 1]?.name)
        if (kern !== 0) operand += `>${-kern}<`
      }
      return `${operand}>] TJ`
    },
  }
}

/** The DejaVu fonts that a style falls back to, in this order; the first that has every character is taken. */
const embeddedFonts: Readonly<Record<Style, readonly string[]>> = {
  roman: ['DejaVuSerif', 'DejaVuSans'],
  italic: ['DejaVuSerif-Italic', 'DejaVuSans'],
  bold: ['DejaVuSerif-Bold', 'DejaVuSans-Bold', 'DejaVuSans'],
  mono: ['DejaVuSansMono', 'DejaVuSans'],
}

/** A parsed font file, for as many documents as its owner lives. */
export interface Typeface {
  readonly name: string
  readonly font: ParsedFont
  covers(codePoint: number): boolean
}

export interface Typefaces {
  candidates(style: Style): readonly Typeface[]
}

/** Parses each font file when it is first needed, and once. */
export function createTypefaces(): Typefaces {
  const folder = join(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json'), '..', 'ttf')
  const loaded = new Map<string, Typeface>()
  const load = (name: string): Typeface => {
    const known = loaded.get(name)
    if (known !== undefined) return known
    const font = parseFont(readFileSync(join(folder, `${name}.ttf`)))
    if (font === null || !('layout' in font)) throw new Error(`${name}.ttf is no single font`)
    const coverage = new Map<number, boolean>()
    const typeface: Typeface = {
      name,
      font,
      covers(codePoint) {
        let has = coverage.get(codePoint)
        if (has === undefined) coverage.set(codePoint, (has = font.hasGlyphForCodePoint(codePoint)))
        return has
      },
    }
    loaded.set(name, typeface)
    return typeface
  }
  return {
    candidates: (style) => embeddedFonts[style].map(load),
  }
}

export interface EmbeddedFace extends Face {
  /** Writes the subset of what was shown into the document. */
  embed(context: PDFContext): Promise<PDFRef>
}

/** A typeface in one document, of which only the glyphs that are shown are embedded. */
export async function embeddedFace(typeface: Typeface): Promise<EmbeddedFace> {
  // A fixed name: pdf-lib would otherwise make one up, and the tag of a subset is by convention six capitals and a plus.
  const embedder = await CustomFontSubsetEmbedder.for(
    { create: () => typeface.font },
    new Uint8Array(),
    `OFFLOD+${typeface.name}`,
  )
  return {
    resource: `E${typeface.name.replace('DejaVu', '').replace('-', '')}`,
    covers: (codePoint) => typeface.covers(codePoint),
    width: (text) => embedder.widthOfTextAtSize(text, 1000),
    show: (text) => `${embedder.encodeText(text).toString()} Tj`,
    embed: (context) => embedder.embedIntoContext(context),
  }
}
