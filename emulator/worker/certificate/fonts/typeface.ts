import {
  Blob,
  Buffer as ShapingBuffer,
  BufferFlag,
  ClusterLevel,
  Direction,
  Face,
  Feature,
  Font,
  shape,
} from 'harfbuzzjs'
import { createCoverage } from './coverage.ts'
import { createLetters } from './letters.ts'
import { adjustment, hexCode } from './operands.ts'
import { cidsOf, tableOf } from './sfnt.ts'
import type { Subsetter, SubsetFace } from './subsetter.ts'

/** One font, read once. Lengths are thousandths of the size of the text. */
export interface Typeface {
  /** The name under which a page's resources list the font. */
  readonly resource: string
  /** As the font calls itself, without spaces. */
  readonly name: string
  readonly kind: 'truetype' | 'cff'
  readonly metrics: Metrics
  covers(codePoint: number): boolean
  /** Text of one script in one direction, in visual order. */
  shape(text: string, rightToLeft: boolean, language: string): ShapedRun
  /**
   * The same for composed letters that stand one by one, left to right; made of what is known of them and their pairs.
   * Undefined where the font lacks one.
   */
  spell(text: string, language: string): ShapedRun | undefined
  /** By the code that stands for the glyph in a content stream. */
  width(code: number): number
  /** The font file that holds these codes' glyphs under the same codes, and a face to subset it further. */
  subset(codes: Iterable<number>): Subset
  /** Frees what can be read again. */
  close(): void
}

export interface Subset {
  readonly bytes: Uint8Array
  /** For a certificate that needs only a few of the codes. */
  again(codes: Iterable<number>): Uint8Array
  close(): void
}

export interface Metrics {
  readonly ascent: number
  readonly descent: number
}

/** Glyphs that stand for a piece of text together. */
export interface Cluster {
  readonly text: string
  readonly codes: readonly number[]
  /** Between `[` and `]TJ`: shows the glyphs, and may close and open the array in between. */
  readonly operands: string
}

export interface ShapedRun {
  readonly typeface: Typeface
  readonly text: string
  readonly width: number
  readonly glyphs: number
  clusters(): readonly Cluster[]
  /** All clusters' operands, with what moves them closer together. */
  readonly operands: string
  /** The same as one shape, where this one was spelled: its clusters' operands lack what is between them. */
  readonly whole?: () => ShapedRun
}

const rounded = (value: number) => Math.round(value * 100) / 100

// Ligatures of Latin letters would not be worth their cost: each is another glyph in every certificate.
const features = [new Feature('liga', 0), new Feature('clig', 0)]
const mayLigate =
  /[^\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]|\p{Extended_Pictographic}/u

const cachedRuns = 4000
const longestCached = 100
const worthPreprocessing = 5

