import { z } from 'zod'
import { Failure } from './failure.ts'
import { reach } from './target.ts'

const address = z.looseObject({ Name: z.string(), Address: z.string() })
const message = z.looseObject({
  ID: z.string(),
  MessageID: z.string(),
  From: address.nullable(),
  To: z.array(address).nullable(),
  Subject: z.string(),
  Created: z.string(),
  Size: z.number(),
  Tags: z.array(z.string()).nullable(),
})
const list = z.looseObject({ messages: z.array(message), messages_count: z.number() })
export type Mail = z.output<typeof message>

/** The tag that every mail of a job carries. */
const tagOf = (job: string): string => `job-${job}`

const pageSize = 1000

/** Mails in an inbox with Mailpit's API (`base` without a final slash), newest first. */
export async function readMails(
  base: string,
  options: { job?: string; limit?: number } = {},
): Promise<{ total: number; mails: Mail[] }> {
  const { job, limit = Infinity } = options
  const mails: Mail[] = []
  for (;;) {
    const count = Math.min(pageSize, limit - mails.length)
    const page = await readPage(base, `start=${mails.length}&limit=${Math.max(1, count)}`, job)
    mails.push(...page.messages)
    const all = mails.length >= page.messages_count || page.messages.length === 0
    if (all || mails.length >= limit) return { total: page.messages_count, mails: mails.slice(0, limit) }
  }
}

async function readPage(base: string, range: string, job: string | undefined): Promise<z.output<typeof list>> {
  const path =
    job === undefined
      ? `/api/v1/messages?${range}`
      : `/api/v1/search?query=${encodeURIComponent(`tag:"${tagOf(job)}"`)}&${range}`
  const response = await reach(base, path)
  const parsed = list.safeParse(response.ok ? await response.json() : undefined)
  if (parsed.success) return parsed.data
  throw new Failure(3, `the inbox at ${base} does not speak Mailpit's API`, {
    evidence: [`${path} answered ${response.status}`],
  })
}
