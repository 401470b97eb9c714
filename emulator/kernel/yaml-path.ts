import { isAlias, isMap, isNode, isScalar, isSeq, type Document, type LineCounter } from 'yaml'

type Path = readonly PropertyKey[]

/** A path as a person reads it: `[0].when.every`, `jobs.import.recipients`. */
export function writtenPath(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('')
}

/** The line of the key or item that a path leads to, or of the nearest around it; undefined in an empty document. */
export function lineOf(document: Document, lines: LineCounter, path: Path): number | undefined {
  let node: unknown = document.contents
  let at = isNode(node) ? node.range?.[0] : undefined
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      if (pair === undefined) break
      at = isNode(pair.key) ? (pair.key.range?.[0] ?? at) : at
      node = pair.value
    } else if (isSeq(node)) {
      const item = node.items[Number(key)]
      if (!isNode(item)) break
      at = item.range?.[0] ?? at
      node = item
    } else break
  }
  return at === undefined ? undefined : lines.linePos(at).line
}
