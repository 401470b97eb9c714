// AWS escapes the quote and the carriage return too: a parser would make a line feed of the latter.
const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
}

// What XML 1.0 cannot hold even escaped; only our own words (an error that quotes its input) can contain it.
const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g

export function escapeXml(text: string): string {
  return text.replace(/[&<>"\r]/g, (character) => escapes[character] ?? '').replace(forbidden, '\ufffd')
}

/** An element; `content` is XML. */
export const element = (name: string, content: string): string => `<${name}>${content}</${name}>`

/** An element that holds text. */
export const textElement = (name: string, text: unknown): string => element(name, escapeXml(String(text)))
