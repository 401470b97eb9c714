import { adjustment, hexCode } from './operands.ts'
import type { Cluster, ShapedRun } from './typeface.ts'

/** A letter whose glyph is the same whatever stands beside it. */
interface Letter extends Cluster {
  readonly width: number
  /** How much nearer the next letter comes, by that letter; undefined where the two are more than the sum. */
  readonly pairs: Map<string, number | undefined>
}

type Alphabet = Map<string, Letter | undefined>
export type Spelled = Pick<ShapedRun, 'width' | 'glyphs' | 'clusters' | 'operands'>

const mostPairs = 20_000

/**
 * Words are put together from what harfbuzz says of each letter and of each pair: for composed letters of Latin, Greek and
 * Cyrillic without ligatures that is all that it looks at, and asking once is quicker than asking for every word.
 */
export function createLetters(
  shape: (text: string, language: string) => ShapedRun,
  covers: (codePoint: number) => boolean,
): { spell(text: string, language: string): Spelled | undefined } {
  // By language: letters have forms of their own in some.
  const alphabets = new Map<string, Alphabet>()
  let pairs = 0

  const alphabetOf = (language: string): Alphabet => {
    let alphabet = alphabets.get(language)
    if (alphabet === undefined || pairs > mostPairs) {
      alphabets.set(language, (alphabet = new Map()))
      pairs = 0
    }
    return alphabet
  }

  const letterOf = (character: string, alphabet: Alphabet, language: string): Letter | undefined => {
    const known = alphabet.get(character)
    if (known !== undefined || alphabet.has(character)) return known
    let letter: Letter | undefined
    if (covers(character.codePointAt(0) ?? 0)) {
      const { clusters, operands, width } = shape(character, language)
      const [cluster, ...others] = clusters()
      const code = hexCode(cluster?.codes[0] ?? 0)
      if (cluster?.codes.length === 1 && others.length === 0 && operands === `<${code}>`) {
        letter = { ...cluster, operands: code, width, pairs: new Map() }
      }
    }
    alphabet.set(character, letter)
    return letter
  }

  const nearness = (left: Letter, right: Letter, language: string): number | undefined => {
    if (left.pairs.has(right.text)) return left.pairs.get(right.text)
    const both = shape(left.text + right.text, language)
    const [one, other] = both.clusters()
    const same = both.glyphs === 2 && one?.codes[0] === left.codes[0] && other?.codes[0] === right.codes[0]
    const distance = left.width + right.width - both.width
    const sum = `<${left.operands}>${adjustment(-distance) || ''}<${right.operands}>`.replaceAll('><', '')
    const nearer = same && both.operands === sum ? distance : undefined
    left.pairs.set(right.text, nearer)
    pairs++
    return nearer
  }

  return {
    /** Undefined where a letter is lacking, or does more than stand beside its neighbours. */
    spell(text, language) {
      const alphabet = alphabetOf(language)
      let glyphs = 0
      let operands = '<'
      let width = 0
      let left: Letter | undefined
      for (const character of text) {
        const letter = letterOf(character, alphabet, language)
        if (letter === undefined) return undefined
        if (left !== undefined) {
          const nearer = left.pairs.get(character) ?? nearness(left, letter, language)
          if (nearer === undefined) return undefined
          if (nearer !== 0) {
            const adjusted = adjustment(-nearer)
            if (adjusted !== 0) operands += `>${adjusted}<`
            width -= nearer
          }
        }
        operands += letter.operands
        width += letter.width
        glyphs++
        left = letter
      }
      operands += '>'
      // A list only when it is asked for: most words are seen once.
      const clusters = () => {
        const letters: Letter[] = []
        for (const character of text) letters.push(alphabet.get(character) as Letter)
        return letters
      }
      return { width, glyphs, clusters, operands }
    },
  }
}
