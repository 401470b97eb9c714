import type { CallbackContent, CallbackMessage, CallbackRequest } from '../callback.ts'
import type { Dialect, Issue } from '../job.ts'
import { sign } from '../signature.ts'
import type { JobStatus } from '../status.ts'
import { isObject } from './detect.ts'
import { forms } from './forms.ts'
import { collectIssues, kindOf, pathText, reasonOf, valueAt } from './issues.ts'

export interface CallbackKeys {
  /** Signs the body (`X-Signature`). */
  readonly secret: string
  /** Goes into the body (`plugin`). */
  readonly token: string
  /** Epoch milliseconds; stamps the body (`spec`), so each attempt is encoded anew. */
  readonly now: number
}

/**
 * A callback in the dialect that the job came in. All but `plugin`, whose body carries the token, are signed over the
 * raw body; `flow` and `detailed` name no way to authenticate, and a receiver of theirs may ignore the header.
 */
export function encodeCallback(content: CallbackContent, { secret, token, now }: CallbackKeys): CallbackRequest {
  const body = JSON.stringify(forms[content.dialect].callback(content, { token, seconds: Math.floor(now / 1000) }))
  const headers = { 'content-type': 'application/json' }
  return { body, headers: content.dialect === 'plugin' ? headers : { ...headers, 'x-signature': sign(secret, body) } }
}

export type DecodedCallback =
  { readonly ok: true; readonly callback: CallbackMessage } | { readonly ok: false; readonly issues: readonly Issue[] }

/** Reads a callback as its receiver gets it; fields that the dialect does not know are tolerated. */
export function decodeCallback(body: unknown, dialect: Dialect): DecodedCallback {
  const form = forms[dialect]
  const issues = collectIssues()
  if (!isObject(body)) {
    issues.add('', `a callback must be a JSON object, not ${kindOf(body)}`)
    return { ok: false, issues: issues.list() }
  }
  const checked = form.callbackSchema.safeParse(body)
  if (checked.success) return { ok: true, callback: form.readCallback(body) }
  for (const issue of checked.error.issues) issues.add(pathText(issue.path), reasonOf(issue, valueAt(body, issue.path)))
  return { ok: false, issues: issues.list() }
}

/** The dialect's own word for a job's status: `PARTIAL` in `detailed`, `completed` in `spec`, for `partial_failure`. */
export function jobStatusWord(status: JobStatus, dialect: Dialect): string {
  return forms[dialect].statusWord(status)
}
