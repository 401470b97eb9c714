import { z } from 'zod'
import { messageOf } from '../../emulator/kernel/errors.ts'
import { createMailWitness } from '../../emulator/deployment/mails.ts'
import { ordinalOf, type Run } from '../k6/people.ts'

/** Who sees the mails that went out. */
export type MailsBy =
  | { readonly kind: 'mailpit'; readonly url: string }
  | { readonly kind: 'ses-events'; readonly queueUrl: string; readonly region?: string | undefined }
  | { readonly kind: 'none' }

/** Mails by recipient. */
export type MailCount =
  | {
      readonly observed: true
      readonly mails: number
      readonly perRecipient: Uint8Array
      /** To addresses of ours that no recipient has. */
      readonly strangers: number
    }
  | { readonly observed: false; readonly reason: string }

export interface MailCounter {
  /** What is kept only for a while is taken now. */
  look(): Promise<void>
  count(group: Run & { readonly recipients: number }): Promise<MailCount>
  close(): void
}

/** The part of a run's addresses that no other run's have. */
const labelOf = ({ run, address }: Pick<Run, 'run' | 'address'>): string =>
  (address.split('{n}')[0] ?? '').replaceAll('{run}', String(run))

export function createMailCounter(by: MailsBy, groups: readonly Pick<Run, 'run' | 'address'>[]): MailCounter {
  if (by.kind === 'mailpit') return inMailpit(by.url)
  if (by.kind === 'none') {
    const reason = 'nobody sees the mails: --mailpit URL, or --mail-events QUEUE-URL (SES event publishing)'
    return { look: async () => {}, count: async () => ({ observed: false, reason }), close: () => {} }
  }
  const labels = groups.map(labelOf)
  const ours = (address: string) => labels.some((label) => address.includes(label))
  const witness = createMailWitness({ ...by, ours })
  return {
    look: async () => void (await witness.count({ label: labels[0] ?? '' })),
    async count(group) {
      const found = await witness.find({ label: labelOf(group) })
      return found.observed
        ? counted(
            group,
            found.mails.map(({ address }) => address),
          )
        : found
    },
    close: () => witness.close(),
  }
}

const page = z.object({
  messages_count: z.number(),
  messages: z.array(z.object({ To: z.array(z.object({ Address: z.string() })).nullish() })),
})
const pageSize = 2000

function inMailpit(url: string): MailCounter {
  const base = url.replace(/\/+$/, '')
  return {
    look: async () => {},
    async count(group) {
      const query = encodeURIComponent(`to:"${labelOf(group)}"`)
      const addresses: string[] = []
      try {
        for (let start = 0; ; start += pageSize) {
          const answer = await fetch(`${base}/api/v1/search?query=${query}&start=${start}&limit=${pageSize}`)
          if (!answer.ok) throw new Error(`it answered ${answer.status}`)
          const { messages, messages_count } = page.parse(await answer.json())
          for (const { To } of messages) for (const { Address } of To ?? []) addresses.push(Address)
          if (messages.length === 0 || start + messages.length >= messages_count) break
        }
      } catch (error) {
        return { observed: false, reason: `the inbox at ${base} does not say: ${messageOf(error)}` }
      }
      return counted(group, addresses)
    },
    close: () => {},
  }
}

function counted(group: Run & { readonly recipients: number }, addresses: readonly string[]): MailCount {
  const perRecipient = new Uint8Array(group.recipients)
  let strangers = 0
  for (const email of addresses) {
    const ordinal = ordinalOf(group, { email })
    if (ordinal === undefined || ordinal >= group.recipients) strangers++
    else perRecipient[ordinal] = Math.min(255, (perRecipient[ordinal] ?? 0) + 1)
  }
  return { observed: true, mails: addresses.length, perRecipient, strangers }
}
