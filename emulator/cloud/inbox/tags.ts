/** A tag as Mailpit keeps it: letters, digits, `- _ . @` and single spaces, at most 100 characters. */
export function cleanTag(tag: string): string {
  return tag
    .replace(/[^a-zA-Z0-9\- _.@]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 100)
}

/** Tags without repetition (letter case does not count), in alphabetical order. */
export function cleanTags(tags: readonly string[]): string[] {
  const known = new Map<string, string>()
  for (const tag of tags.map(cleanTag)) {
    if (tag !== '' && !known.has(tag.toLowerCase())) known.set(tag.toLowerCase(), tag)
  }
  return [...known.values()].toSorted()
}

/** `ann+reports+daily@example.com` carries the tags `reports` and `daily`. */
export function plusTags(address: string): string[] {
  const at = address.indexOf('@')
  const plus = address.indexOf('+')
  return plus >= 0 && plus < at ? address.slice(plus + 1, at).split('+') : []
}
