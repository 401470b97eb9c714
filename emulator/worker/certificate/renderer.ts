/** What all certificates of a batch share; template and fonts are prepared once for it. */
export interface CertificateBatch {
  /** `default`, or the name of a layout. */
  readonly template: string
  /** BCP 47, for dates and numbers. */
  readonly locale: string
  /** Shown as who issues the certificate. */
  readonly issuer: string
}

/** What differs from certificate to certificate. All values are text as a person wrote it, in any script. */
export interface CertificateInput {
  readonly recipient: string
  readonly name: string
  readonly course: string
  /** Epoch milliseconds. */
  readonly date: number
  readonly grade?: string
  readonly verificationCode: string
  /** What the QR code says. */
  readonly verificationUrl: string
}

export type RenderedCertificate =
  | { readonly recipient: string; readonly pdf: Uint8Array; readonly findings: readonly string[] }
  /** `temporary`: it was not the certificate's fault, and may be tried again. */
  | { readonly recipient: string; readonly error: string; readonly temporary?: boolean }
