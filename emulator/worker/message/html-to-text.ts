const named: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  euro: '€',
  copy: '©',
}

function decodeEntities(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{1,8}));/gi,
    (entity, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? entity
      const code = decimal === undefined ? parseInt(hex ?? '', 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
    },
  )
}

const unread = new Set(['script', 'style', 'head', 'title', 'noscript'])
const paragraphs = /^(?:p|div|table|ul|ol|h[1-6]|blockquote|section|article|header|footer|hr|pre)$/
const lines = /^(?:br|tr|li)$/

/** A text part for html that came without one: paragraphs, list marks, and where the links go. One pass over the html. */
export function htmlToText(html: string): string {
  let text = ''
  let skipping = ''
  let link: { readonly url: string; readonly from: number } | undefined
  for (const token of html.split(/(<[^<>]*>)/)) {
    const [, slash, name = ''] = /^<(\/?)([a-z][a-z0-9]*)/i.exec(token) ?? []
    const tag = name.toLowerCase()
    const closes = slash === '/'
    if (skipping !== '') {
      if (closes && tag === skipping) skipping = ''
    } else if (unread.has(tag) && !closes) skipping = tag
    else if (tag === 'a') {
      const url = /\shref\s*=\s*["']?(https?:[^"'\s>]+)/i.exec(token)?.[1]
      if (!closes && url !== undefined) link = { url: decodeEntities(url), from: text.length }
      else if (closes && link !== undefined) {
        if (!decodeEntities(text.slice(link.from)).includes(link.url)) text += ` (${link.url})`
        link = undefined
      }
    } else if (paragraphs.test(tag)) text += '\n\n'
    else if (lines.test(tag) && (tag !== 'li' || !closes)) text += tag === 'li' ? '\n- ' : '\n'
    else if (tag === 'td' || tag === 'th') text += ' '
    else if (!token.startsWith('<')) text += decodeEntities(token.replace(/\s+/g, ' '))
    else if (tag === '' && !token.startsWith('<!')) text += token
  }
  return `${text
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`
}
