import { createMailpitWitness } from './mailpit-mails.ts'
import { createSesEventWitness } from './ses-event-mails.ts'
import type { AwsOptions } from './aws.ts'
import type { MailWitness } from './mail-witness.ts'

export type { MailWitness } from './mail-witness.ts'

export type MailWitnessKind =
  /** Mailpit, or the emulator's inbox: base URL. */
  | { readonly kind: 'mailpit'; readonly url: string }
  /** SES's event publishing, through a queue; `ours` says which of its events are taken from it. */
  | ({
      readonly kind: 'ses-events'
      readonly queueUrl: string
      readonly ours: (address: string) => boolean
    } & AwsOptions)
  | { readonly kind: 'none'; readonly reason?: string }

export function createMailWitness(kind: MailWitnessKind): MailWitness {
  if (kind.kind === 'mailpit') return createMailpitWitness(kind)
  if (kind.kind === 'ses-events') return createSesEventWitness(kind)
  const { reason = 'nobody sees the mails (--mailpit, --mail-events)' } = kind
  return {
    sees: 'nothing',
    find: async () => ({ observed: false, reason }),
    count: async () => undefined,
    close: () => {},
  }
}
