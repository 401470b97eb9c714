import { z } from 'zod'
import { systemClock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/errors.ts'
import type { MailPort } from '../../worker/ports.ts'

export interface MailpitOptions {
  /** Base URL, such as `http://127.0.0.1:8025`. */
  readonly url: string
  /** Milliseconds to wait for an answer. */
  readonly timeoutMs?: number
}

async function ask(path: string, { url, timeoutMs = 5000 }: MailpitOptions): Promise<unknown> {
  // Wall time whatever --speed says: another process is waited for.
  const clock = systemClock()
  const aborter = new AbortController()
  const late = () => aborter.abort(new Error(`no answer within ${timeoutMs} ms`))
  const timer = clock.at(clock.deadline(timeoutMs), late)
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}${path}`, { signal: aborter.signal, redirect: 'error' })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    return await response.json()
  } finally {
    timer.cancel()
  }
}

const searchAnswer = z.object({ messages: z.array(z.object({ MessageID: z.string() })) })

/** Asks a Mailpit for a message; rejects while it does not answer. */
export function createMailpitLookup(options: MailpitOptions): MailPort['find'] {
  return async (messageId) => {
    const query = encodeURIComponent(`message-id:"${messageId.replaceAll('"', '')}"`)
    try {
      // The search is for a part of the id; only an equal one counts.
      const { messages } = searchAnswer.parse(await ask(`/api/v1/search?query=${query}`, options))
      return messages.some(({ MessageID }) => MessageID === messageId) ? 'sent' : 'absent'
    } catch (error) {
      throw new Error(`Mailpit does not say whether this mail went out before: ${messageOf(error)}`, { cause: error })
    }
  }
}

export type MailpitState =
  | { readonly reachable: true; readonly version: string; readonly messages: number }
  | { readonly reachable: false; readonly error: string }

const infoAnswer = z.object({ Version: z.string(), Messages: z.number() })

/** For the doctor. Mailpit's API does not tell its message limit (500 unless `MP_MAX_MESSAGES` says otherwise). */
export async function checkMailpit(options: MailpitOptions): Promise<MailpitState> {
  try {
    const info = infoAnswer.parse(await ask('/api/v1/info', options))
    return { reachable: true, version: info.Version, messages: info.Messages }
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : ''
    return { reachable: false, error: `${messageOf(error)}${cause}` }
  }
}
