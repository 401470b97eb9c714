import type { CallbackView } from '../worker/callbacks/delivery-log.ts'
import type { JobView, RecipientView } from '../worker/ledger/views.ts'
import { html, type Html } from './html.ts'
import { status, when } from './layout.ts'

export const jobPath = (job: Pick<JobView, 'tenant_id' | 'job_id'>) =>
  `/_offload/page/jobs/${job.tenant_id}/${encodeURIComponent(String(job.job_id))}`

function bar({ recipients, sent, failed }: JobView['totals']): Html {
  const share = (part: number) => (recipients === 0 ? 0 : (100 * part) / recipients)
  return html`<div class="bar" title="${sent} sent, ${failed} failed, of ${recipients}">
    <i style="width:${share(sent)}%"></i><b style="width:${share(failed)}%"></b>
  </div>`
}

/** The jobs with their progress, newest first. */
export function jobsTable(jobs: readonly JobView[]): Html {
  if (jobs.length === 0) {
    return html`<div class="card">
      <p>No job yet. Send one as the plugin would:</p>
      <pre>npm run -s offload -- send --recipients 20 --certificate</pre>
      <p class="dim">or copy the <a href="/_offload/page/settings">settings</a> into your Moodle.</p>
    </div>`
  }
  return html`<div class="card">
    <table>
      <tr>
        <th>Job</th>
        <th>Tenant</th>
        <th>Type</th>
        <th>Dialect</th>
        <th>Status</th>
        <th>Progress</th>
        <th class="right">Sent</th>
        <th class="right">Failed</th>
        <th class="right">Pending</th>
        <th>Accepted (UTC)</th>
      </tr>
      ${jobs.map(
        (job) =>
          html`<tr>
            <td><a href="${jobPath(job)}">${job.job_id}</a></td>
            <td>${job.tenant_id}</td>
            <td>${job.type_name}</td>
            <td>${job.dialect}</td>
            <td>${status(job.status)}</td>
            <td>${bar(job.totals)}</td>
            <td class="number">${job.totals.sent}</td>
            <td class="number">${job.totals.failed}</td>
            <td class="number">${job.totals.pending}</td>
            <td>${when(job.accepted_at)}</td>
          </tr>`,
      )}
    </table>
  </div>`
}

function callbacksTable(callbacks: readonly CallbackView[], { ofOneJob = false } = {}): Html {
  if (callbacks.length === 0) return html`<p class="dim">None yet.</p>`
  return html`<div class="card">
    <table>
      <tr>
        <th>Callback</th>
        ${!ofOneJob && html`<th>Job</th>`}
        <th>State</th>
        <th class="right">Updates</th>
        <th class="right">Attempts</th>
        <th>To</th>
        <th>What came of it</th>
        <th></th>
      </tr>
      ${callbacks.map(
        (callback) =>
          html`<tr>
            <td><a href="/_offload/page/callbacks/${callback.id}">${callback.id.slice(0, 8)}</a></td>
            ${!ofOneJob && html`<td>${callback.job.slice(0, 13)}</td>`}
            <td>${status(callback.state)}</td>
            <td class="number">${callback.updates}</td>
            <td class="number">${callback.attempts}</td>
            <td class="address"><code>${callback.url ?? 'no address'}</code></td>
            <td class="words">${callback.state === 'parked' ? callback.reason : callback.words}</td>
            <td>
              <form method="post" action="/_offload/page/callbacks/${callback.id}/replay"><button>Replay</button></form>
            </td>
          </tr>`,
      )}
    </table>
  </div>`
}

export function callbacksPage(callbacks: readonly CallbackView[]): Html {
  return html`<h1>Callbacks</h1>
    <p class="dim">Each attempt is stamped and signed anew. Newest first.</p>
    ${callbacksTable(callbacks)}`
}

export interface JobPage {
  readonly job: JobView
  readonly recipients: { readonly recipients: readonly RecipientView[]; readonly next: number | null }
  readonly callbacks: readonly CallbackView[]
  readonly inbox: string
}

/** One job: recipients with mail, certificate and error; callbacks; advice and findings. */
export function jobPage({ job, recipients, callbacks, inbox }: JobPage): Html {
  const { totals } = job
  const mails = `${inbox}/?query=${encodeURIComponent(`tag:job-${job.job_id}`)}`
  return html`<h1>Job ${job.job_id}</h1>
    <p>
      ${status(job.status)} · ${totals.sent} sent, ${totals.failed} failed, ${totals.pending} pending of
      ${totals.recipients}${totals.duplicates > 0 && html`, ${totals.duplicates} duplicates skipped`}
    </p>
    <p class="dim">
      Tenant ${job.tenant_id} · ${job.type_name} · ${job.dialect} dialect · accepted ${when(job.accepted_at)} UTC
      ${job.parent_job_id !== undefined && html`· retry of ${job.parent_job_id}`} · <a href="${mails}">its mails</a>
    </p>
    ${
      totals.failed > 0 &&
      html`<form method="post" action="${jobPath(job)}/retry"><button>Retry the failed as a new job</button></form>`
    }
    ${
      job.advice.length > 0 &&
      html`<h2>Advice</h2>
        <div class="card">
          <table>
            ${job.advice.map(
              ({ path, text, fix }) =>
                html`<tr>
                  <td><code>${path}</code></td>
                  <td>${text}</td>
                  <td class="dim">${fix}</td>
                </tr>`,
            )}
          </table>
        </div>`
    }
    ${
      job.findings.length > 0 &&
      html`<h2>Findings</h2>
        <div class="card">
          <table>
            ${job.findings.map(
              ({ recipient, text }) =>
                html`<tr>
                  <td>${recipient ?? 'job'}</td>
                  <td>${text}</td>
                </tr>`,
            )}
          </table>
        </div>`
    }
    <h2>Callbacks</h2>
    ${callbacksTable(callbacks, { ofOneJob: true })}
    <h2>Recipients</h2>
    <div class="card">
      <table>
        <tr>
          <th>Recipient</th>
          <th>Address</th>
          <th>Status</th>
          <th class="right">Attempts</th>
          <th>Mail</th>
          <th>Certificate</th>
          <th>Error</th>
        </tr>
        ${recipients.recipients.map(
          (recipient) =>
            html`<tr>
              <td>${recipient.key}</td>
              <td>${recipient.email}</td>
              <td>${status(recipient.status)}</td>
              <td class="number">${recipient.attempts}</td>
              <td>
                ${
                  recipient.message_id !== null &&
                  html`<a href="${inbox}/?query=${encodeURIComponent(`message-id:${recipient.message_id}`)}">mail</a>`
                }
              </td>
              <td>${recipient.certificate_url !== null && html`<a href="${recipient.certificate_url}">PDF</a>`}</td>
              <td class="words">${recipient.error}</td>
            </tr>`,
        )}
      </table>
    </div>
    ${recipients.next !== null && html`<p><a href="${jobPath(job)}?after=${recipients.next}">more recipients</a></p>`}`
}
