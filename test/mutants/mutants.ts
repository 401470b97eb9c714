import { createHash, createHmac } from 'node:crypto'
import { phpJson } from '../../contracts/php-json.ts'
import { sign } from '../../contracts/signature.ts'
import type { Dialect } from '../../contracts/job.ts'
import { receiverCases, type WireRequest } from '../../contracts/checks/receiver/index.ts'
import { previousSecret, right, secret, token, type Given, type Parts, type Refusal } from './receiver.ts'

/** A receiver that does one thing wrong. */
export interface Mutant {
  readonly does: string
  /** The case that is made for it. */
  readonly case: string
  /** What else it gets wrong by the same mistake. */
  readonly also?: readonly string[]
  /** Of the nineteen. */
  readonly mistake?: number
  readonly dialect?: Dialect
  readonly parts: Partial<Parts>
}

const text = (request: WireRequest) => Buffer.from(request.body).toString()
const when =
  (is: (request: WireRequest) => boolean, refusal: Refusal) =>
  (request: WireRequest): Refusal | undefined =>
    is(request) ? refusal : undefined
const ok: Refusal = { status: 200 }
const crash: Refusal = { status: 500 }

type Signed = (given: Given, body: Buffer) => boolean
/** Right, and accepts one thing more. */
const accepts = (more: Signed): Partial<Parts> => ({
  signature: (given, body, payload) => right.signature(given, body, payload) || more(given, body),
})
const tokens = (more: (given: unknown, body: Buffer, signature: Given) => boolean): Partial<Parts> => ({
  token: (given, body, signature) => right.token(given, body, signature) || more(given, body, signature),
})
const times = (more: (timestamp: unknown, seconds: number) => boolean): Partial<Parts> => ({
  fresh: (timestamp, seconds) => right.fresh(timestamp, seconds) || more(timestamp, seconds),
})
const parses = (is: (body: Buffer) => boolean, parse: (body: Buffer) => unknown): Partial<Parts> => ({
  parse: (body) => (is(body) ? parse(body) : right.parse(body)),
})
const validates = (but: (reason: string, payload: Record<string, unknown>) => boolean): Partial<Parts> => ({
  validate(payload, dialect) {
    const reason = right.validate(payload, dialect)
    return reason === undefined || but(reason, payload) ? undefined : reason
  },
})
const expected = (body: Buffer) => sign(secret, body)
const json = (body: Buffer) => JSON.parse(body.toString()) as unknown

const badlySigned = receiverCases
  .filter(({ id, except }) => id.startsWith('signature/') && except.spec === undefined)
  .map(({ id }) => id)

/** `http_response_code(401)` without `exit`. */
export const goesOn: Mutant = {
  does: 'answers 401 and goes on',
  case: 'signature/wrong-secret',
  also: [...badlySigned.filter((id) => id !== 'signature/wrong-secret'), 'body/reencoded', 'body/one-byte'],
  parts: { ends: () => false },
}

