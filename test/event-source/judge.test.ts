import { expect, it } from 'vitest'
import type { Recipient } from '../../contracts/job.ts'
import { judge, type FindingCode } from '../../emulator/worker/observer/judge.ts'
import type { ObservedCallback, ObservedMessage, Observations } from '../../emulator/worker/observer/observations.ts'

const person = (key: string, firstname: string, data = {}): Recipient => ({
  key,
  userid: Number(key),
  email: `${firstname.toLowerCase()}@example.com`,
  firstname,
  lastname: 'Smith',
  data,
  contentHash: key,
})
const john = person('1001', 'John')
const jane = person('1002', 'Jane')

const message = (changes: Partial<ObservedMessage> = {}): ObservedMessage => ({
  messageId: '0a1b2c3d-0000-4000-8000-000000000000',
  recipients: ['1001', '1002'],
  receives: [{ at: 1000, receiptHandle: 'first' }],
  deletions: [{ at: 3000, receiptHandle: 'first', judgedFrom: 8000 }],
  ...changes,
})
const callback = (changes: Partial<ObservedCallback> = {}): ObservedCallback => ({
  at: 2500,
  path: '/local/manireports/ui/ajax/cloud_callback.php',
  status: 200,
  reason: '',
  updates: [
    { userid: '1001', status: 'completed' },
    { userid: '1002', status: 'completed' },
  ],
  ...changes,
})

/** A job that was processed as it should be. */
const right: Observations = {
  job: {
    dialect: 'spec',
    action: 'email',
    callbackUrl: 'http://127.0.0.1:4566/local/manireports/ui/ajax/cloud_callback.php',
    common: 'Your course\n<p>Hello</p>\n{"course_name":"PHP"}',
  },
  recipients: new Map([john, jane].map((each) => [each.key, each])),
  messages: [message()],
  mails: [
    { at: 1500, address: 'john@example.com', body: 'to John' },
    { at: 1600, address: 'jane@example.com', body: 'to Jane' },
  ],
  bodies: new Map(),
  callbacks: [callback()],
  strays: [],
  invocations: [{ began: 1000, ended: 2900, receiptHandles: ['first'] }],
  sees: { mails: true, callbacks: true },
}
const codes = (changes: Partial<Observations>, now = 10_000): FindingCode[] =>
  judge({ ...right, ...changes }, now).map(({ code }) => code)
const textOf = (changes: Partial<Observations>, now = 10_000) => judge({ ...right, ...changes }, now)[0]?.text

it('has nothing to say about a right worker', () => expect(codes({})).toEqual([]))

it('finds mails sent twice', () => {
  const mails = [...right.mails, { at: 5000, address: 'john@example.com', body: 'to John' }]
  const again = { at: 4000, receiptHandle: 'second' }
  const messages = [message({ receives: [...message().receives, again] })]
  expect(codes({ mails, messages })).toEqual(['mailed-twice'])
  expect(textOf({ mails, messages })).toMatch(/^recipient 1001: .*up to 2 mails.*0a1b2c3d… was received 2 times/)
})
it('knows that two recipients of one address get a mail each', () => {
  const twin = { ...person('1003', 'John'), email: 'John@Example.com' }
  const recipients = new Map([john, jane, twin].map((each) => [each.key, each]))
  const mails = [...right.mails, { at: 1700, address: 'john@example.com' }]
  expect(codes({ recipients, mails })).toEqual([])
  expect(codes({ recipients, mails: [...mails, { at: 1800, address: 'john@example.com' }] })).toEqual(['mailed-twice'])
})

it('finds a message that was deleted without a callback, after a time of grace', () => {
  expect(codes({ callbacks: [] })).toEqual(['deleted-without-callback'])
  expect(codes({ callbacks: [] }, 7999)).toEqual([])
  const half = callback({ updates: [{ userid: '1001', status: 'completed' }] })
  expect(textOf({ callbacks: [half] })).toContain('recipient 1002:')
  // What an earlier message's callback said of the same people is not about this one.
  expect(codes({ callbacks: [callback({ at: 900 })] })).toEqual(['deleted-without-callback'])
})
it('claims no missing callback where none could be seen, nor before the message is deleted', () => {
  expect(codes({ callbacks: [], sees: { mails: true, callbacks: false } })).toEqual([])
  expect(codes({ callbacks: [], messages: [message({ deletions: [] })] })).toEqual([])
  expect(codes({ callbacks: [callback({ updates: [] })] })).toEqual([])
  const byAddress = [john, jane].map(({ email }) => ({ address: email, status: 'completed' as const }))
  expect(codes({ callbacks: [callback({ updates: byAddress })] })).toEqual([])
})

