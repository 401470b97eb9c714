import { deflateSync } from 'node:zlib'
import { hexCode } from '../fonts/operands.ts'
import type { Typeface } from '../fonts/typeface.ts'
import { number, utf16 } from './syntax.ts'
import type { PdfWriter } from './writer.ts'

/** A font file ready to be embedded, and what each of its codes means. */
export interface EmbeddedFont {
  readonly typeface: Typeface
  readonly tag: string
  readonly program: Uint8Array
  readonly deflated: boolean
  readonly widths: string
  readonly toUnicode: string
}

/** Glyph codes, and the text that each stands for; an empty text where only `ActualText` knows. */
export type CodeTexts = ReadonlyMap<number, string>

export function embeddable(typeface: Typeface, program: Uint8Array, codes: CodeTexts): EmbeddedFont {
  const sorted = Array.from(codes.keys()).toSorted((one, other) => one - other)
  const deflated = typeface.kind === 'truetype'
  return {
    typeface,
    tag: tagOf(sorted),
    program: deflated ? deflateSync(program) : program,
    deflated,
    widths: widthsOf(typeface, sorted),
    toUnicode: characterMap(sorted, codes),
  }
}

/**
 * Writes the font's five objects; returns the number of the one that the page's resources name. `compact` compresses
 * what can be: worth its time where many certificates share it.
 */
export function writeFont(writer: PdfWriter, font: EmbeddedFont, { compact }: { readonly compact: boolean }): number {
  const { typeface, program } = font
  const object = compact ? writer.packed : writer.object
  const cff = typeface.kind === 'cff'
  const name = `/${font.tag}+${typeface.name.replace(/[^A-Za-z0-9-]/g, '')}`
  const unicode = compact
    ? writer.stream('/Filter/FlateDecode', deflateSync(font.toUnicode))
    : writer.stream('', font.toUnicode)
  const filter = font.deflated ? '/Filter/FlateDecode' : ''
  const file = writer.stream(cff ? '/Subtype/CIDFontType0C' : filter, program)
  const { ascent, descent } = typeface.metrics
  const descriptor = object(
    `<</Type/FontDescriptor/FontName${name}/Flags 4/FontBBox[-500 ${descent} 1500 ${ascent}]/ItalicAngle 0` +
      `/Ascent ${ascent}/Descent ${descent}/CapHeight 680/StemV 80/${cff ? 'FontFile3' : 'FontFile2'} ${file} 0 R>>`,
  )
  const descendant = object(
    `<</Type/Font/Subtype/${cff ? 'CIDFontType0' : 'CIDFontType2'}/BaseFont${name}` +
      `/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor ${descriptor} 0 R` +
      `${font.widths}${cff ? '' : '/CIDToGIDMap/Identity'}>>`,
  )
  return object(
    `<</Type/Font/Subtype/Type0/BaseFont${name}/Encoding/Identity-H/DescendantFonts[${descendant} 0 R]/ToUnicode ${unicode} 0 R>>`,
  )
}

/** Six capitals, the same for the same glyphs: so that a reader does not take two subsets for one font. */
function tagOf(codes: readonly number[]): string {
  let hash = 5381
  for (const code of codes) hash = (Math.imul(hash, 33) + code) >>> 0
  return Array.from({ length: 6 }, (_, index) => String.fromCharCode(65 + (Math.floor(hash / 26 ** index) % 26))).join(
    '',
  )
}

/** `/DW` and `/W`: the width that most have is not listed. */
function widthsOf(typeface: Typeface, codes: readonly number[]): string {
  const counts = new Map<number, number>()
  for (const code of codes) {
    const width = typeface.width(code)
    // Readers take an integer only.
    if (Number.isInteger(width)) counts.set(width, (counts.get(width) ?? 0) + 1)
  }
  const usual = Array.from(counts).reduce((best, each) => (each[1] > best[1] ? each : best), [1000, 0])[0]
  let list = ''
  let expected = -1
  for (const code of codes) {
    const width = typeface.width(code)
    if (width === usual) continue
    list += code === expected ? ` ${number(width)}` : `${expected < 0 ? '' : ']'}${code}[${number(width)}`
    expected = code + 1
  }
  return `/DW ${number(usual)}${list === '' ? '' : `/W[${list}]]`}`
}

/** A ToUnicode CMap. Codes that follow one another as their letters do are one entry. */
function characterMap(sorted: readonly number[], codes: CodeTexts): string {
  const ranges: { first: number; last: number; readonly text: string }[] = []
  for (const code of sorted) {
    const text = codes.get(code)
    if (text === undefined || text === '') continue
    const before = ranges.at(-1)
    const next = before !== undefined && before.last + 1 === code && code % 256 > 0 && follows(before, text)
    if (next) before.last = code
    else ranges.push({ first: code, last: code, text })
  }
  let blocks = ''
  // A block has at most 100 entries.
  for (let from = 0; from < ranges.length; from += 100) {
    const block = ranges.slice(from, from + 100)
    const lines = block.map(
      ({ first, last, text }) => `<${hexCode(first)}><${hexCode(last)}><${utf16(text.toWellFormed())}>`,
    )
    blocks += `${block.length} beginbfrange\n${lines.join('\n')}\nendbfrange\n`
  }
  return (
    '/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapName/U def/CMapType 2 def\n' +
    `1 begincodespacerange<0000><ffff>endcodespacerange\n${blocks}` +
    'endcmap CMapName currentdict/CMap defineresource pop end end'
  )
}

function follows({ first, last, text: before }: { first: number; last: number; text: string }, text: string): boolean {
  if (before.length !== 1 || text.length !== 1) return false
  const [start, code] = [before.charCodeAt(0), text.charCodeAt(0)]
  return code === start + last + 1 - first && code >> 8 === start >> 8
}
