import type { SeenMails } from '../../contracts/checks/deployment/seen.ts'

/** Which mails: those to addresses that contain a text, or of a job (Mailpit: the tag that our own worker gives). */
export type AboutMails = { readonly label: string } | { readonly job: string | number }

/** Who sees which mails went out. */
export interface MailWitness {
  /** `content`: what they say too; `envelopes`: that they went out; `nothing`: not even that. */
  readonly sees: 'content' | 'envelopes' | 'nothing'
  /** Never rejects: what cannot be asked is not observed, with the reason. */
  find(about: AboutMails, options?: { readonly content?: boolean }): Promise<SeenMails>
  /** How many there are; undefined where that is not observed. */
  count(about: AboutMails): Promise<number | undefined>
  close(): void
}