const signatures: readonly Mutant[] = [
  goesOn,
  {
    does: 'takes the secret of another company too',
    case: 'signature/wrong-secret',
    parts: accepts((given, body) => given === sign(`not-${secret}`, body)),
  },
  {
    does: 'takes an empty secret too',
    case: 'signature/empty-secret',
    parts: accepts((given, body) => given === sign('', body)),
  },
  {
    does: 'looks at the signature only where there is one',
    case: 'signature/missing',
    also: ['signature/as-token'],
    parts: accepts((given) => given === undefined),
  },
  { does: 'takes an empty header for none', case: 'signature/empty', parts: accepts((given) => given === '') },
  {
    does: 'takes the first of several headers',
    case: 'signature/twice',
    parts: accepts((given, body) => given?.split(', ')[0] === expected(body)),
  },
  {
    does: 'compares from the second digit on',
    case: 'signature/one-digit',
    parts: accepts((given, body) => given?.slice(1) === expected(body).slice(1)),
  },
  {
    does: 'compares without regard to case',
    case: 'signature/upper-case',
    parts: accepts((given, body) => given?.toLowerCase() === expected(body)),
  },
  {
    does: "cuts off GitHub's prefix",
    case: 'signature/prefix',
    parts: accepts((given, body) => given === `sha256=${expected(body)}`),
  },
  {
    does: 'takes base64 too',
    case: 'signature/base64',
    parts: accepts((given, body) => given === Buffer.from(expected(body), 'hex').toString('base64')),
  },
  {
    does: 'compares as many digits as came',
    case: 'signature/cut',
    parts: accepts((given = '', body) => given.length > 40 && expected(body).startsWith(given)),
  },
  {
    does: 'compares the hex digits that it finds',
    case: 'signature/not-hex',
    parts: accepts((given = '') => given !== '' && !/[0-9a-f]/i.test(given)),
  },
  {
    does: 'compares with ==, as numbers',
    case: 'signature/zero-e',
    parts: accepts(
      (given, body) => given?.startsWith('0e') === true && Number(given) === 0 && !/^\d/.test(expected(body)),
    ),
  },
  {
    does: 'takes SHA-1 too',
    case: 'signature/sha1',
    parts: accepts((given, body) => given === createHmac('sha1', secret).update(body).digest('hex')),
  },
  {
    does: 'hashes without a key',
    case: 'signature/plain-hash',
    parts: accepts((given, body) => given === createHash('sha256').update(body).digest('hex')),
  },
  {
    does: 'tries the secret with a line break',
    case: 'signature/secret-newline',
    parts: accepts((given, body) => given === sign(`${secret}\n`, body)),
  },
  {
    does: 'keeps the previous secret in its cache',
    case: 'signature/previous-secret',
    parts: accepts((given, body) => given === sign(previousSecret, body)),
  },
  {
    does: 'signs more than the body',
    case: 'signature/other-body',
    parts: accepts((given, body) => given === sign(secret, `${body.toString()}x`)),
  },
  {
    does: 'takes the secret in the body for a signature',
    case: 'signature/as-token',
    mistake: 18,
    parts: {
      signature: (given, body, payload) =>
        right.signature(given, body, payload) || (payload() as { token?: unknown } | undefined)?.token === secret,
    },
  },
  {
    does: 'looks at no signature',
    case: 'signature/forged',
    dialect: 'flow',
    parts: accepts(() => true),
  },
  {
    does: 'takes no token for any',
    case: 'token/missing',
    also: ['token/signature-instead'],
    dialect: 'plugin',
    parts: tokens((given) => given === undefined),
  },
  { does: 'takes an empty token', case: 'token/empty', dialect: 'plugin', parts: tokens((given) => given === '') },
  {
    does: 'takes any word',
    case: 'token/wrong',
    also: ['token/begins-alike', 'token/line-break'],
    mistake: 18,
    dialect: 'plugin',
    parts: tokens((given) => typeof given === 'string' && given !== ''),
  },
  {
    does: 'compares with ==, where true equals any text',
    case: 'token/true',
    mistake: 18,
    dialect: 'plugin',
    parts: tokens((given) => given === true),
  },
  {
    does: 'compares with ==, where 0 equals any text',
    case: 'token/zero',
    dialect: 'plugin',
    parts: tokens((given) => given === 0),
  },
  {
    does: 'compares by strcmp, which is null for a list',
    case: 'token/list',
    dialect: 'plugin',
    parts: tokens((given) => Array.isArray(given)),
  },
  {
    does: 'compares the beginning',
    case: 'token/begins-alike',
    dialect: 'plugin',
    parts: tokens((given) => typeof given === 'string' && given.length > 5 && token.startsWith(given)),
  },
  {
    does: 'trims the token',
    case: 'token/line-break',
    dialect: 'plugin',
    parts: tokens((given) => typeof given === 'string' && given.trim() === token),
  },
  {
    does: 'takes a signature instead',
    case: 'token/signature-instead',
    dialect: 'plugin',
    parts: tokens((_given, body, signature) => signature === sign(token, body)),
  },
]

