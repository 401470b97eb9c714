import type { InboxMessage } from '../../cloud/inbox/inbox.ts'

/**
 * A mail is somebody else's page on our port: it gets an origin of its own, runs nothing, and loads nothing but its own
 * inline images.
 */
export const viewPolicy = [
  'sandbox allow-popups allow-popups-to-escape-sandbox',
  "default-src 'none'",
  "img-src 'self' data:",
  "style-src 'unsafe-inline'",
  'font-src data:',
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')

/** The message's html with its `cid:` images linked; with `embed`, links open in a page of their own. */
export function renderedHtml({ id, html, inline, attachments }: InboxMessage, { embed }: { embed: boolean }): string {
  const parts = new Map([...inline, ...attachments].map(({ contentId, partId }) => [contentId.toLowerCase(), partId]))
  const linked = html.replace(/((?:=\s*|\()["']?)cid:([^"'\s>)]+)/gi, (whole, before: string, contentId: string) => {
    const part = parts.get(contentId.toLowerCase())
    return part === undefined ? whole : `${before}/api/v1/message/${id}/part/${part}`
  })
  if (!embed) return linked
  const base = '<base target="_blank">'
  return /<head\b[^>]*>/i.test(linked)
    ? linked.replace(/<head\b[^>]*>/i, (head) => `${head}${base}`)
    : `${base}${linked}`
}
