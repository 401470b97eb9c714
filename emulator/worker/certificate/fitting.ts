import type { TextItem } from './layout-model.ts'
import type { Paragraph, Word } from './text/typesetter.ts'

/** Where a text may go, in points. */
export type Box = Pick<TextItem, 'width' | 'height' | 'size' | 'wrapBelow'> & {
  /** Between the glyphs, in thousandths of the size. */
  readonly tracking: number
}

export interface Fitted {
  readonly size: number
  readonly lines: readonly (readonly Word[])[]
  /** The text was too long for its box at any legible size; the last line has to end in an ellipsis. */
  readonly cut: boolean
}

export const lineHeight = 1.22
const smallest = 3

type Line = readonly Word[]

/** Shrinks, then wraps, then shrinks what is wrapped, and cuts what even then has no room. Each paragraph begins a line. */
export function fit(paragraphs: readonly Paragraph[], box: Box): Fitted {
  const { tracking } = box
  const widest = Math.max(1, ...paragraphs.map(({ words }) => lineWidth(words, tracking)))
  const sizeOfWidest = (box.width * 1000) / widest
  const sizeUnwrapped =
    paragraphs.length < 2 ? sizeOfWidest : Math.min(sizeOfWidest, box.height / (paragraphs.length * lineHeight))
  if (sizeUnwrapped >= box.wrapBelow) {
    return { size: Math.min(box.size, sizeUnwrapped), lines: paragraphs.map(({ words }) => words), cut: false }
  }

  const wrappers = paragraphs.map((paragraph) => wrapper(paragraph, tracking))
  const wrap = (width: number) => wrappers.flatMap((lines) => lines(width))
  const linesAt = (size: number) => wrap((box.width * 1000) / size)
  const room = (size: number) => Math.max(1, Math.floor(box.height / (size * lineHeight)))

  let size = Math.min(smallest, box.wrapBelow)
  let lines = linesAt(size)
  if (lines.length > room(size)) return { size, lines: lines.slice(0, room(size)), cut: true }
  for (let low = size, high = box.wrapBelow, turn = 0; turn < 10; turn++) {
    const middle = (low + high) / 2
    const wrapped = linesAt(middle)
    if (wrapped.length <= room(middle)) {
      low = size = middle
      lines = wrapped
    } else {
      high = middle
    }
  }
  return { size, lines: balance(lines, wrap, (box.width * 1000) / size), cut: false }
}

const spaceWidth = ({ space }: Word, tracking: number) => (space === undefined ? 0 : space.run.width + tracking)
const wordWidth = ({ width, glyphs }: Word, tracking: number) => width + glyphs * tracking

/** In thousandths of the size. */
export function lineWidth(line: Line, tracking: number): number {
  let width = line.length === 0 ? 0 : -tracking
  for (const [index, word] of line.entries()) {
    width += wordWidth(word, tracking) + (index === 0 ? 0 : spaceWidth(word, tracking))
  }
  return width
}

/** The narrowest lines that are as few: a name on two lines reads better when both are about as long. */
function balance(lines: readonly Line[], wrap: (width: number) => Line[], width: number): readonly Line[] {
  if (lines.length > 4) return lines
  let best = lines
  for (let low = width / 2, high = width, turn = 0; turn < 6; turn++) {
    const middle = (low + high) / 2
    const wrapped = wrap(middle)
    if (wrapped.length <= lines.length) {
      high = middle
      best = wrapped
    } else {
      low = middle
    }
  }
  return best
}

/** Breaks between words, in open words, and in others only where the word alone is wider than a line. */
function wrapper(paragraph: Paragraph, tracking: number): (width: number) => Line[] {
  const parts = new Map<Word, readonly Word[]>()
  const split = (word: Word) => {
    let pieces = parts.get(word)
    if (pieces === undefined) parts.set(word, (pieces = paragraph.split(word)))
    return pieces
  }

  return (width) => {
    const lines: Line[] = []
    let line: Word[] = []
    let used = 0
    const end = () => {
      if (line.length > 0) lines.push(line)
      line = []
      used = 0
    }
    const put = (word: Word): void => {
      const own = wordWidth(word, tracking)
      const space = spaceWidth(word, tracking)
      if (line.length > 0 && used + space + own <= width) {
        line.push(word)
        used += space + own
        return
      }
      if (word.open !== true || line.length === 0) end()
      const parts = line.length === 0 && own <= width ? [] : split(word)
      if (parts.length > 1) {
        for (const part of parts) put(part)
      } else {
        end()
        line.push(word)
        used = own
      }
    }
    for (const word of paragraph.words) put(word)
    end()
    return lines
  }
}
