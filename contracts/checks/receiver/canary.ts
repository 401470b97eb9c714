import { explainAnswer } from '../../answers.ts'
import { phpJson } from '../../php-json.ts'
import { freshnessSeconds } from '../../signature.ts'
import type { Judgement } from '../verdict.ts'
import type { CaseContext, WireAnswer, WireRequest } from './case.ts'
import { fail, isAccepted, pass, saying, unobserved } from './judge.ts'
import { altered, bodyText, callback, withFields } from './requests.ts'

export const canaryId = 'valid/callback'
export const canaryTitle = 'a valid callback is accepted'

/** The callback that goes first: valid in every way. */
export const canaryRequest = (context: CaseContext): WireRequest => callback(context)

/** The same, forged: what a receiver that looks at nothing answers alike. */
export const forgedRequest = (context: CaseContext): WireRequest =>
  context.dialect === 'plugin'
    ? withFields(context, (fields) => ({ ...fields, token: 'forged' }))
    : altered(context, 'secret')

/** Asked where the valid one was refused for its signature: what is accepted instead tells why. */
export const probes = (context: CaseContext): readonly { readonly request: WireRequest; readonly says: string }[] =>
  context.dialect === 'plugin'
    ? []
    : [
        {
          request: altered(context, 'secret-empty'),
          says: 'one signed with an empty secret is accepted: the site has none, and anybody can forge callbacks; set cloud_callback_secret',
        },
        {
          request: altered(context, 'secret-newline'),
          says: 'one signed with the secret and a line break is accepted: the setting was pasted with one; save it again without',
        },
      ]

/** What the answer to a valid callback for a known job means: one diagnosis. */
export function judgeCanary(context: CaseContext, request: WireRequest, answer: WireAnswer, url: string): Judgement {
  if (isAccepted(answer) && !looksLikePage(answer)) return pass(`accepted with ${answer.status}`, 'answer')
  if (isAccepted(answer)) {
    return fail(
      `${answer.status} with a web page: this is no callback receiver but a page of the site (a login page?); nothing was updated`,
    )
  }
  return fail(diagnosis(context, request, answer, url))
}

/** What the answers to a valid and a forged callback for a job that nobody knows mean together. */
export function judgeStranger(
  context: CaseContext,
  request: WireRequest,
  { valid, forged }: { valid: WireAnswer; forged: WireAnswer },
  url: string,
): Judgement {
  if (isAccepted(valid)) return judgeCanary(context, request, valid, url)
  if (valid.status !== forged.status || valid.body !== forged.body) {
    if (valid.status === 404 || valid.status === 410 || valid.status === 400 || valid.status === 422) {
      return unobserved(
        `answered ${valid.status} for a job that it does not know, and ${forged.status} where it was forged: it tells them apart`,
      )
    }
  }
  const told = diagnosis(context, request, valid, url)
  return valid.status === 404 && !looksLikePage(valid)
    ? fail(
        `${told}; or the receiver looks for the job before it looks at the signature: then check it with a known job (--job, --submit)`,
      )
    : fail(told)
}

function diagnosis({ dialect, now }: CaseContext, request: WireRequest, answer: WireAnswer, url: string): string {
  const { status, headers, error } = answer
  const location = headers['location']
  const meaning = explainAnswer({
    status,
    dialect,
    url,
    ...(location === undefined ? {} : { location }),
    ...(error === undefined ? {} : { error }),
  })
  const facts: string[] = []
  if (status === 401 || status === 403) {
    const signed = request.headers.some(([name]) => name === 'x-signature')
    const php = Buffer.byteLength(phpJson(JSON.parse(bodyText(request))))
    if (signed && php !== request.body.length) {
      facts.push(
        `our signature covers the ${request.body.length} bytes sent; re-encoded as PHP's json_encode does it is ${php}: read php://input`,
      )
    }
    const ahead = Math.round((Date.parse(headers['date'] ?? '') - now) / 1000)
    if (Math.abs(ahead) > freshnessSeconds) {
      facts.push(`the receiver's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} ours`)
    }
  }
  return [`${meaning}${status === null ? '' : saying(answer)}`, ...facts].join('. ')
}

const looksLikePage = ({ headers, body }: WireAnswer) =>
  (headers['content-type'] ?? '').includes('text/html') && /<html|<!doctype html/i.test(body)