/** Reads a TrueType or OpenType font; throws where it is none. */
export function createTypeface(
  source: { readonly resource: string; readonly name: string; readonly read: () => Uint8Array },
  subsetter: Subsetter,
): Typeface {
  const { resource, name, read } = source
  let loaded: { readonly face: Face; readonly font: Font } | undefined
  const load = (bytes: Uint8Array) => {
    const face = new Face(new Blob(bytes))
    return (loaded = { face, font: new Font(face) })
  }
  const fontNow = () => (loaded ?? load(read())).font

  const bytes = read()
  const cff = tableOf(bytes, 'CFF ')
  if (cff === undefined && tableOf(bytes, 'glyf') === undefined)
    throw new Error(`the font ${name} is no TrueType or OpenType font with outlines`)
  const kind = cff === undefined ? 'truetype' : 'cff'
  const cids = cff === undefined ? undefined : cidsOf(cff)
  const glyphs = cids === undefined ? undefined : glyphsOf(cids)
  const { face, font } = load(bytes)
  const covers = createCoverage(face.collectUnicodes())
  const scale = 1000 / face.upem
  const extents = font.hExtents()
  const buffer = new ShapingBuffer()
  let whole: SubsetFace | undefined

  const codeOf = (glyph: number) => (cids === undefined ? glyph : (cids[glyph] ?? 0))
  const glyphOf = (code: number) => (glyphs === undefined ? code : (glyphs[code] ?? 0))
  const widths = new Map<number, number>()
  const widthOf = (code: number) => {
    let width = widths.get(code)
    if (width === undefined) widths.set(code, (width = rounded(fontNow().glyphHAdvance(glyphOf(code)) * scale)))
    return width
  }

  let runs = new Map<string, ShapedRun>()
  let older = new Map<string, ShapedRun>()

  const shapeNow = (text: string, rightToLeft: boolean, language: string): ShapedRun => {
    buffer.clearContents()
    buffer.addText(text)
    buffer.setDirection(rightToLeft ? Direction.RTL : Direction.LTR)
    buffer.setLanguage(language)
    buffer.setClusterLevel(ClusterLevel.MONOTONE_CHARACTERS)
    buffer.setFlags(BufferFlag.REMOVE_DEFAULT_IGNORABLES)
    buffer.guessSegmentProperties()
    shape(fontNow(), buffer, mayLigate.test(text) ? undefined : features)
    const infos = buffer.getGlyphInfos()
    const positions = buffer.getGlyphPositions()

    const starts = Array.from(new Set(infos.map(({ cluster }) => cluster))).toSorted((one, other) => one - other)
    const ends = new Map(starts.map((start, index) => [start, starts[index + 1] ?? text.length]))
    const clusters: Cluster[] = []
    let width = 0
    // What the pen is off from where the glyphs' own widths have brought it.
    let pending = 0
    for (let at = 0; at < infos.length;) {
      const start = infos[at]?.cluster ?? 0
      const codes: number[] = []
      let operands = ''
      for (; at < infos.length && infos[at]?.cluster === start; at++) {
        const glyph = infos[at]?.codepoint ?? 0
        const { xAdvance = 0, xOffset = 0, yOffset = 0 } = positions[at] ?? {}
        const code = codeOf(glyph)
        codes.push(code)
        pending += xOffset * scale
        const shift = adjustment(pending)
        const rise = Math.round(yOffset * scale) / 1000
        const shown = `${shift === 0 ? '' : shift}<${hexCode(code)}>`
        operands += rise === 0 ? shown : `]TJ ${rise} Ts[${shown}]TJ 0 Ts[`
        const own = widthOf(code)
        pending = pending + shift + xAdvance * scale - own - xOffset * scale
        width += xAdvance * scale
      }
      const last = at >= infos.length ? adjustment(pending) : 0
      clusters.push({
        text: text.slice(start, ends.get(start)),
        codes,
        operands: last === 0 ? operands : operands + String(last),
      })
    }
    return {
      typeface,
      text,
      width,
      glyphs: infos.length,
      clusters: () => clusters,
      operands: clusters
        .map(({ operands }) => operands)
        .join('')
        .replaceAll('><', ''),
    }
  }

  const letters = createLetters((text, language) => shapeNow(text, false, language), covers)

  const typeface: Typeface = {
    resource,
    name,
    kind,
    metrics: { ascent: Math.round(extents.ascender * scale), descent: Math.round(extents.descender * scale) },
    covers,
    width: widthOf,
    shape(text, rightToLeft, language) {
      const key = `${rightToLeft ? '<' : '>'}${language} ${text}`
      let run = runs.get(key)
      if (run !== undefined) return run
      run = older.get(key) ?? shapeNow(text, rightToLeft, language)
      if (text.length > longestCached) return run
      if (runs.size >= cachedRuns) {
        older = runs
        runs = new Map()
      }
      runs.set(key, run)
      return run
    },
    spell(text, language) {
      const spelled = letters.spell(text, language)
      const whole = () => typeface.shape(text, false, language)
      if (spelled !== undefined) return { typeface, text, whole, ...spelled }
      return Array.from(text).every((each) => covers(each.codePointAt(0) ?? 0)) ? whole() : undefined
    },
    subset(codes) {
      whole ??= subsetter.open(read())
      const keepIds = cids === undefined
      const font = whole.subset(Array.from(codes, glyphOf), { keepIds })
      const program = (made: Uint8Array) => (kind === 'cff' ? (tableOf(made, 'CFF ') ?? made) : made)
      let uses = 0
      let second: { face: SubsetFace; glyphOf: (code: number) => number } | undefined
      const open = () => {
        const face = subsetter.open(font)
        if (keepIds) return { face, glyphOf: (code: number) => code }
        const glyphs = glyphsOf(cidsOf(program(font)) ?? new Uint16Array())
        return { face, glyphOf: (code: number) => glyphs[code] ?? 0 }
      }
      return {
        bytes: program(font),
        again(few) {
          second ??= open()
          if (uses++ === worthPreprocessing) second.face.preprocess()
          return program(second.face.subset(Array.from(few, second.glyphOf), { keepIds }))
        },
        close() {
          second?.face.close()
          second = undefined
        },
      }
    },
    close() {
      // harfbuzz's own memory is freed when these are collected.
      loaded = undefined
      runs = new Map()
      older = new Map()
      whole?.close()
      whole = undefined
    },
  }
  return typeface
}

/** The glyph of each CID. */
function glyphsOf(cids: Uint16Array): Uint16Array {
  const glyphs = new Uint16Array(cids.reduce((highest, cid) => Math.max(highest, cid), 0) + 1)
  for (const [glyph, cid] of cids.entries()) glyphs[cid] = glyph
  return glyphs
}