it('finds a failure that was swallowed', () => {
  const mails = right.mails.slice(0, 1)
  expect(codes({ mails })).toEqual(['failure-swallowed'])
  expect(textOf({ mails })).toMatch(/deleted although recipient 1002 got no mail, and the callback calls them sent/)
  expect(codes({ mails: [], callbacks: [] })).toEqual(['deleted-without-callback', 'failure-swallowed'])
})
it('knows a failure that was told, and a job that sends no mail', () => {
  const mails = right.mails.slice(0, 1)
  const updates = [
    { userid: '1001', status: 'completed' as const },
    { userid: '1002', status: 'failed' as const },
  ]
  expect(codes({ mails, callbacks: [callback({ updates })] })).toEqual([])
  expect(codes({ mails, callbacks: [callback({ updates: [], failed: 1 })] })).toEqual([])
  expect(codes({ mails: [], job: { ...right.job, action: 'certificate' } })).toEqual([])
  expect(codes({ mails: [], sees: { mails: false, callbacks: true } })).toEqual([])
  // Callbacks that go elsewhere may have told of one; all of a message is another matter.
  expect(codes({ mails, callbacks: [], sees: { mails: true, callbacks: false } })).toEqual([])
  expect(codes({ mails: [], callbacks: [], sees: { mails: true, callbacks: false } })).toEqual(['failure-swallowed'])
  const recipients = new Map([john, { ...jane, invalid: 'no address' }].map((each) => [each.key, each]))
  expect(codes({ mails, recipients })).toEqual([])
})

it('finds a callback to the wrong address', () => {
  const path = '/local/manireports/cloud_callback.php'
  const elsewhere = callback({ path, status: 400, reason: 'the body has no token' })
  expect(codes({ callbacks: [elsewhere] })).toEqual(['callback-misdirected'])
  expect(textOf({ callbacks: [elsewhere] })).toContain('Send it to /local/manireports/ui/ajax/cloud_callback.php')
  const strays = [{ at: 2500, method: 'POST', path: '/local/manireports/callback.php', status: 404 }]
  expect(codes({ callbacks: [], strays })).toEqual(['callback-misdirected'])
})
it('finds a callback that was refused, with the reason and what to do', () => {
  const refused = callback({ status: 401, reason: 'the signature was made with an empty secret' })
  expect(codes({ callbacks: [refused] })).toEqual(['callback-refused'])
  expect(textOf({ callbacks: [refused] })).toMatch(/401 \(the signature was made with an empty secret\).*HMAC-SHA256/)
})
it('forgives a refused callback whose repetition was accepted', () => {
  expect(codes({ callbacks: [callback({ status: 401 }), callback({ at: 2600 })] })).toEqual([])
})

