import { LineCounter, parseDocument, visit, type Document } from 'yaml'
import { messageOf } from './errors.ts'

export type Yaml =
  | { readonly ok: true; readonly document: Document; readonly lines: LineCounter; readonly value: unknown }
  | { readonly ok: false; readonly line: number; readonly reason: string }

/** YAML (or JSON, which is YAML) from whoever wrote it; where it is none, the line and why. */
export function readYaml(text: string): Yaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'error' })
  const [error] = document.errors
  const fail = (offset: number, reason: string): Yaml => ({
    ok: false,
    line: lines.linePos(offset).line,
    reason: `no YAML: ${reason}`,
  })
  if (error !== undefined) return fail(error.pos[0], error.message.split(' at line ')[0] ?? '')
  let unresolved: { readonly name: string; readonly at: number } | undefined
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) unresolved ??= { name: alias.source, at: alias.range?.[0] ?? 0 }
    },
  })
  if (unresolved !== undefined) return fail(unresolved.at, `*${unresolved.name} names no anchor before it`)
  try {
    return { ok: true, document, lines, value: document.toJS() }
  } catch (unreadable) {
    // So many aliases of aliases that they would fill the memory.
    return fail(0, messageOf(unreadable))
  }
}