const bodies: readonly Mutant[] = [
  {
    does: 'verifies json_encode($payload), not what came',
    case: 'body/as-sent',
    also: ['body/one-byte', 'body/unicode', 'meaning/sql-and-html'],
    parts: {
      signature: (given, body, payload) =>
        (payload() !== undefined && given === sign(secret, phpJson(payload()))) ||
        (payload() === undefined && right.signature(given, body, payload)),
    },
  },
  {
    does: 'tries the body encoded anew too',
    case: 'body/reencoded',
    also: ['body/one-byte'],
    parts: accepts((given, body) => tryJson(body, (payload) => given === sign(secret, JSON.stringify(payload)))),
  },
  {
    does: 'trims the body first',
    case: 'body/one-byte',
    parts: accepts((given, body) => given === sign(secret, body.toString().trim())),
  },
  {
    does: 'cuts a byte order mark off',
    case: 'body/bom',
    parts: parses(
      (body) => body[0] === 0xef,
      (body) => json(body.subarray(3)),
    ),
  },
  {
    does: 'replaces what is no UTF-8',
    case: 'body/invalid-utf8',
    mistake: 19,
    parts: parses((body) => body.includes(0xff), json),
  },
  {
    does: 'stores half of a pair',
    case: 'body/lone-surrogate',
    parts: parses((body) => body.includes('\\ud83d"'), json),
  },
  {
    does: 'completes what is cut off',
    case: 'body/cut',
    parts: parses(
      (body) => !body.toString().endsWith('}'),
      (body) => tryJson(Buffer.from(`${body.toString()}}`), (payload) => payload),
    ),
  },
  {
    does: 'answers an empty body like a health check',
    case: 'body/empty',
    parts: { before: when(({ method, body }) => method === 'POST' && body.length === 0, ok) },
  },
  {
    does: 'takes a list of callbacks',
    case: 'body/list',
    parts: parses(
      (body) => body[0] === 0x5b,
      (body) => (json(body) as unknown[])[0],
    ),
  },
  {
    does: 'takes what is empty() for nothing to do',
    case: 'body/number',
    mistake: 19,
    parts: { before: when((request) => text(request) === '0', ok) },
  },
  { does: 'reads without a limit of depth', case: 'body/deep', parts: parses((body) => body.includes('[[[['), json) },
  {
    does: 'takes a form',
    case: 'body/form',
    parts: { before: when((request) => text(request).startsWith('job_id='), ok) },
  },
  {
    does: 'stores NUL in PostgreSQL',
    case: 'body/nul',
    parts: { before: when((request) => text(request).includes('\\u0000'), crash) },
  },
  {
    does: 'stores three bytes a character',
    case: 'body/unicode',
    parts: { text: (given) => given.replace(/[\u{10000}-\u{10ffff}]/gu, '?') },
  },
  {
    does: 'fails at a name that comes twice',
    case: 'body/duplicate-names',
    parts: { before: when((request) => text(request).startsWith('{"status":"pending",'), crash) },
  },
  {
    does: 'fails at a large integer',
    case: 'body/big-integer',
    parts: { before: when((request) => text(request).includes('9223372036854775808123'), crash) },
  },
  {
    does: 'asks the database for a userid beyond its range',
    case: 'body/big-userid',
    parts: { before: when((request) => /"userid":9223372036854775808\b/.test(text(request)), crash) },
  },
  {
    does: 'fails at a compressed body',
    case: 'body/gzip',
    parts: { before: when(({ headers }) => headers.some(([name]) => name === 'content-encoding'), crash) },
  },
  {
    does: 'fails at a large body',
    case: 'body/oversize',
    parts: { before: when(({ body }) => body.length > 8_000_000, crash) },
  },
]

