import bidiModule, { type Bidi } from 'bidi-js'
import type { FontLibrary } from '../fonts/library.ts'
import type { ShapedRun, Typeface } from '../fonts/typeface.ts'
import type { FontChoice } from '../layout-model.ts'
import { isIgnorable, replacement } from './plain.ts'

/** Glyphs in visual order at a level of embedding: odd is right to left. */
export interface Placed {
  readonly run: ShapedRun
  readonly level: number
}

/** What a line is not broken in, unless it is open or alone wider than the line. */
export interface Word {
  readonly text: string
  readonly runs: readonly Placed[]
  readonly width: number
  readonly glyphs: number
  /** What is between the word before and this one on the same line. */
  readonly space?: Placed | undefined
  /** Of a script without spaces: any of its pieces may begin a line. */
  readonly open?: boolean
}

export interface Paragraph {
  readonly text: string
  readonly words: readonly Word[]
  /** A word's pieces, each of which may begin a line. */
  split(word: Word): readonly Word[]
  /** Code points that no font has. */
  readonly missing: ReadonlySet<number>
}

export interface Typesetter {
  /** Plain text → words, each with its fonts, shapes and direction, in the order in which they are read. */
  typeset(text: string, choice: FontChoice, language: string): Paragraph
}

interface Piece {
  readonly text: string
  readonly typeface: Typeface
  readonly level: number
  readonly script: number
}

// Composed letters of the scripts that one font has, and that are shaped one by one: Latin, Greek, Cyrillic.
const simple =
  /^[ -~\u00a0-\u00ac\u00ae-\u024f\u0384-\u03ff\u0400-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u203a\u20ac]*$/
const rightToLeft =
  /[\p{Bidi_Control}\p{Script=Arabic}\p{Script=Hebrew}\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}]/u
const hangul = /\p{Script=Hangul}/u

// The package's types call its only export `default`; Node gives the export itself.
const createBidi = bidiModule as unknown as () => Bidi

const nothing: ReadonlySet<number> = new Set()
const mostFound = 20_000
const longestFound = 20

export function createTypesetter(library: FontLibrary): Typesetter {
  const bidi = createBidi()
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const lineWords = new Intl.Segmenter('und', { granularity: 'word' })

  const mains = new WeakMap<FontChoice, Typeface>()
  const first = (choice: FontChoice, language: string): Typeface => {
    const known = mains.get(choice)
    if (known !== undefined) return known
    for (const typeface of library.candidates(choice, ' ', language)) {
      mains.set(choice, typeface)
      return typeface
    }
    throw new Error('there is no font')
  }

  const place = ({ text, typeface, level }: Omit<Piece, 'script'>, language: string): Placed => ({
    run: typeface.shape(text, level % 2 === 1, language),
    level,
  })

  const wordOf = (text: string, runs: readonly Placed[], space: Placed | undefined): Word => {
    let width = 0
    let glyphs = 0
    for (const { run } of runs) {
      width += run.width
      glyphs += run.glyphs
    }
    return { text, runs, width, glyphs, space }
  }

  /** Of the font before it, which saves a change; but a font of pictures has spaces as wide as a picture. */
  const spaceAfter = (before: Typeface | undefined, main: Typeface, level: number, language: string): Placed => {
    if (before?.covers(0x20) === true) {
      const space = place({ text: ' ', typeface: before, level }, language)
      if (space.run.width < 500) return space
    }
    return place({ text: ' ', typeface: main, level }, language)
  }

  /** Undefined where the font lacks a letter. */
  const spelled = (text: string, typeface: Typeface, language: string, space?: Placed): Word | undefined => {
    const run = typeface.spell(text, language)
    return run === undefined
      ? undefined
      : { text, runs: [{ run, level: 0 }], width: run.width, glyphs: run.glyphs, space }
  }

  const simpleWords = (text: string, typeface: Typeface, language: string): readonly Word[] | undefined => {
    const space = place({ text: ' ', typeface, level: 0 }, language)
    const words: Word[] = []
    for (const part of text.split(' ')) {
      const word = spelled(part, typeface, language, words.length === 0 ? undefined : space)
      if (word === undefined) return undefined
      words.push(word)
    }
    return words
  }

  /** By choice of font, then by language and grapheme. */
  const found = new WeakMap<FontChoice, Map<string, Typeface | undefined>>()
  const fontFor = (grapheme: string, choice: FontChoice, language: string): Typeface | undefined => {
    let fonts = found.get(choice)
    if (fonts === undefined || fonts.size > mostFound) found.set(choice, (fonts = new Map()))
    const key = `${language} ${grapheme}`
    const known = fonts.get(key)
    if (known !== undefined || fonts.has(key)) return known
    const typeface = search(grapheme, choice, language)
    if (grapheme.length <= longestFound) fonts.set(key, typeface)
    return typeface
  }

  /** The first font that has all of the text, or undefined. */
  const search = (text: string, choice: FontChoice, language: string): Typeface | undefined => {
    const points = Array.from(text, (character) => character.codePointAt(0) ?? 0)
    const wanted = points.filter((point) => !isIgnorable(point))
    if (wanted.length === 0) return first(choice, language)
    for (const typeface of library.candidates(choice, text, language)) {
      if (wanted.every((point) => typeface.covers(point))) return typeface
    }
    return undefined
  }

  /** Text of several fonts, scripts or directions, or of letters that act on one another. */
  const mixed = (text: string, choice: FontChoice, language: string, main: Typeface): Paragraph => {
    const missing = new Set<number>()
    // Han characters are one script in three forms: what else is written tells whose.
    const form = kana.test(text) ? 'ja' : hangul.test(text) ? 'ko' : language
    const { levels } = rightToLeft.test(text) ? bidi.getEmbeddingLevels(text) : { levels: undefined }
    const pieces = (part: string, offset: number): Piece[] => {
      const found: Piece[] = []
      const add = (piece: Piece) => {
        const last = found.at(-1)
        if (
          last !== undefined &&
          last.typeface === piece.typeface &&
          last.level === piece.level &&
          sameScript(last, piece)
        ) {
          const script = last.script === 0 ? piece.script : last.script
          found[found.length - 1] = { ...last, script, text: last.text + piece.text }
        } else {
          found.push(piece)
        }
      }
      for (const { segment, index } of graphemes.segment(part)) {
        const level = levels?.[offset + index] ?? 0
        const typeface = fontFor(segment, choice, form)
        if (typeface !== undefined) {
          add({ text: segment, typeface, level, script: scriptOf(segment) })
          continue
        }
        for (const character of segment) {
          const point = character.codePointAt(0) ?? 0
          const alone = fontFor(character, choice, form)
          if (alone === undefined) missing.add(point)
          const shown = alone === undefined ? replacement : character
          const by = alone ?? fontFor(replacement, choice, form) ?? main
          add({ text: shown, typeface: by, level, script: scriptOf(shown) })
        }
      }
      return found
    }

    const words: Word[] = []
    const offsets = new Map<Word, number>()
    const build = (part: string, offset: number, space: Placed | undefined, open: boolean): Word => {
      const runs = pieces(part, offset).map((piece) => place(piece, form))
      const word = { ...wordOf(part, runs, space), open }
      offsets.set(word, offset)
      return word
    }
    let at = 0
    for (const [index, spaced] of text.split(' ').entries()) {
      let space: Placed | undefined
      if (index > 0) {
        space = spaceAfter(words.at(-1)?.runs.at(-1)?.run.typeface, main, levels?.[at] ?? 0, form)
        at++
      }
      words.push(build(spaced, at, space, breakable.test(spaced)))
      at += spaced.length
    }
    const split = (word: Word): readonly Word[] => {
      let offset = offsets.get(word) ?? 0
      const segments = (by: Intl.Segmenter) => Array.from(by.segment(word.text), ({ segment }) => segment)
      const parts = word.open === true ? unspacedWords(word.text, lineWords) : segments(graphemes)
      return (parts.length > 1 ? parts : segments(graphemes)).map((part, index) => {
        const piece = build(part, offset, index === 0 ? word.space : undefined, false)
        offset += part.length
        return piece
      })
    }
    return { text, words, missing, split }
  }

  return {
    typeset(text, choice, language) {
      const main = first(choice, language)
      const words = simple.test(text) ? simpleWords(text, main, language) : undefined
      if (words !== undefined) {
        const split = (word: Word) => Array.from(word.text, (part) => spelled(part, main, language) ?? word)
        return { text, words, split, missing: nothing }
      }
      return mixed(text, choice, language, main)
    },
  }
}