it('finds a visibility timeout that is too short for the batch', () => {
  const receives = [...message().receives, { at: 2000, receiptHandle: 'second' }]
  expect(codes({ messages: [message({ receives })] })).toEqual(['visibility-too-short'])
  expect(textOf({ messages: [message({ receives })] })).toMatch(/again after 1 s, .*6 times the function's timeout/)
  // A worker of one's own is seen only by its deletion with a handle that was out of date.
  expect(codes({ messages: [message({ receives })], invocations: [] })).toEqual(['visibility-too-short'])
})
it('knows a message that came again after its consumer had given up', () => {
  const receives = [...message().receives, { at: 31_000, receiptHandle: 'second' }]
  const deletions = [{ at: 32_000, receiptHandle: 'second', judgedFrom: 37_000 }]
  expect(codes({ messages: [message({ receives, deletions })], callbacks: [callback({ at: 31_500 })] })).toEqual([])
})

const sameBody = right.mails.map((mail) => ({ ...mail, body: 'one' }))
it("finds one recipient's html sent to all", () => {
  const bodies = new Map([['one', '<p>Dear John Smith, your course begins.</p>']])
  expect(codes({ mails: sameBody, bodies })).toEqual(['one-html-for-all'])
  expect(textOf({ mails: sameBody, bodies })).toMatch(/2 people got the same html.* name of recipient 1001 alone/)
  const password = new Map([['one', '<p>Your password: t0p&amp;secret</p>']])
  const recipients = new Map([person('1001', 'John', { password: 't0p&secret' }), jane].map((each) => [each.key, each]))
  expect(textOf({ mails: sameBody, bodies: password, recipients })).toContain('the password of recipient 1001')
})
it('knows html that is meant for everybody', () => {
  expect(codes({ mails: sameBody, bodies: new Map([['one', '<p>Johnny, Smith: the course begins.</p>']]) })).toEqual([])
  // A list of all is nobody's own, and what the job itself says belongs to everybody.
  expect(codes({ mails: sameBody, bodies: new Map([['one', '<p>John and Jane are invited.</p>']]) })).toEqual([])
  const job = { ...right.job, common: 'Join John in the course' }
  expect(codes({ mails: sameBody, bodies: new Map([['one', '<p>Join John</p>']]), job })).toEqual([])
  expect(codes({ bodies: new Map([['to John', '<p>Dear John Smith</p>']]) })).toEqual([])
})

it.each([
  ['failed', 'invocation-failed'],
  ['unreachable', 'invocation-failed'],
  ['timed-out', 'invocation-timed-out'],
] as const)('finds an invocation that was %s', (kind, code) => {
  const invocations = [{ began: 500, ended: 900, receiptHandles: ['none'], error: { kind, text: 'boom' } }]
  expect(codes({ invocations })).toEqual([code])
  expect(textOf({ invocations })).toMatch(/^1 invocation .*boom/)
})

it('knows a message that the function deleted before it failed', () => {
  const error = { kind: 'failed' as const, text: 'out of memory' }
  const first = { messages: [message({ deletions: [{ at: 1200, receiptHandle: 'first', judgedFrom: 6200 }] })] }
  const invocations = [{ began: 1000, ended: 2900, receiptHandles: ['first'], error }]
  const texts = judge({ ...right, ...first, invocations, mails: [], callbacks: [] }, 10_000).map(({ text }) => text)
  expect(texts).toHaveLength(3)
  expect(texts).toContainEqual(expect.stringMatching(/got no mail.* The function deleted it itself, and then failed/))
  expect(texts).toContainEqual(
    expect.stringMatching(
      /^1 invocation failed, and what .* \(message 0a1b2c3d…\) does not come again \(out of memory\)/,
    ),
  )
  // Deleted later, by the next pass: the failure of the first has nothing to do with it.
  const retried = [{ ...invocations[0], began: 1000, ended: 1100, receiptHandles: ['first'] }]
  expect(textOf({ invocations: retried })).toMatch(/every message of the batch comes again/)
})

it('finds that a callback tells of mails that nobody sent, while the message is open', () => {
  const open = { messages: [message({ deletions: [] })], mails: right.mails.slice(0, 1) }
  const told = callback({ judgedFrom: 7500 })
  expect(codes({ ...open, callbacks: [told] })).toEqual(['told-without-mail'])
  expect(textOf({ ...open, callbacks: [told] })).toMatch(/^a callback calls recipient 1002 sent, and no mail has gone/)
  expect(codes({ ...open, callbacks: [told] }, 7000), 'not before its time').toEqual([])
  expect(codes({ ...open, mails: right.mails, callbacks: [told] })).toEqual([])
  expect(codes({ ...open, callbacks: [{ ...told, status: 500 }] })).toEqual(['callback-refused'])
  expect(codes({ ...open, callbacks: [told], sees: { mails: false, callbacks: true } })).toEqual([])
  const corrected = callback({ at: 2600, updates: [{ userid: '1002', status: 'failed' }] })
  expect(codes({ ...open, callbacks: [told, corrected] })).toEqual([])
})

it('knows a callback by GET, at the right address', () => {
  const { pathname: path } = new URL(right.job.callbackUrl ?? '')
  const text = textOf({ callbacks: [], strays: [{ at: 2500, method: 'GET', path, status: 405 }] })
  expect(text).toMatch(/^GET .*cloud_callback\.php was answered 405: callbacks are taken by POST\. .*no redirect/)
})

it('says of mails that were doubled whether the message came again', () => {
  const mails = [...right.mails, ...right.mails]
  expect(textOf({ mails })).toMatch(/up to 2 mails\); no message was received more than once\. One pass mails/)
  const receives = [
    { at: 1000, receiptHandle: 'first' },
    { at: 2000, receiptHandle: 'second' },
  ]
  const text = textOf({ mails, messages: [message({ receives, deletions: [] })] })
  expect(text).toMatch(/up to 2 mails\); message 0a1b2c3d… was received 2 times\. SQS delivers/)
})

it('says everything without an address or a name', () => {
  const everything = judge(
    {
      ...right,
      mails: [...sameBody, ...sameBody],
      bodies: new Map([['one', 'Dear John Smith, john@example.com']]),
      callbacks: [callback({ status: 401, reason: 'wrong' })],
      strays: [{ at: 1, method: 'GET', path: '/callback', status: 303 }],
    },
    10_000,
  )
  expect(everything.length).toBeGreaterThan(2)
  for (const { text } of everything) expect(text).not.toMatch(/john|jane|smith/i)
})
