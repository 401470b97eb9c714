import type { VerifiedCertificate } from '../worker/certificate/verification.ts'
import { html, type Html } from './html.ts'

const mark = (path: string) => html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}" /></svg>`

/** What a certificate's QR code opens: whether its code is one of ours, and for whom it was issued. */
export function verificationPage(code: string, certificate: VerifiedCertificate | undefined): Html {
  if (certificate === undefined) {
    return html`<section class="verdict bad">
      ${mark('M6 6l12 12M18 6L6 18')}
      <h1>Not one of ours</h1>
      <p>No certificate with this code was issued here.</p>
      <p><code>${code}</code></p>
      <p class="dim">
        Compare it with the code on the certificate. Nothing is known of what was issued before a reset.
      </p>
    </section>`
  }
  const { name, course, date, issuer, sha256 } = certificate
  const facts = [
    ['Course', course],
    ['Date', date],
    ['Issued by', issuer],
    ['Code', html`<code>${code}</code>`],
  ] as const
  return html`<section class="verdict good">
    ${mark('M5 12.5l4.5 4.5L19 7.5')}
    <h1>Valid certificate</h1>
    <p class="name">${name}</p>
    <dl>
      ${facts.map(
        ([term, fact]) =>
          fact !== '' &&
          html`<dt>${term}</dt>
            <dd>${fact}</dd>`,
      )}
    </dl>
    ${
      sha256 !== undefined &&
      html`<p class="dim">
        The file that was issued has this SHA-256; a file with another one has been altered.
        <code>${sha256}</code>
      </p>`
    }
  </section>`
}
