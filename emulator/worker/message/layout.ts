/** A piece of a mail, written once and rendered as text and as html. Values are plain text. */
export type Block =
  | { readonly kind: 'paragraph'; readonly text: string }
  /** Label and value, such as `Password: Temp123`. */
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [label: string, value: string])[] }
  | { readonly kind: 'button'; readonly label: string; readonly url: string }

export interface Letter {
  readonly subject: string
  readonly blocks: readonly Block[]
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

const signature = 'This message was sent automatically by your learning site.'

function textBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return block.text
    case 'facts':
      return block.rows.map(([label, value]) => `  ${label}: ${value}`).join('\n')
    case 'button':
      return `${block.label}:\n${block.url}`
  }
}

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return `<p style="margin:0 0 16px">${escapeHtml(block.text)}</p>`
    case 'facts': {
      const cell = (style: string, text: string) =>
        `<td style="padding:4px 16px 4px 0;${style}">${escapeHtml(text)}</td>`
      const rows = block.rows.map(
        ([label, value]) =>
          `<tr>${cell('color:#5b6472', label)}${cell('font-family:monospace;font-size:16px', value)}</tr>`,
      )
      return `<table role="presentation" style="border-collapse:collapse;margin:0 0 16px">\n${rows.join('\n')}\n</table>`
    }
    case 'button': {
      const style =
        'display:inline-block;padding:12px 22px;border-radius:6px;background:#1d5fd1;color:#ffffff;text-decoration:none;font-weight:bold'
      return `<p style="margin:0 0 16px"><a href="${escapeHtml(block.url)}"\n style="${style}">${escapeHtml(block.label)}</a></p>`
    }
  }
}

export function renderText({ blocks }: Letter): string {
  return `${blocks.map(textBlock).join('\n\n')}\n\n-- \n${signature}\n`
}

export function renderHtml({ subject, blocks }: Letter): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(subject)}</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f2f4f7">
<div style="max-width:560px;margin:0 auto;padding:32px;background:#ffffff;border-radius:8px;
 font:16px/1.5 Helvetica,Arial,sans-serif;color:#1f2733">
${blocks.map(htmlBlock).join('\n')}
<p style="margin:32px 0 0;font-size:13px;color:#5b6472">${signature}</p>
</div>
</body>
</html>
`
}
