import { LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
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
  let wrong: { readonly at: number; readonly reason: string } | undefined
  // Each alias could look for its anchor itself, but goes through the whole document for it.
  const anchors = new Map<string, Node>()
  visit(document, {
    Value(_, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
    Alias(_, { source, range }, path) {
      const node = anchors.get(source)
      const at = range?.[0] ?? 0
      if (node === undefined) wrong ??= { at, reason: `*${source} names no anchor before it` }
      else if (path.includes(node)) wrong ??= { at, reason: `*${source} stands inside &${source} itself` }
    },
  })
  if (wrong !== undefined) return fail(wrong.at, wrong.reason)
  try {
    return { ok: true, document, lines, value: document.toJS() }
  } catch (unreadable) {
    // So many aliases of aliases that they would fill the memory.
    return fail(0, messageOf(unreadable))
  }
}
