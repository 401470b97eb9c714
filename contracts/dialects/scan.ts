import { maxDepth } from './canonical.ts'

/** Where and why a text is no JSON that can be taken. */
export interface JsonFault {
  readonly offset: number
  readonly reason: string
  readonly fix?: string
}

const whiteSpace = /[ \t\n\r]*/y
const numberText = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
// A string's plain run ends at a quote, a backslash or a control character, which JSON forbids in strings.
const stringEnd = /["\\\u0000-\u001f]/g

/**
 * Finds the first place where a text is no JSON, nests deeper than a job may, or repeats a name in an object (of which
 * `JSON.parse` would silently keep the last). Never repeats the content; iterative, so that no nesting can overflow it.
 */
export function scanJson(text: string): JsonFault | undefined {
  const open: (Set<string> | null)[] = []
  let offset = skip(whiteSpace, text, 0)
  let expect: 'value' | 'name' | 'name-or-end' | 'value-or-end' | 'after' = 'value'

  for (;;) {
    if (offset >= text.length) {
      if (expect === 'after' && open.length === 0) return undefined
      return { offset, reason: 'the text ends too early', fix: 'send the whole JSON: is it cut off?' }
    }
    const names = open.at(-1)
    const character = text[offset] as string

    if (expect === 'after') {
      if (open.length === 0) return { offset, reason: `${shown(text, offset)} after the end of the JSON` }
      if (character === ',') {
        expect = names ? 'name' : 'value'
        offset++
      } else if (character === (names ? '}' : ']')) {
        open.pop()
        offset++
      } else return { offset, reason: `expected "," or "${names ? '}' : ']'}", found ${shown(text, offset)}` }
    } else if (expect === 'name' || expect === 'name-or-end') {
      if (character === '}' && expect === 'name-or-end') {
        open.pop()
        offset++
        expect = 'after'
      } else {
        if (character === '}')
          return { offset, reason: 'a comma before "}"', fix: 'JSON has no comma after the last field' }
        if (character !== '"')
          return { offset, reason: `expected a name in double quotes, found ${shown(text, offset)}` }
        const end = endOfString(text, offset)
        if (typeof end !== 'number') return end
        const name = nameIn(text, offset, end)
        if (names?.has(name))
          return {
            offset,
            reason: `the name ${JSON.stringify(name.slice(0, 60))} stands twice in one object`,
            fix: 'write each name once',
          }
        names?.add(name)
        offset = skip(whiteSpace, text, end)
        if (text[offset] !== ':') return { offset, reason: `expected ":", found ${shown(text, offset)}` }
        offset++
        expect = 'value'
      }
    } else {
      if (character === ']' && expect === 'value-or-end') {
        open.pop()
        offset++
        expect = 'after'
      } else if (character === '{' || character === '[') {
        if (open.length >= maxDepth) return { offset, reason: `nested deeper than ${maxDepth} levels` }
        open.push(character === '{' ? new Set() : null)
        expect = character === '{' ? 'name-or-end' : 'value-or-end'
        offset++
      } else {
        const end = character === '"' ? endOfString(text, offset) : endOfPlain(text, offset)
        if (typeof end !== 'number') return end
        offset = end
        expect = 'after'
      }
    }
    offset = skip(whiteSpace, text, offset)
  }
}

function skip(pattern: RegExp, text: string, offset: number): number {
  // Compact JSON has no white space to skip.
  if (text.charCodeAt(offset) > 32) return offset
  pattern.lastIndex = offset
  pattern.test(text)
  return pattern.lastIndex
}

function endOfPlain(text: string, offset: number): number | JsonFault {
  for (const pattern of [numberText, word]) {
    pattern.lastIndex = offset
    if (pattern.test(text)) return pattern.lastIndex
  }
  if (text[offset] === "'") return { offset, reason: 'a string in single quotes', fix: 'JSON has double quotes only' }
  if (text[offset] === ']' || text[offset] === '}')
    return { offset, reason: `a comma before "${text[offset]}"`, fix: 'JSON has no comma after the last value' }
  return { offset, reason: `expected a value, found ${shown(text, offset)}` }
}

function endOfString(text: string, offset: number): number | JsonFault {
  let at = offset + 1
  for (;;) {
    stringEnd.lastIndex = at
    const match = stringEnd.exec(text)
    if (match === null)
      return {
        offset: text.length,
        reason: 'the text ends inside a string',
        fix: 'send the whole JSON: is it cut off?',
      }
    at = match.index
    if (match[0] === '"') return at + 1
    if (match[0] !== '\\')
      return {
        offset: at,
        reason: `${shown(text, at)} inside a string`,
        fix: 'write it as an escape (\\n, \\t, \\u0000)',
      }
    const escaped = text[at + 1] ?? ''
    if (escaped === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(text.slice(at + 2, at + 6)))
        return { offset: at, reason: '\\u without four hex digits' }
      at += 6
    } else if (escaped !== '' && '"\\/bfnrt'.includes(escaped)) at += 2
    else return { offset: at, reason: 'a backslash that begins no escape of JSON' }
  }
}

function nameIn(text: string, from: number, to: number): string {
  const raw = text.slice(from + 1, to - 1)
  return raw.includes('\\') ? String(JSON.parse(text.slice(from, to))) : raw
}

function shown(text: string, offset: number): string {
  const code = text.codePointAt(offset)
  if (code === undefined) return 'the end of the text'
  if (code < 32 || code === 127) return `the control character U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return `"${String.fromCodePoint(code)}"`
}
