import type { SeenMail } from '../../contracts/checks/deployment/seen.ts'
import { z } from 'zod'
import { systemClock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { AboutMails, MailWitness } from './mail-witness.ts'

const addresses = z
  .array(z.object({ Address: z.string() }))
  .nullish()
  .transform((list) => list ?? [])

const page = z.object({
  messages_count: z.number(),
  messages: z.array(
    z.object({
      ID: z.string(),
      MessageID: z.string(),
      Subject: z.string(),
      To: addresses,
      Cc: addresses,
      Bcc: addresses,
    }),
  ),
})

const message = z.object({ Text: z.string(), HTML: z.string() })

const pageSize = 500
/** A search that finds more is asked for its count. */
const mostMails = 10_000

/** The mails in a Mailpit, or in the emulator's inbox, which has the same API. */
export function createMailpitWitness({ url, timeoutMs = 10_000 }: { url: string; timeoutMs?: number }): MailWitness {
  // Wall time: another process is waited for.
  const clock = systemClock()
  const base = url.replace(/\/+$/, '')

  const ask = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const aborter = new AbortController()
    const timer = clock.at(clock.now() + timeoutMs, () => aborter.abort(new Error(`no answer within ${timeoutMs} ms`)))
    try {
      const response = await fetch(`${base}${path}`, { signal: aborter.signal, redirect: 'error' })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      return schema.parse(await response.json())
    } finally {
      timer.cancel()
    }
  }
  const search = (about: AboutMails, start: number, limit: number) =>
    ask(`/api/v1/search?query=${encodeURIComponent(queryOf(about))}&start=${start}&limit=${limit}`, page)

  return {
    sees: 'content',
    async find(about, { content = false } = {}) {
      try {
        const mails: SeenMail[] = []
        for (let start = 0; start < mostMails; start += pageSize) {
          const { messages, messages_count } = await search(about, start, pageSize)
          for (const { ID, MessageID, Subject, To, Cc, Bcc } of messages) {
            const more = content ? await ask(`/api/v1/message/${encodeURIComponent(ID)}`, message) : undefined
            for (const { Address } of [...To, ...Cc, ...Bcc]) {
              mails.push({
                address: Address,
                messageId: MessageID,
                subject: Subject,
                ...(more === undefined ? {} : { content: `${more.Text}\n${more.HTML}` }),
              })
            }
          }
          if (start + messages.length >= messages_count || messages.length === 0) break
        }
        return { observed: true, mails }
      } catch (error) {
        const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : ''
        return { observed: false, reason: `the inbox at ${base} does not say: ${messageOf(error)}${cause}` }
      }
    },
    async count(about) {
      try {
        return (await search(about, 0, 1)).messages_count
      } catch {
        return undefined
      }
    },
    close: () => {},
  }
}

const queryOf = (about: AboutMails): string =>
  'label' in about ? `to:"${about.label.replaceAll('"', '')}"` : `tag:"job-${String(about.job).replaceAll('"', '')}"`
