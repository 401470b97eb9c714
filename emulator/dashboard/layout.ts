import { html, type Html } from './html.ts'

const style = `
:root { color-scheme: light dark; --ink: #1c2430; --dim: #667085; --line: #dfe3ea; --back: #f6f7f9; --card: #fff;
  --good: #17803d; --bad: #b42318; --wait: #b54708; --accent: #1d4ed8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #98a2b3; --line: #2b3340; --back: #12161c;
  --card: #1a2029; --good: #4ade80; --bad: #f97066; --wait: #fdb022; --accent: #84adff } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back) }
header { background: var(--card); border-bottom: 1px solid var(--line); padding: 14px 24px; display: flex; gap: 24px;
  align-items: baseline; flex-wrap: wrap }
header strong { font-size: 18px } header a { color: var(--dim); text-decoration: none } header a.bad { color: var(--bad); font-weight: 600 } header a:hover { color: var(--accent) }
main { max-width: 1160px; margin: 0 auto; padding: 24px }
h1 { font-size: 22px; margin: 0 0 4px } h2 { font-size: 16px; margin: 28px 0 8px }
p { margin: 4px 0 12px } .dim { color: var(--dim) } .right { text-align: right }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; overflow-x: auto }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600; color: var(--dim); font-size: 13px }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); vertical-align: top } tr:last-child td { border-bottom: 0 }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } a { color: var(--accent) }
.bar { width: 160px; height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; display: flex; margin-top: 7px }
.bar i { background: var(--good) } .bar b { background: var(--bad) }
.good { color: var(--good) } .bad { color: var(--bad) } .wait { color: var(--wait) }
pre { background: var(--back); border: 1px solid var(--line); border-radius: 6px; padding: 12px; overflow-x: auto;
  font: 13px/1.5 ui-monospace, monospace; margin: 6px 0 14px }
code { font: 13px ui-monospace, monospace } details summary { cursor: pointer; font-weight: 600; padding: 4px 0 }
button { font: inherit; padding: 4px 12px; border: 1px solid var(--line); border-radius: 6px; background: var(--card);
  color: var(--ink); cursor: pointer } form { display: inline }
.words { max-width: 520px } .address { max-width: 300px; overflow-wrap: anywhere }
.verdict { max-width: 520px; margin: 8vh auto 0; padding: 36px 32px 24px; background: var(--card); text-align: center;
  border: 1px solid var(--line); border-top: 4px solid; border-radius: 12px }
.verdict svg { width: 56px; height: 56px; padding: 12px; border: 2px solid; border-radius: 50%; fill: none;
  stroke: currentColor; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round }
.verdict h1 { margin: 12px 0 16px } .verdict > :not(svg, h1, .dim) { color: var(--ink) }
.verdict .name { font: 30px/1.25 Georgia, serif; margin: 0 0 20px; overflow-wrap: anywhere }
.verdict dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 20px; margin: 0 0 20px; padding: 16px 0;
  border: solid var(--line); border-width: 1px 0; text-align: left } .verdict dt { color: var(--dim) }
.verdict dd { margin: 0; overflow-wrap: anywhere } .verdict .dim { font-size: 13px } .verdict .dim code { display: block;
  margin-top: 4px; font-size: 11px; overflow-wrap: anywhere }
`

export interface PageFrame {
  readonly title: string
  /** The inbox's address; without it the page leads nowhere else. */
  readonly inbox?: string
  /** Seconds after which the browser asks again; 0 for never. */
  readonly refresh?: number
  /** How many alarms are raised. */
  readonly alarms?: number
}

/** A whole page. No script anywhere: what changes is asked for again. */
export function page({ title, inbox, refresh = 0, alarms = 0 }: PageFrame, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        ${refresh > 0 && html`<meta http-equiv="refresh" content="${refresh}" />`}
        <title>${title} · Offload</title>
        <style>
          ${{ markup: style }}
        </style>
      </head>
      <body>
        <header>
          <strong>Offload</strong>
          ${
            inbox !== undefined &&
            html`<a href="/">Jobs</a>
              <a href="${inbox}/">Mails</a>
              <a href="/_offload/page/callbacks">Callbacks</a>
              <a href="/_offload/page/queues">Queues</a>
              <a href="/_offload/page/settings">Moodle settings</a>
              <a href="/_offload/page/alarms" class="${alarms > 0 && 'bad'}"
                >${alarms === 0 ? 'Alarms' : alarms === 1 ? '1 alarm' : `${alarms} alarms`}</a
              >`
          }
        </header>
        <main>${body}</main>
      </body>
    </html>`.markup
}

const tones: Record<string, string> = {
  completed: 'good',
  delivered: 'good',
  sent: 'good',
  failed: 'bad',
  permanently_failed: 'bad',
  dead: 'bad',
  partial_failure: 'bad',
}

/** A status in its colour; what is neither good nor bad is still under way. */
export function status(word: string): Html {
  return html`<span class="${tones[word] ?? 'wait'}">${word.replaceAll('_', ' ')}</span>`
}

/** `2026-01-31 12:00:00` in UTC. */
export function when(at: number | string | null | undefined): string {
  return at === null || at === undefined ? '' : new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}
