import type { Issue, JsonObject } from '../job.ts'

export interface SplitLimits {
  /** Of one message, in bytes of UTF-8. */
  readonly maxBytes: number
  readonly maxRecipients: number
}

/** One recipient alone makes a message over the limit. */
export class RecipientTooLargeError extends Error {
  readonly issue: Issue

  constructor(issue: Issue) {
    super(`${issue.path} ${issue.reason}`)
    this.name = 'RecipientTooLargeError'
    this.issue = issue
  }
}

/**
 * The messages of one job, each within both limits and in the dialect of the whole: the job-level fields verbatim in
 * each, the recipients in their order. Throws `RecipientTooLargeError`.
 */
export function splitJob(body: JsonObject, { maxBytes, maxRecipients }: SplitLimits): string[] {
  const rows = body['recipients']
  if (!Array.isArray(rows)) return [JSON.stringify(body)]
  const [before, after] = around(body)
  const frame = Buffer.byteLength(before) + Buffer.byteLength(after)

  const messages: string[] = []
  let part: string[] = []
  let size = frame
  const close = () => {
    messages.push(before + part.join(',') + after)
    part = []
    size = frame
  }
  for (let index = 0; index < rows.length; index++) {
    const text = JSON.stringify(rows[index])
    const bytes = Buffer.byteLength(text)
    if (frame + bytes > maxBytes) throw new RecipientTooLargeError(tooLarge(index, frame, bytes, maxBytes))
    if (part.length > 0 && (part.length >= maxRecipients || size + 1 + bytes > maxBytes)) close()
    size += bytes + (part.length === 0 ? 0 : 1)
    part.push(text)
  }
  close()
  return messages
}

/** The message's JSON before its first recipient and after its last. */
function around(body: JsonObject): [string, string] {
  const fields = Object.keys(body)
  const at = fields.indexOf('recipients')
  const write = (names: string[]) => names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(body[name])}`)
  const before = write(fields.slice(0, at)).map((field) => `${field},`)
  const after = write(fields.slice(at + 1)).map((field) => `,${field}`)
  return [`{${before.join('')}"recipients":[`, `]${after.join('')}}`]
}

function tooLarge(index: number, frame: number, bytes: number, maxBytes: number): Issue {
  const path = `recipients[${index}]`
  return {
    path,
    reason: `makes a message of ${frame + bytes} bytes on its own (${bytes} for the recipient, ${frame} for the job's fields); the limit is ${maxBytes}`,
    fix:
      frame > bytes
        ? 'shorten the fields at the top of the job (html, template_data)'
        : 'shorten what the recipient carries',
  }
}
