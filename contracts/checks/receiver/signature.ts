import { createHash, createHmac } from 'node:crypto'
import { alterCallback, type AlterationName } from '../../alterations.ts'
import { sign } from '../../signature.ts'
import type { CaseContext, ReceiverCase, WireRequest } from './case.ts'
import { refused, signedOnly, tokenOnly, unsignedOnly } from './define.ts'
import { altered, bodyText, callback, withFields, withHeaders, withSignature } from './requests.ts'

const compare =
  "compare as the specification does: hash_equals(hash_hmac('sha256', file_get_contents('php://input'), $secret), $_SERVER['HTTP_X_SIGNATURE'] ?? '')"

const byAlteration = (name: AlterationName) => (context: CaseContext) => altered(context, name)

const signature = (
  name: string,
  title: string,
  send: (context: CaseContext) => WireRequest,
  fix = compare,
  mistake?: number,
) =>
  refused({
    id: `signature/${name}`,
    title,
    fix,
    send,
    except: signedOnly,
    ...(mistake === undefined ? {} : { mistake }),
  })

export const signatureCases: readonly ReceiverCase[] = [
  signature('wrong-secret', 'a callback signed with another secret is refused', byAlteration('secret')),
  signature(
    'empty-secret',
    'a callback signed with an empty secret is refused',
    byAlteration('secret-empty'),
    'refuse before comparing where cloud_callback_secret is empty: hash_hmac works with an empty key, and anybody can compute that',
  ),
  signature(
    'missing',
    'a callback without X-Signature is refused',
    byAlteration('signature-missing'),
    "read $_SERVER['HTTP_X_SIGNATURE'] ?? '' and answer 401 where it is empty: hash_equals(…, null) is a TypeError, a 500",
  ),
  signature('empty', 'an empty X-Signature is refused', byAlteration('signature-empty')),
  signature('twice', 'two X-Signature headers are refused', (context) => {
    const request = callback(context)
    return withHeaders(request, (headers) => [...headers, ...headers.filter(([name]) => name === 'x-signature')])
  }),
  signature('one-digit', 'a signature with one digit changed is refused', byAlteration('signature')),
  signature('upper-case', 'upper-case hex is refused', byAlteration('signature-upper-case')),
  signature('prefix', 'a signature after "sha256=" is refused', byAlteration('signature-prefix')),
  signature('base64', 'a signature in base64 is refused', byAlteration('signature-base64')),
  signature('cut', 'a signature of 63 characters is refused', byAlteration('signature-cut')),
  signature('not-hex', 'a signature that is no hex is refused', (context) =>
    withSignature(context, () => 'z'.repeat(64)),
  ),
  signature(
    'zero-e',
    'a digest of the form 0e… is refused',
    zeroE,
    'compare texts with hash_equals: == and casts to a number read "0e12" as 0, and so every digest that begins with a letter',
  ),
  signature('sha1', 'an HMAC with SHA-1 is refused', byAlteration('signature-sha1')),
  signature('plain-hash', 'a hash without a key is refused', (context) =>
    withSignature(context, (body) => createHash('sha256').update(body).digest('hex')),
  ),
  signature(
    'secret-newline',
    'a callback signed with the secret and a line break is refused',
    byAlteration('secret-newline'),
    'store the secret trimmed, once, where the setting is saved; do not try several forms of it',
  ),
  {
    ...signature(
      'previous-secret',
      'after a rotation the previous secret is refused',
      (context) => withSignature(context, (body) => sign(context.previousSecret ?? '', body)),
      'compare with the secret of the settings alone; purge the cached configuration when it is saved',
    ),
    plan: (context) =>
      context.previousSecret === undefined
        ? 'no previous secret was told (--previous-secret)'
        : [{ request: withSignature(context, (body) => sign(context.previousSecret ?? '', body)) }],
  },
  signature('other-body', 'a signature of another body is refused', (context) =>
    withSignature(context, (body) => sign(context.secret, Buffer.concat([body, Buffer.from('x')]))),
  ),
  refused({
    id: 'signature/forged',
    title: 'a callback under a wrong signature is refused, though the dialect names none',
    fix: `whoever reaches the address can forge callbacks: X-Signature comes with each, so ${compare}`,
    level: 'advised',
    except: unsignedOnly,
    send: byAlteration('secret'),
  }),
  refused({
    id: 'signature/as-token',
    title: 'the callback secret in the body is no substitute for a signature',
    fix: compare,
    except: signedOnly,
    send: (context) =>
      withHeaders(
        withFields(context, (fields) => ({ ...fields, token: context.secret })),
        (headers) => headers.filter(([name]) => name !== 'x-signature'),
      ),
  }),
]

/** A body whose digest begins with a letter, which a cast to a number makes 0, under the header that is 0 too. */
function zeroE(context: CaseContext): WireRequest {
  for (let nonce = 0; ; nonce++) {
    const request = withFields(context, (fields) => ({ ...fields, nonce }))
    const digest = createHmac('sha256', context.secret).update(request.body).digest('hex')
    if (!/^[a-f]/.test(digest)) continue
    return withHeaders(request, (headers) =>
      headers.map(([name, value]) => [name, name === 'x-signature' ? `0e${'0'.repeat(62)}` : value]),
    )
  }
}

const tokenFix =
  "compare texts: is_string($payload->token ?? null) && $secret !== '' && hash_equals($secret, $payload->token), else 403 (400 where it is missing)"

const token = (name: string, title: string, value: (context: CaseContext) => unknown) =>
  refused({
    id: `token/${name}`,
    title,
    fix: tokenFix,
    mistake: 18,
    except: tokenOnly,
    send: (context) => withFields(context, ({ token: _token, ...fields }) => ({ ...fields, token: value(context) })),
  })

export const tokenCases: readonly ReceiverCase[] = [
  token('missing', 'a callback without a token is refused', () => undefined),
  token('empty', 'an empty token is refused', () => ''),
  token('wrong', 'a wrong token is refused', () => 'altered-token'),
  token('true', 'true as token is refused', () => true),
  token('zero', '0 as token is refused', () => 0),
  token('list', 'a list as token is refused', () => []),
  token('begins-alike', 'the beginning of the token is refused', ({ token }) => token.slice(0, -1)),
  token('line-break', 'the token and a line break is refused', ({ token }) => `${token}\n`),
  refused({
    id: 'token/signature-instead',
    title: 'a signature instead of the token is refused',
    fix: tokenFix,
    mistake: 18,
    except: tokenOnly,
    send: (context) => {
      const request = withFields(context, ({ token: _token, ...fields }) => fields)
      const again = alterCallback('body', { headers: {}, body: bodyText(request) }, { secret: '', now: 0 })
      const body = Buffer.from(again.body)
      return { ...request, body, headers: [...request.headers, ['x-signature', sign(context.token, body)]] }
    },
  }),
]
