import type { Face } from './faces.ts'

/** Where a text may go, in points. */
export interface Box {
  readonly width: number
  readonly height: number
  /** The font size where there is room for it. */
  readonly size: number
  /** Below this size a text is wrapped rather than shrunk further. */
  readonly wrapBelow: number
}

export interface Fitted {
  readonly size: number
  readonly lines: readonly string[]
  /** The text was too long for its box at any legible size; the last line ends in an ellipsis. */
  readonly cut: boolean
}

export const lineHeight = 1.22
const smallest = 3

interface Word {
  readonly text: string
  readonly width: number
}

/** Shrinks, then wraps, then shrinks what is wrapped, and cuts what even then has no room. */
export function fit(text: string, face: Face, box: Box): Fitted {
  const sizeOnOneLine = (box.width * 1000) / Math.max(1, face.width(text))
  if (sizeOnOneLine >= box.wrapBelow) return { size: Math.min(box.size, sizeOnOneLine), lines: [text], cut: false }

  const words = text.split(' ').map((word): Word => ({ text: word, width: face.width(word) }))
  const wrap = wrapper(words, face)
  const linesAt = (size: number) => wrap((box.width * 1000) / size)
  const room = (size: number) => Math.max(1, Math.floor(box.height / (size * lineHeight)))

  let size = smallest
  let lines = linesAt(size)
  if (lines.length > room(size)) {
    const kept = lines.slice(0, room(size))
    const last = Array.from(kept.pop() ?? '')
    return { size, lines: [...kept, `${last.slice(0, -3).join('')}…`], cut: true }
  }
  for (let low = smallest, high = box.wrapBelow, turn = 0; turn < 10; turn++) {
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

/** The narrowest lines that are as few: a name on two lines reads better when both are about as long. */
function balance(lines: readonly string[], wrap: (width: number) => string[], width: number): readonly string[] {
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

/** Breaks at spaces, and inside a word only where the word alone is wider than a line. */
function wrapper(words: readonly Word[], face: Face): (width: number) => string[] {
  const space = face.width(' ')
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
  const graphemes = new Map<Word, readonly Word[]>()
  const widths = new Map<string, number>()
  const split = (word: Word) => {
    let parts = graphemes.get(word)
    if (parts === undefined) {
      parts = Array.from(segmenter.segment(word.text), ({ segment }) => {
        let width = widths.get(segment)
        if (width === undefined) widths.set(segment, (width = face.width(segment)))
        return { text: segment, width }
      })
      graphemes.set(word, parts)
    }
    return parts
  }

  return (width) => {
    const lines: string[] = []
    let line = ''
    let used = 0
    const end = () => {
      if (line !== '') lines.push(line)
      line = ''
      used = 0
    }
    for (const word of words) {
      if (line !== '' && used + space + word.width <= width) {
        line += ` ${word.text}`
        used += space + word.width
        continue
      }
      end()
      if (word.width <= width) {
        line = word.text
        used = word.width
        continue
      }
      for (const part of split(word)) {
        if (line !== '' && used + part.width > width) end()
        line += part.text
        used += part.width
      }
    }
    end()
    return lines
  }
}
