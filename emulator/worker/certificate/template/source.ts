import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseDocument, type Node } from 'yaml'
import { messageOf } from '../../../kernel/errors.ts'

export interface Place {
  readonly line: number
  readonly column: number
}

/** A YAML file as it was read: its value, and where each part of it stands. */
export interface Source {
  readonly value: unknown
  /** Where the value at a path stands; with `key`, its key; the nearest around it where it has no place of its own. */
  place(path: readonly PropertyKey[], part?: 'key' | 'value'): Place
  /** A line as it was written; the first is 1. */
  line(number: number): string
}

export interface SyntaxProblem extends Place {
  readonly reason: string
  readonly fix?: string
}

export type ReadSource =
  { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly problems: readonly SyntaxProblem[] }

const quote = "Put the text into quotes: '…'"

/** Reads YAML 1.2, with merge keys (`<<: *style`) for what several items share. */
export function readSource(text: string): ReadSource {
  const lines = text.split(/\r\n|[\r\n]/)
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, merge: true })
  const at = (offset: number): Place => {
    const { line, col } = counter.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  const [error] = document.errors
  if (error !== undefined) {
    const place = at(error.pos[0])
    const written = lines[place.line - 1] ?? ''
    // `text: {firstname} {lastname}` is two maps for YAML, `text: Course: {course}` a map in a map.
    const unquoted = /:\s+[^'"#|>\s].*[{}:]/.test(written) && error.code !== 'DUPLICATE_KEY'
    return { ok: false, problems: [{ ...place, reason: wordsFor(error), ...(unquoted ? { fix: quote } : {}) }] }
  }

  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 1000 })
  } catch (failure) {
    return { ok: false, problems: [{ line: 1, column: 1, reason: `it cannot be read: ${messageOf(failure)}` }] }
  }

  return {
    ok: true,
    source: {
      value,
      line: (number) => lines[number - 1] ?? '',
      place(path, part = 'value') {
        let node: Node | null = document.contents
        let offset = node?.range?.[0] ?? 0
        for (const [index, name] of path.entries()) {
          if (isAlias(node)) node = node.resolve(document) ?? null
          const found: unknown = isMap(node)
            ? node.items.find(({ key }) => isScalar(key) && key.value === name)
            : isSeq(node)
              ? node.items[Number(name)]
              : undefined
          if (found === undefined) break
          const last = index === path.length - 1
          const [key, inner] = isPair(found) ? [found.key as Node, found.value as Node | null] : [found as Node, found]
          const shown: Node | null = last && part === 'key' ? key : ((inner as Node | null) ?? key)
          offset = shown?.range?.[0] ?? offset
          node = inner as Node | null
        }
        return at(offset)
      },
    },
  }
}

function wordsFor({ code, message }: { readonly code: string; readonly message: string }): string {
  if (code === 'DUPLICATE_KEY') return 'the key is there twice'
  if (code === 'TAB_AS_INDENT') return 'a tab stands where YAML wants spaces'
  return `it is no YAML: ${message}`
}
