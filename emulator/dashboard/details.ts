import type { Dialect } from '../../contracts/job.ts'
import type { SettingsBlock, SettingsToCopy } from '../moodle/settings-to-copy.ts'
import type { CallbackDetail } from '../worker/callbacks/delivery-log.ts'
import { html, type Html } from './html.ts'
import { status, when } from './layout.ts'

/** One callback: what was sent, and each attempt's answer in words. */
export function callbackPage(callback: CallbackDetail): Html {
  return html`<h1>Callback ${callback.id.slice(0, 8)}</h1>
    <p>${status(callback.state)} · job ${callback.job} · ${callback.updates} updates · ${callback.dialect} dialect</p>
    <p class="dim"><code>${callback.url ?? 'no address'}</code></p>
    ${callback.reason !== null && html`<pre>${callback.reason}</pre>`}
    <form method="post" action="/_offload/page/callbacks/${callback.id}/replay"><button>Replay</button></form>
    <h2>Attempts</h2>
    ${
      callback.log.length === 0
        ? html`<p class="dim">None yet.</p>`
        : html`<div class="card">
            <table>
              <tr>
                <th>At (UTC)</th>
                <th class="right">Status</th>
                <th class="right">Milliseconds</th>
                <th>In words</th>
                <th>Answer</th>
              </tr>
              ${callback.log.map(
                (attempt) =>
                  html`<tr>
                    <td>${when(attempt.at)}</td>
                    <td class="number">${attempt.status ?? '–'}</td>
                    <td class="number">${attempt.milliseconds}</td>
                    <td class="words">${attempt.words}</td>
                    <td><code>${attempt.response?.slice(0, 300)}</code></td>
                  </tr>`,
              )}
            </table>
          </div>`
    }
    <h2>Body</h2>
    <pre>${callback.body}</pre>`
}

export interface QueueRow {
  readonly name: string
  readonly visible: number
  readonly inFlight: number
  readonly delayed: number
}

export interface StuckMessage {
  readonly messageId: string
  readonly reason: string | undefined
  readonly receiveCount: number
}

export function queuesPage(queues: readonly (QueueRow & { readonly stuck: readonly StuckMessage[] })[]): Html {
  return html`<h1>Queues</h1>
    <div class="card">
      <table>
        <tr>
          <th>Queue</th>
          <th class="right">Waiting</th>
          <th class="right">In flight</th>
          <th class="right">Delayed</th>
        </tr>
        ${queues.map(
          (queue) =>
            html`<tr>
              <td>${queue.name}</td>
              <td class="number">${queue.visible}</td>
              <td class="number">${queue.inFlight}</td>
              <td class="number">${queue.delayed}</td>
            </tr>`,
        )}
      </table>
    </div>
    ${queues
      .filter(({ stuck }) => stuck.length > 0)
      .map(
        ({ name, stuck }) =>
          html`<h2>Stuck in ${name}</h2>
            <div class="card">
              <table>
                ${stuck.map(
                  ({ messageId, reason, receiveCount }) =>
                    html`<tr>
                      <td><code>${messageId}</code></td>
                      <td>received ${receiveCount} times</td>
                      <td class="words">${reason ?? 'received too often without being deleted'}</td>
                    </tr>`,
                )}
              </table>
            </div>
            <p class="dim">Back to the queue: <code>npm run -s offload -- dlq --redrive</code></p>`,
      )}`
}

function block({ title, note, settings, snippets }: SettingsBlock): Html {
  return html`<details>
    <summary>${title}</summary>
    ${note !== undefined && html`<p class="dim">${note}</p>`}
    ${settings.length > 0 && html`<pre>${settings.map(({ name, value }) => `${name} = ${value}\n`)}</pre>`}
    ${snippets.map(
      ({ where, text }) =>
        html`<p class="dim">${where}</p>
          <pre>${text}</pre>`,
    )}
  </details>`
}

const dialectTitles: Record<Dialect, string> = {
  spec: 'spec: the contract itself',
  detailed: 'detailed',
  flow: 'flow',
  plugin: 'plugin: the plugin in use today',
}

/** The lines to copy into Moodle, by dialect and by how Moodle runs. */
export function settingsPage({ dialects, moodle, worker }: SettingsToCopy): Html {
  return html`<h1>Moodle settings</h1>
    <p class="dim">
      First the plugin's own settings in the dialect that it speaks, then what lets Moodle and Offload reach each other.
    </p>
    ${Object.entries(dialects).map(
      ([dialect, blocks]) =>
        html`<h2>${dialectTitles[dialect as Dialect]}</h2>
          <div class="card">${blocks.map(block)}</div>`,
    )}
    <h2>How your Moodle runs</h2>
    <div class="card">${moodle.map(block)}</div>
    <h2>A worker of your own</h2>
    <div class="card">${block(worker)}</div>`
}
