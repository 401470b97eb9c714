import type { Layout } from './layout-model.ts'

/** What all certificates of a batch share; the page and the fonts are prepared once for it. */
export interface CertificateBatch {
  readonly layout: Layout
  /** Equal for equal layouts: a thread is sent each layout once. */
  readonly layoutId: string
  /** BCP 47: the language that the document names, and between regional forms of one character (ja, zh-Hant, ko). */
  readonly locale: string
  readonly issuer: string
}

/** What differs from certificate to certificate. All values are text as a person wrote it, in any script. */
export interface CertificateInput {
  readonly recipient: string
  /** By placeholder; dates and numbers are already written in the recipient's locale. */
  readonly values: Readonly<Record<string, string>>
  /** The document's title. */
  readonly title: string
  readonly job: string
  /** Epoch milliseconds, the document's date of creation. */
  readonly date: number
  readonly verificationCode: string
  /** What the QR code says. */
  readonly verificationUrl: string
}

export type RenderedCertificate =
  | {
      readonly recipient: string
      /** The PDF, in pieces: the first is the same array for all certificates that share fonts. */
      readonly pieces: readonly [shared: Uint8Array, own: Uint8Array]
      /** Of the PDF, computed where it was rendered. */
      readonly sha256: string
      readonly md5: string
      readonly findings: readonly string[]
    }
  /** `temporary`: it was not the certificate's fault, and may be tried again. */
  | { readonly recipient: string; readonly error: string; readonly temporary?: boolean }
