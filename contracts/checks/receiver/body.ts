import type { CaseContext, ReceiverCase, WireRequest } from './case.ts'
import { accepted, answered, refused, signedOnly, withRowsOnly } from './define.ts'
import { brokenAnswer, fail, mustAccept, mustAnswer, pass, rowOf, unobserved } from './judge.ts'
import { altered, bodyText, callback, contentOf, outcome, signed, withFields } from './requests.ts'

const checkJson =
  'answer 400 where json_decode gives null (json_last_error() !== JSON_ERROR_NONE) or anything but an object, before anything is written'
const rawBody = "sign and verify the bytes that came: file_get_contents('php://input'), never json_encode($payload)"

const body = (name: string, title: string, make: (text: string, context: CaseContext) => string | Uint8Array) =>
  refused({
    id: `body/${name}`,
    title,
    fix: checkJson,
    send: (context) => signed(context, make(bodyText(callback(context)), context)),
  })

/** What is beyond ASCII in three ways that databases and encoders trip over. */
const anyText = 'cafe\u0301 (NFD), caf\u00e9 (NFC), \u{1f393}, \u05e9\u05dc\u05d5\u05dd'

const withText = (context: CaseContext, text: string): WireRequest =>
  callback(
    context,
    contentOf(
      context,
      context.job.people.map((person) => outcome(context, person, 'failed', text)),
    ),
  )

/** Accepted, and where the tables are seen, stored as it was sent; `partly` allows what a column is too short for. */
export const storesText =
  (text: string, partly = false): ReceiverCase['judge'] =>
  (observation) => {
    const wrong = brokenAnswer(observation)
    if (wrong !== undefined) return wrong
    const row = rowOf(observation)
    const applied = mustAccept({
      ...observation,
      exchanges: observation.exchanges.map(({ request, answers, took }) => ({ request, answers, took })),
    })
    if (applied.verdict !== 'pass' || row === undefined) return applied
    const stored = row.recipients[0]?.error ?? ''
    const kept = stored.includes(text) || (partly && stored.length > 0 && text.startsWith(stored))
    return kept
      ? pass('accepted and stored as it was sent', 'tables')
      : fail(`accepted, and stored as ${JSON.stringify(stored.slice(0, 80))}`, 'tables')
  }

export const bodyCases: readonly ReceiverCase[] = [
  accepted({
    id: 'body/as-sent',
    title: 'the signature is verified over the bytes that came, whatever their form',
    fix: rawBody,
    except: signedOnly,
    send: (context) =>
      signed(
        context,
        // PHP would write each of these otherwise: the slash, the é, 1.0, the empty object, the spaces.
        bodyText(callback(context)).replace('{', '{ "link": "https://moodle.test/é", "weight": 1.0, "options": {}, '),
      ),
  }),
  refused({
    id: 'body/reencoded',
    title: 'a body that was encoded anew on its way is refused',
    fix: rawBody,
    except: signedOnly,
    send: (context) => {
      const request = withFields(context, (fields) => ({ ...fields, link: 'https://moodle.test/é' }))
      return { ...request, body: Buffer.from(bodyText(request).replaceAll('/', '\\/').replaceAll('é', '\\u00e9')) }
    },
  }),
  refused({
    id: 'body/one-byte',
    title: 'a body with one space more than was signed is refused',
    fix: rawBody,
    except: signedOnly,
    send: (context) => altered(context, 'body'),
  }),
  body('bom', 'a body after a byte order mark is refused', (text) => `\ufeff${text}`),
  {
    ...body('invalid-utf8', 'invalid UTF-8 is refused', (text) =>
      Buffer.concat([Buffer.from(text.replace(/\}$/, ',"note":"')), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    ),
    mistake: 19,
  },
  body('lone-surrogate', 'half of a surrogate pair is refused', (text) => text.replace(/\}$/, ',"note":"\\ud83d"}')),
  body('cut', 'a body that is cut off is refused', (text) => text.slice(0, -1)),
  body('empty', 'an empty body is refused', () => ''),
  body('list', 'a list is refused', (text) => `[${text}]`),
  body('number', 'a number is refused', () => '0'),
  body('deep', 'nesting deeper than 512 is refused', (text) =>
    text.replace('{', `{"deep":${'['.repeat(600)}${']'.repeat(600)},`),
  ),
  body(
    'form',
    'a form is refused',
    (_text, { job }) => `job_id=${encodeURIComponent(String(job.id))}&status=completed`,
  ),
  answered({
    id: 'body/nul',
    title: 'a NUL character in a text brings no 5xx',
    fix: "take it out before the text is stored (PostgreSQL stores none): str_replace(chr(0), '', $text)",
    except: withRowsOnly,
    needs: 'own',
    leaves: 'one job whose recipients are failed',
    send: (context) => withText(context, 'a\u0000b'),
  }),
  {
    ...accepted({
      id: 'body/unicode',
      title: 'NFD, emoji and right-to-left text is accepted and stored as it came',
      fix: 'a utf8mb4 database, and no cleaning of error_message beyond its length',
      except: withRowsOnly,
      leaves: 'one job whose recipients are failed',
      send: (context) => withText(context, anyText),
    }),
    judge: storesText(anyText),
  },
  answered({
    id: 'body/duplicate-names',
    title: 'a name twice in one object brings no 5xx',
    fix: checkJson,
    send: (context) => signed(context, bodyText(callback(context)).replace('{', '{"status":"pending",')),
  }),
  answered({
    id: 'body/big-integer',
    title: 'an integer beyond 2^63 brings no 5xx',
    fix: 'take ids that are integers or texts and refuse floats: json_decode makes a float of it, unless JSON_BIGINT_AS_STRING is given',
    send: (context) =>
      signed(context, bodyText(callback(context)).replace(/\}$/, ',"ordinal":9223372036854775808123}')),
  }),
  answered({
    id: 'body/big-userid',
    title: 'a userid beyond 2^63 brings no 5xx',
    fix: 'take ids that are integers or texts of digits, else refuse: the database answers a float beyond its range with an error',
    except: { flow: 'the callback names no userids', plugin: 'the callback names no userids' },
    send: (context) =>
      signed(context, bodyText(callback(context)).replace(/"userid":("?)[^,"}]+\1/, '"userid":9223372036854775808')),
  }),
  answered({
    id: 'body/gzip',
    title: 'a compressed body brings no 5xx',
    fix: checkJson,
    send: (context) => {
      const request = signed(context, context.gzip(callback(context).body))
      return { ...request, headers: [...request.headers, ['content-encoding', 'gzip']] }
    },
  }),
  {
    ...answered({
      id: 'body/oversize',
      title: 'a body of 9 MB is answered, with a 4xx or as any other',
      fix: 'raise post_max_size and client_max_body_size, or answer 413; PHP discards what is over post_max_size, so the signature then covers nothing',
      send: (context) => signed(context, bodyText(callback(context)) + ' '.repeat(9 * 1024 * 1024)),
    }),
    judge(observation) {
      // A web server that answers 413 before it has read everything may be gone before its answer is read.
      const hungUp = /ECONNRESET|EPIPE/.test(observation.exchanges[0]?.answers[0]?.error ?? '')
      return hungUp
        ? unobserved(
            'the connection was closed while the body was sent: the answer (a 413 of the web server?) was not read',
          )
        : mustAnswer(observation)
    },
  },
]