/** The runs of a line from left to right: rule L2 of the bidirectional algorithm (Unicode Standard Annex 9). */
export function visualOrder(line: readonly Word[]): readonly Placed[] {
  const runs = line.flatMap(({ runs, space }, index) => (index === 0 || space === undefined ? runs : [space, ...runs]))
  const highest = Math.max(0, ...runs.map(({ level }) => level))
  for (let level = highest; level > 0; level--) {
    for (let from = 0; from < runs.length; from++) {
      let to = from
      while (to < runs.length && (runs[to]?.level ?? 0) >= level) to++
      if (to > from + 1) runs.splice(from, to - from, ...runs.slice(from, to).toReversed())
      from = to
    }
  }
  return runs
}

const scripts = [
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u,
  /\p{Script=Latin}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Cyrillic}/u,
  /[^\p{Script=Common}\p{Script=Inherited}]/u,
]
/** Characters that stand in a square each, whatever is beside them: shaped one by one, they are found again. */
const squares = 1

/** 0 where a character belongs to no script: it joins the run before it. Only what fonts share needs to be told apart. */
function scriptOf(text: string): number {
  return scripts.findIndex((script) => script.test(text)) + 1
}

function sameScript(one: Piece, other: Piece): boolean {
  if (other.script === squares) return false
  return one.script === other.script || one.script === 0 || other.script === 0
}

const breakable =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u
// What does not begin a line, and what does not end one.
const notFirst =
  /^[\p{Close_Punctuation}\p{Final_Punctuation}\p{Nonspacing_Mark}ー々、。，．・：；？！…ぁぃぅぇぉっゃゅょァィゥェォッャュョ]/u
const notLast = /[\p{Open_Punctuation}\p{Initial_Punctuation}]$/u

/** Where scripts that write no spaces may break a line: between words, as the dictionary of ICU knows them. */
function unspacedWords(text: string, segmenter: Intl.Segmenter): string[] {
  const parts: string[] = []
  for (const { segment } of segmenter.segment(text)) {
    const last = parts.at(-1)
    const joins =
      last !== undefined &&
      (notFirst.test(segment) || notLast.test(last) || !(breakable.test(segment) || breakable.test(last)))
    if (joins) parts[parts.length - 1] = last + segment
    else parts.push(segment)
  }
  return parts
}
