import { escapeXml } from './escape.ts'

/** What an element holds: text, elements in their order, or nothing at all (undefined: it is left out). */
export type Content = string | number | boolean | undefined | readonly Child[]

export type Child = readonly [name: string, content: Content]

/** The inside of an element, as XML. */
function inner(content: Content): string {
  if (typeof content !== 'object') return escapeXml(String(content))
  return content.map(([name, value]) => (value === undefined ? '' : `<${name}>${inner(value)}</${name}>`)).join('')
}

/** An answer's document, in S3's namespace. */
export function document(root: string, content: Content): string {
  const start = `<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${start}${inner(content)}</${root}>`
}