const age = (timestamp: unknown, seconds: number) => seconds - Number(timestamp)
const clocks: readonly Mutant[] = [
  {
    does: 'takes ten minutes',
    case: 'time/305-s-old',
    also: ['time/301-s-old'],
    parts: times((given, seconds) => Number.isInteger(given) && age(given, seconds) > 0 && age(given, seconds) <= 600),
  },
  {
    does: 'looks at the past alone',
    case: 'time/305-s-ahead',
    also: ['time/301-s-ahead', 'time/milliseconds'],
    parts: times((given, seconds) => Number.isInteger(given) && age(given, seconds) < 0),
  },
  {
    does: 'takes less than four minutes of the past',
    case: 'time/295-s-old',
    also: ['time/299-s-old', 'time/300-s-old'],
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) < 240 },
  },
  {
    does: 'takes no future',
    case: 'time/295-s-ahead',
    also: ['time/299-s-ahead', 'time/300-s-ahead'],
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) >= 0 },
  },
  {
    does: 'writes >= 300 for the past',
    case: 'time/300-s-old',
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) < 300 },
  },
  {
    does: 'writes >= 300 for the future',
    case: 'time/300-s-ahead',
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) > -300 },
  },
  {
    does: 'takes 299 s of the past as too old',
    case: 'time/299-s-old',
    also: ['time/300-s-old'],
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) < 299 },
  },
  {
    does: 'takes 299 s of the future as too far',
    case: 'time/299-s-ahead',
    also: ['time/300-s-ahead'],
    parts: { fresh: (given, seconds) => right.fresh(given, seconds) && age(given, seconds) > -299 },
  },
  {
    does: 'takes 301 s of the past',
    case: 'time/301-s-old',
    parts: times((given, seconds) => Number.isInteger(given) && age(given, seconds) === 301),
  },
  {
    does: 'takes 301 s of the future',
    case: 'time/301-s-ahead',
    parts: times((given, seconds) => Number.isInteger(given) && age(given, seconds) === -301),
  },
  {
    does: 'looks at the timestamp where there is one',
    case: 'time/missing',
    parts: times((given) => given === undefined),
  },
  { does: 'takes null for now', case: 'time/null', parts: times((given) => given === null) },
  { does: 'takes true for a time', case: 'time/true', parts: times((given) => given === true) },
  {
    does: 'subtracts what comes, and compares with "not a number"',
    case: 'time/words',
    also: ['time/list', 'time/iso'],
    parts: times((given, seconds) => given !== undefined && !(Math.abs(seconds - Number(given)) > 300)),
  },
  {
    does: 'takes the first of a list',
    case: 'time/list',
    parts: times((given, seconds) => Array.isArray(given) && right.fresh(given[0], seconds)),
  },
  {
    does: 'parses dates',
    case: 'time/iso',
    parts: times((given, seconds) => typeof given === 'string' && Math.abs(Date.parse(given) / 1000 - seconds) < 300),
  },
  {
    does: 'divides milliseconds',
    case: 'time/milliseconds',
    parts: times((given, seconds) => Number(given) > 1e12 && right.fresh(Math.floor(Number(given) / 1000), seconds)),
  },
  { does: 'takes the infinite for any time', case: 'time/infinite', parts: times((given) => given === Infinity) },
  {
    does: 'fails at digits in a text',
    case: 'time/text-of-digits',
    parts: { before: when((request) => /"timestamp":"\d+"/.test(text(request)), crash) },
  },
  {
    does: 'fails at a fraction',
    case: 'time/fraction',
    parts: { before: when((request) => /"timestamp":\d+\.5/.test(text(request)), crash) },
  },
]

const typeOf = ({ headers }: WireRequest) => headers.find(([name]) => name === 'content-type')?.[1] ?? ''
const ways: readonly Mutant[] = [
  {
    does: 'answers GET with a page',
    case: 'transport/get',
    parts: { before: when(({ method }) => method === 'GET', ok) },
  },
  {
    does: 'does not look at the method',
    case: 'transport/put',
    parts: { method: (method) => method === 'POST' || method === 'PUT' },
  },
  {
    does: 'fails at OPTIONS',
    case: 'transport/options',
    parts: { before: when(({ method }) => method === 'OPTIONS', crash) },
  },
  {
    does: 'compares the whole content type',
    case: 'transport/charset',
    parts: { before: when((request) => typeOf(request).includes('charset'), { status: 415 }) },
  },
  {
    does: 'fails at another type',
    case: 'transport/text-plain',
    parts: { before: when((request) => typeOf(request) === 'text/plain', crash) },
  },
  {
    does: 'reads $_POST',
    case: 'transport/form-type',
    parts: { before: when((request) => typeOf(request).includes('urlencoded'), crash) },
  },
  {
    does: 'fails where PHP keeps no body',
    case: 'transport/multipart-type',
    parts: { before: when((request) => typeOf(request).includes('multipart'), crash) },
  },
  {
    does: 'asks for a length',
    case: 'transport/chunked',
    parts: { before: when(({ chunked }) => chunked === true, crash) },
  },
]

