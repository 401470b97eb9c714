// Most text is below: a table of it is quicker than a search.
const tabled = 0x2100

/** Which code points a font has, of those that it lists in ascending order. */
export function createCoverage(listed: Uint32Array): (codePoint: number) => boolean {
  const sorted = listed.slice()
  const table = new Uint8Array(tabled)
  // Some fonts have an empty glyph for control characters, which would make them vanish.
  for (const codePoint of sorted) if (codePoint < tabled && !isControl(codePoint)) table[codePoint] = 1
  return (codePoint) => (codePoint < tabled ? table[codePoint] === 1 : has(sorted, codePoint))
}

const isControl = (codePoint: number) => codePoint < 0x20 || (codePoint >= 0x7f && codePoint < 0xa0)

/** Whether the ascending numbers have this one. */
function has(sorted: Uint32Array, value: number): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return sorted[low] === value
}
