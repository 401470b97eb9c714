const pattern = /\{([A-Za-z_][A-Za-z0-9_.-]*)\}/g
const lineEnds = /[\n\v\f\r\u0085\u2028\u2029]+/g

/** The names in `{course} on {date}`, each once, in the order of their first use. Any other brace is a brace. */
export function placeholdersOf(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(pattern), ([, name = '']) => name))]
}

/**
 * The text with its placeholders filled; a line end in a value is a space. Where it has some and all of them are empty it is empty itself:
 * `with the grade {grade}` says nothing where there is no grade.
 */
export function fillText(text: string, values: Readonly<Record<string, string>>): string {
  let placeholders = 0
  let filled = 0
  const result = text.replace(pattern, (_, name: string) => {
    placeholders++
    const value = Object.hasOwn(values, name) ? (values[name] ?? '') : ''
    if (value.trim() !== '') filled++
    return value.replace(lineEnds, ' ')
  })
  return placeholders > 0 && filled === 0 ? '' : result
}
