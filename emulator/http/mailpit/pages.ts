import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { Address } from '../../cloud/inbox/headers.ts'
import { html, type Html } from '../../dashboard/html.ts'
import type { Inbox, InboxEntry, InboxMessage, InboxPage } from '../../cloud/inbox/inbox.ts'

const nothing: Html = { markup: '' }

const style: Html = {
  markup: `
:root{color-scheme:light dark;--ink:#1f2733;--soft:#5b6472;--line:#dfe3e8;--paper:#fff;--ground:#f4f6f8;--accent:#1d5fd1}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#9aa4b2;--line:#333b46;--paper:#1b2027;--ground:#12161b;--accent:#7aa7ff}}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
a{color:var(--accent)}main{max-width:1000px;margin:0 auto;padding:20px 16px}
header{display:flex;gap:16px;align-items:center;flex-wrap:wrap;margin-bottom:16px}h1{font-size:20px;margin:0}
form{flex:1;display:flex;gap:8px;min-width:240px}input{flex:1;font:inherit;padding:7px 10px;border:1px solid var(--line);border-radius:6px;background:var(--paper);color:inherit}
button{font:inherit;padding:7px 14px;border:1px solid var(--line);border-radius:6px;background:var(--paper);color:inherit}
.card{background:var(--paper);border:1px solid var(--line);border-radius:8px;overflow:hidden}
.mail{display:grid;grid-template-columns:minmax(120px,1fr) 3fr auto;gap:4px 16px;padding:10px 14px;border-bottom:1px solid var(--line);color:inherit;text-decoration:none}
.mail:last-child{border:0}.mail:hover{background:var(--ground)}.mail span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.unread .subject,.unread .to{font-weight:600}.soft,time{color:var(--soft)}
.tag{display:inline-block;padding:0 7px;border:1px solid var(--line);border-radius:10px;font-size:12px;color:var(--soft);text-decoration:none}
nav{display:flex;justify-content:space-between;padding:12px 2px}dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px;margin:0;padding:14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}iframe{display:block;width:100%;height:70vh;border:0;border-top:1px solid var(--line);background:#fff}
pre{margin:0;padding:14px;border-top:1px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere}
@media(max-width:640px){.mail{grid-template-columns:1fr auto}.mail .subject{grid-row:2;grid-column:1/-1}}`,
}

const policy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "frame-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <title>${title}</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <main>${body}</main>
      </body>
    </html> `.markup
}

const shown = ({ name, address }: Address) => (name === '' ? address : `${name} <${address}>`)
const list = (addresses: readonly Address[]) => addresses.map(shown).join(', ')
const moment = (at: number) => new Date(at).toISOString().replace('T', ' ').slice(0, 19)
const kilobytes = (bytes: number) => (bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KB`)

const listUrl = (query: string, number: number) =>
  `/?${new URLSearchParams({ ...(query !== '' && { query }), ...(number > 1 && { page: String(number) }) }).toString()}`

const tagLink = (tag: string) => html` <a class="tag" href="${listUrl(`tag:"${tag}"`, 1)}">${tag}</a>`

function line({ id, read, to, bcc, subject, snippet, attachments, created }: InboxEntry): Html {
  return html`<a class="mail ${read ? '' : 'unread'}" href="/mail/${id}"
    ><span class="to">${list([...to, ...bcc])}</span
    ><span class="subject"
      >${subject === '' ? '(no subject)' : subject}${attachments > 0 ? html` <span class="tag">${attachments === 1 ? '1 file' : `${attachments} files`}</span>` : nothing}
      <span class="soft">${snippet}</span></span
    ><time>${moment(created)}</time></a
  > `
}

const pageSize = 50

