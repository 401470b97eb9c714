import { describe, expect, it } from 'vitest'
import { explainAnswer, type CallbackAnswer } from '../../contracts/answers.ts'

const url = 'http://127.0.0.1:8000/local/manireports/ui/ajax/cloud_callback.php'
const moved = 'http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php'

function words(answer: Partial<CallbackAnswer>): string {
  return explainAnswer({ status: null, dialect: 'spec', url, ...answer })
}

describe('what an answer to a callback means', () => {
  it('a redirect to wwwroot names it, and the flag that keeps the name', () => {
    expect(words({ status: 303, location: moved })).toBe(
      "303: wwwroot is http://localhost:8000, but the callback URL's host is 127.0.0.1:8000: nothing was updated. " +
        'Use http://localhost:8000 in the callback URL, or keep that name and add ' +
        '--callback-connect-to localhost:8000:127.0.0.1:8000',
    )
  })

  const cases: [string, Partial<CallbackAnswer>, string][] = [
    ['accepted', { status: 200 }, 'accepted'],
    ['to the login page', { status: 303, location: '/login/index.php' }, 'require_login'],
    ['to https', { status: 301, location: url.replace('http:', 'https:') }, 'the site wants https'],
    ['a redirect to nowhere', { status: 302 }, 'a redirect without a usable Location'],
    ['a wrong signature', { status: 401 }, 'cloud_callback_secret must be the same on both sides'],
    ['a wrong token', { status: 403, dialect: 'plugin' }, "this token must equal the company's AWS secret"],
    ['a firewall', { status: 403 }, 'a firewall, an IP allow-list'],
    [
      'the path of another dialect',
      { status: 404, dialect: 'plugin' },
      "the `plugin` dialect's path is /local/manireports/cloud_callback.php",
    ],
    ['no plugin there', { status: 404 }, 'is the plugin installed there'],
    ['a failure', { status: 500 }, "PHP's error log"],
    ['maintenance', { status: 503 }, 'maintenance.php --disable'],
    ['another refusal', { status: 418 }, '418: the receiver refused the callback'],
    [
      'nobody there',
      { error: 'connect ECONNREFUSED 127.0.0.1:8000' },
      'connection refused: nothing listens on 127.0.0.1:8000',
    ],
    ['no such name', { error: 'getaddrinfo ENOTFOUND webserver', url: 'http://webserver/x' }, 'does not resolve here'],
    [
      'no answer in time',
      { error: 'TimeoutError: The operation was aborted due to timeout' },
      'no answer from 127.0.0.1:8000 in time',
    ],
    ['cut off', { error: 'read ECONNRESET' }, 'closed the connection without an answer'],
    ['a certificate of its own', { error: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'NODE_EXTRA_CA_CERTS'],
    ['a certificate for another name', { error: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'is for another name'],
    [
      'plain HTTP',
      { error: 'write EPROTO ssl3_get_record:wrong version number:WRONG_VERSION_NUMBER' },
      'write http://',
    ],
    ['anything else', { error: 'boom' }, 'no answer from 127.0.0.1:8000: boom'],
  ]
  it.each(cases)('%s', (_what, answer, expected) => {
    expect(words(answer)).toContain(expected)
  })
})