const meanings: readonly Mutant[] = [
  {
    does: 'adds counts again for a replay',
    case: 'meaning/replay',
    also: ['meaning/ten-at-once', 'meaning/bounce-after-sent', 'meaning/late-sent'],
    mistake: 7,
    parts: {
      count(job, told) {
        const before = { completed: job.completed, failed: job.failed }
        right.count(job, told, { completed: 0, failed: 0 })
        const of = (status: string) => told.updates.filter((update) => update.status === status).length
        // What nobody knows is not counted.
        const known = Math.min(of('completed'), job.rows.length)
        job.completed = before.completed + known
        job.failed = before.failed + of('failed')
      },
    },
  },
  {
    does: 'reads, waits and then adds, without a lock',
    case: 'meaning/ten-at-once',
    mistake: 7,
    parts: {
      pause: () => new Promise<void>((resolve) => setImmediate(resolve)),
      count(job, told, changed) {
        const before = { completed: job.completed, failed: job.failed }
        right.count(job, told, changed)
        if (before.completed + changed.completed > job.rows.length) job.completed = before.completed + changed.completed
      },
    },
  },
  {
    does: 'takes completed for the last word',
    case: 'meaning/bounce-after-sent',
    parts: {
      merge(row, update) {
        if (row.status !== 'completed') right.merge(row, update)
      },
    },
  },
  {
    does: 'lets the last callback win',
    case: 'meaning/late-sent',
    also: ['meaning/never-backwards'],
    mistake: 7,
    parts: {
      merge(row, update) {
        row.status = update.status
        row.error = update.error ?? null
      },
    },
  },
  {
    does: 'opens an ended job again',
    case: 'meaning/never-backwards',
    mistake: 9,
    parts: {
      merge(row, update) {
        if (update.status === 'pending') row.status = 'pending'
        else right.merge(row, update)
      },
    },
  },
  {
    does: 'writes the counts of the last callback',
    case: 'meaning/adds-up',
    also: ['meaning/never-backwards', 'meaning/late-sent'],
    mistake: 6,
    parts: {
      count(job, told, changed) {
        right.count(job, told, changed)
        const of = (status: string) => told.updates.filter((update) => update.status === status).length
        job.completed = Math.min(of('completed'), job.rows.length)
        job.failed = of('failed')
      },
    },
  },
  {
    does: 'calls every job with a failure partly failed',
    case: 'meaning/all-failed',
    mistake: 12,
    parts: {
      count(job, told, changed) {
        right.count(job, told, changed)
        if (job.failed > 0) job.status = 'partial_failure'
      },
    },
  },
  {
    does: 'writes completed_at with every callback',
    case: 'meaning/processing-has-no-end',
    mistake: 9,
    parts: {
      count(job, told, changed) {
        right.count(job, told, changed)
        job.timeCompleted ??= 1
      },
    },
  },
  {
    does: 'is content with a job that it does not know',
    case: 'meaning/unknown-job',
    also: ['meaning/job-id-cast'],
    parts: { before: unknownJobIsFine },
  },
  {
    does: 'casts a UUID to a number',
    case: 'meaning/job-id-cast',
    mistake: 8,
    parts: { job: (id, jobs) => right.job(id, jobs) ?? jobs.find(({ row }) => row === parseInt(String(id), 10)) },
  },
  {
    does: 'casts a job id to a number',
    case: 'meaning/job-id-cast',
    mistake: 8,
    dialect: 'plugin',
    parts: { job: (id, jobs) => right.job(id, jobs) ?? jobs.find((job) => job.id === parseInt(String(id), 10)) },
  },
  {
    does: 'adds who was not there',
    case: 'meaning/unknown-recipient',
    mistake: 11,
    parts: {
      row(job, update, nth, jobs) {
        const found = right.row(job, update, nth, jobs)
        if (found !== undefined || update.userid !== 2_000_000_099) return found
        const added = { userid: 2_000_000_099, email: '', status: 'pending', error: null }
        job.rows.push(added)
        return added
      },
      answer: () => right.answer([2_000_000_099]),
    },
  },
  {
    does: 'ignores silently whom it does not know',
    case: 'meaning/unknown-recipient-told',
    mistake: 11,
    parts: { answer: () => ({ status: 200, body: '{"status":"ok"}' }) },
  },
  {
    does: 'looks recipients up by userid alone',
    case: 'meaning/recipient-of-another-job',
    mistake: 11,
    parts: {
      row: (job, update, nth, jobs) =>
        right.row(job, update, nth, jobs) ??
        jobs.flatMap(({ rows }) => rows).find(({ userid }) => userid === update.userid),
    },
  },
  {
    does: 'stores any status',
    case: 'meaning/unknown-status',
    also: ['meaning/half-good'],
    mistake: 9,
    parts: validates((_reason, payload) => JSON.stringify(payload).includes('delivered-perhaps')),
  },
  {
    does: 'asks in_array() loosely',
    case: 'meaning/status-true',
    mistake: 9,
    parts: validates((_reason, payload) => JSON.stringify(payload).includes('"status":true')),
  },
  {
    does: 'stores negative counts',
    case: 'meaning/counts-negative',
    mistake: 9,
    dialect: 'plugin',
    parts: { before: when((request) => text(request).includes('"emails_failed":-1'), ok) },
  },
  {
    does: 'writes 0 where there are no counts',
    case: 'meaning/counts-missing',
    mistake: 6,
    dialect: 'plugin',
    parts: {
      before: when((request) => {
        const body = text(request)
        return (
          body.includes('"status"') &&
          body.includes(token) &&
          body.endsWith('}') &&
          request.method === 'POST' &&
          !body.includes('emails_sent')
        )
      }, ok),
    },
  },
  {
    does: 'believes any counts',
    case: 'meaning/counts-too-many',
    mistake: 9,
    dialect: 'plugin',
    parts: { before: when((request) => text(request).includes('"emails_sent":4'), ok) },
  },
  {
    does: 'writes until it meets what is wrong',
    case: 'meaning/half-good',
    mistake: 10,
    parts: halfWritten(),
  },
  {
    does: 'escapes HTML before it stores',
    case: 'meaning/sql-and-html',
    parts: { text: (given) => given.replaceAll('<', '&lt;') },
  },
  {
    does: 'has a column of 65,535 bytes',
    case: 'meaning/error-of-64-kib',
    parts: { before: when((request) => text(request).includes('x'.repeat(65_536)), crash) },
  },
  {
    does: 'refuses what it does not know',
    case: 'meaning/extra-field',
    also: ['body/as-sent'],
    parts: { before: when((request) => /offload_check|"weight"/.test(text(request)), { status: 400 }) },
  },
  {
    does: 'finds one recipient of an address',
    case: 'meaning/same-address',
    mistake: 11,
    dialect: 'plugin',
    parts: { row: (job, { email }) => job.rows.find((row) => row.email === email) },
  },
]

