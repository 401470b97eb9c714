/** What a listing asks for. */
export interface ListRequest {
  readonly prefix: string
  /** Keys are rolled up at its first occurrence after the prefix; empty for none. */
  readonly delimiter: string
  /** Only what comes after this key, or after everything under it where it is a common prefix. */
  readonly after: string
  /** 0 or more. */
  readonly maximum: number
}

export interface Listing<Item> {
  readonly items: readonly Item[]
  readonly commonPrefixes: readonly string[]
  /** The key or common prefix to go on after; undefined where this was all. */
  readonly next: string | undefined
}

/** What a key is rolled up to; undefined where it stands for itself. */
export function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

const batch = 1000

/**
 * Lists keys in the order of their UTF-8 bytes, from a source that gives the next ones. What is under a common prefix is
 * skipped, not read: a folder of a million keys costs one step.
 */
export function listKeys<Item extends { readonly key: string }>(
  { prefix, delimiter, after, maximum }: ListRequest,
  scan: (from: string, before: string | undefined, limit: number) => readonly Item[],
): Listing<Item> {
  const commonPrefixOf = (key: string) => commonPrefix(key, prefix, delimiter)
  const before = endOf(prefix)
  const first = commonPrefixOf(after) === after ? endOf(after) : nextAfter(after)
  // Where nothing is beyond the marker, or the marker is beyond the prefix.
  if (maximum === 0 || first === undefined) return { items: [], commonPrefixes: [], next: undefined }

  let from: string | undefined = greater(prefix, first)
  let last = ''
  const items: Item[] = []
  const commonPrefixes: string[] = []
  while (from !== undefined && (before === undefined || isBefore(from, before))) {
    const limit = Math.min(batch, maximum - items.length - commonPrefixes.length + 1)
    const found = scan(from, before, limit)
    from = undefined
    for (const item of found) {
      if (items.length + commonPrefixes.length === maximum) return { items, commonPrefixes, next: last }
      const common = commonPrefixOf(item.key)
      if (common !== undefined) {
        commonPrefixes.push(common)
        last = common
        from = endOf(common)
        break
      }
      items.push(item)
      last = item.key
      from = nextAfter(item.key)
    }
  }
  return { items, commonPrefixes, next: undefined }
}

const isBefore = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0
const greater = (one: string, other: string) => (isBefore(one, other) ? other : one)

/** The least that comes after a key; keys hold no U+0000. */
const nextAfter = (key: string) => (key === '' ? '' : `${key}\u0001`)

/** The least that comes after everything with this prefix; undefined where nothing does. */
export function endOf(prefix: string): string | undefined {
  const characters = Array.from(prefix)
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const code = last.codePointAt(0) ?? 0
    if (code === 0x10ffff) continue
    // No character has the numbers of the surrogates.
    return characters.join('') + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1)
  }
  return undefined
}