function listPage({ entries, matching, matchingUnread }: InboxPage, query: string, number: number): string {
  const last = Math.max(1, Math.ceil(matching / pageSize))
  const count = `${matching.toLocaleString('en')} mail${matching === 1 ? '' : 's'}, ${matchingUnread.toLocaleString('en')} unread`
  const empty = html`<p class="soft" style="padding:24px;margin:0;text-align:center">
    ${query === '' ? 'No mail yet. What is sent to this inbox’s SMTP port appears here.' : 'No mail fits this search.'}
  </p>`
  return page(
    'Inbox – Offload',
    html`<header>
        <h1><a href="/" style="color:inherit;text-decoration:none">Inbox</a></h1>
        <span class="soft">${count}</span>
        <form action="/">
          <input
            type="search"
            name="query"
            value="${query}"
            placeholder="to:ann@ subject:licence tag:job-42 has:attachment …"
            aria-label="Search"
          /><button>Search</button>
        </form>
      </header>
      <div class="card">${entries.length === 0 ? empty : entries.map(line)}</div>
      <nav>
        <span>${number > 1 ? html`<a href="${listUrl(query, number - 1)}">← newer</a>` : nothing}</span>
        <span class="soft">page ${number} of ${last}</span>
        <span>${number < last ? html`<a href="${listUrl(query, number + 1)}">older →</a>` : nothing}</span>
      </nav>`,
  )
}

function mailPage(mail: InboxMessage): string {
  const row = (label: string, value: Html | string | readonly Html[]) =>
    value === ''
      ? nothing
      : html`<dt>${label}</dt>
          <dd>${value}</dd> `
  const base = `/api/v1/message/${mail.id}`
  const files = [...mail.attachments, ...mail.inline].map(
    ({ partId, fileName, content }) =>
      html`<a href="${base}/part/${partId}">${fileName === '' ? `part ${partId}` : fileName}</a>
        <span class="soft">${kilobytes(content.length)}</span>&ensp;`,
  )
  const body =
    mail.html === ''
      ? html`<pre>${mail.text}</pre>`
      : html`<iframe
          title="The mail as it looks"
          sandbox="allow-popups allow-popups-to-escape-sandbox"
          src="/view/${mail.id}.html?embed=1"
        ></iframe>`
  return page(
    `${mail.subject} – Inbox – Offload`,
    html`<header>
        <a href="/">← Inbox</a>
        <h1>${mail.subject === '' ? '(no subject)' : mail.subject}</h1>
      </header>
      <div class="card">
        <dl>
          ${row('From', shown(mail.from))}${row('To', list(mail.to))}${row('Cc', list(mail.cc))}${row('Bcc', list(mail.bcc))}
          ${row('Date', `${moment(mail.date)} UTC`)}${row('Message-ID', mail.messageId)}
          ${row('Tags', mail.tags.length === 0 ? '' : mail.tags.map(tagLink))}${row('Attachments', files.length === 0 ? '' : files)}
          ${row('Also as', html`<a href="/view/${mail.id}.txt">text</a>, <a href="${base}/raw">source</a> <span class="soft">${kilobytes(mail.size)}</span>, <a href="${base}/headers">headers</a>`)}
        </dl>
        ${body}
      </div>`,
  )
}

const listQuery = z.object({
  query: z.string().catch(''),
  page: z.coerce.number().int().min(1).max(1_000_000).catch(1),
})

/** The inbox for people: a list and a mail, rendered here, without a script. */
export function inboxPages({ inbox }: { inbox: Inbox }): FastifyPluginAsync {
  return async (app) => {
    const show = (reply: FastifyReply, markup: string) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', policy).send(markup)

    app.get('/', async (request, reply) => {
      const { query, page: number } = listQuery.parse(request.query)
      const found = await inbox.list({ query, start: (number - 1) * pageSize, limit: pageSize })
      return show(reply, listPage(found, query, number))
    })
    app.get('/mail/:id', async (request, reply) => {
      const { id } = z.object({ id: z.string() }).parse(request.params)
      const mail = await inbox.message(id)
      if (mail === undefined) {
        const gone = html`<p>This mail is not in the inbox (any more). <a href="/">All mails</a></p>`
        return show(reply.code(404), page('Not found – Offload', gone))
      }
      await inbox.setRead({ ids: [id] }, true)
      return show(reply, mailPage(mail))
    })
  }
}
