import type { Alarm, AlarmChange } from '../alarms/alarms.ts'
import { html, type Html } from './html.ts'
import { when } from './layout.ts'

const tones = { OK: 'good', ALARM: 'bad', INSUFFICIENT_DATA: 'dim' } as const
const words = { OK: 'OK', ALARM: 'ALARM', INSUFFICIENT_DATA: 'nothing to say yet' } as const

const state = (name: keyof typeof tones) => html`<span class="${tones[name]}">${words[name]}</span>`

/** The alarms as they stand, and how they came to. */
export function alarmsPage(alarms: readonly Alarm[], history: readonly AlarmChange[]): Html {
  return html`<h1>Alarms</h1>
    <p class="dim">Thresholds are in the configuration, under <code>alarms</code>.</p>
    <div class="card">
      <table>
        <tr>
          <th>Alarm</th>
          <th>State</th>
          <th>Why</th>
          <th>Since (UTC)</th>
        </tr>
        ${alarms.map(
          (alarm) =>
            html`<tr>
              <td>${alarm.name}</td>
              <td>${state(alarm.state)}</td>
              <td class="words">${alarm.reason}</td>
              <td>${when(alarm.since)}</td>
            </tr>`,
        )}
      </table>
    </div>
    ${
      history.length > 0 &&
      html`<h2>What changed</h2>
        <div class="card">
          <table>
            ${history.map(
              ({ at, alarm, from, to, reason }) =>
                html`<tr>
                  <td>${when(at)}</td>
                  <td>${alarm}</td>
                  <td>${state(from)} → ${state(to)}</td>
                  <td class="words">${reason}</td>
                </tr>`,
            )}
          </table>
        </div>`
    }`
}