const submissions: readonly Mutant[] = [
  {
    does: 'writes "queued" after the answer, whatever is there',
    case: 'submission/callback-first',
    mistake: 5,
    parts: { submitted: (job) => void (job.status = 'queued') },
  },
  {
    does: 'keeps no word of a refused submission',
    case: 'submission/refused',
    mistake: 15,
    parts: { refused: (job) => void (job.status = 'pending') },
  },
  {
    does: 'makes a new job of each try',
    case: 'submission/answer-lost',
    mistake: 16,
    parts: { again: (id) => `${id}-2` },
  },
]

const elsewhere = { status: 303, headers: { location: 'http://localhost:8000/' } }
/** Receivers that answer everything alike: one failure, and one diagnosis. */
export const closed: readonly {
  readonly does: string
  readonly says: RegExp
  readonly mistake?: number
  readonly answer: Refusal
}[] = [
  { does: 'is another path', says: /^404: nothing at /, answer: { status: 404 } },
  {
    does: 'is reached by another name than wwwroot',
    says: /^303: wwwroot is http:\/\/localhost:8000/,
    mistake: 4,
    answer: elsewhere,
  },
  {
    does: 'asks for a login',
    says: /login page.*require_login/,
    answer: { status: 303, headers: { location: '/login/index.php' } },
  },
  { does: 'has another secret', says: /^401: .*cloud_callback_secret must be the same/, answer: { status: 401 } },
  { does: 'is behind a firewall', says: /^403: forbidden/, answer: { status: 403 } },
  { does: 'is in maintenance', says: /^503: .*maintenance/, answer: { status: 503 } },
  { does: 'fails', says: /^500: .*error log/, answer: { status: 500 } },
  {
    does: 'shows a page',
    says: /web page/,
    answer: { status: 200, headers: { 'content-type': 'text/html' }, body: '<!DOCTYPE html><html>' },
  },
]

export const mutants: readonly Mutant[] = [...signatures, ...bodies, ...clocks, ...ways, ...meanings, ...submissions]

function tryJson<T>(body: Buffer, use: (payload: unknown) => T): T | false {
  try {
    return use(json(body))
  } catch {
    return false
  }
}

function unknownJobIsFine(request: WireRequest): Refusal | undefined {
  const given = request.headers.find(([name]) => name === 'x-signature')?.[1]
  if (given !== sign(secret, request.body)) return undefined
  return /"job_id":"(ffffffff|1a0e2a5c)/.test(text(request)) ? ok : undefined
}

/** What is right of a callback is written, and then it is refused. */
function halfWritten(): Partial<Parts> {
  let first: unknown
  return {
    job(id, jobs) {
      const job = right.job(id, jobs)
      first = job?.rows[0]
      return job
    },
    validate(payload, dialect) {
      const reason = right.validate(payload, dialect)
      const statuses = JSON.stringify(payload).match(/"status":"(completed|delivered-perhaps)"/g) ?? []
      const mixed = new Set(statuses).size === 2
      if (mixed && typeof first === 'object' && first !== null) Object.assign(first, { status: 'completed' })
      return reason
    },
  }
}
