import type { CaseContext, JobRow, Observation, ReceiverCase, RecipientRow, TargetJob } from './case.ts'
import { storesText } from './body.ts'
import { accepted, answered, cumulativeOnly, refused, sequence, withRowsOnly } from './define.ts'
import { brokenAnswer, byTables, fail, isAccepted, mustRefuse, pass, rowOf, skip, unobserved } from './judge.ts'
import { callback, contentOf, outcome, withCounts, withFields, withRows } from './requests.ts'

const lattice =
  'merge each recipient by pending < completed < failed, and never write a lower one over a higher: any order and any repetition then gives one state'
const derive =
  'count the rows (SELECT status, COUNT(*) … GROUP BY status) in the same transaction, instead of adding or copying what a callback says'
const validateFirst =
  'check the whole callback before the first write, and write in one transaction ($DB->start_delegated_transaction())'
const exactIds =
  'compare job ids as text, whole ($DB->get_record(…, [\'jobid\' => $payload->job_id])): (int) "3a0e…" is 3, and names another job'
const words = "take only the contract's words: in_array($status, ['completed', 'failed'], true), else 400"

const atLeastTwo = ({ job }: CaseContext) =>
  job.people.length < 2 ? 'the job has one recipient; the case needs two' : undefined

const rowFor = (row: JobRow, person: TargetJob['people'][number] | undefined): RecipientRow | undefined =>
  row.recipients.find(
    ({ userid, email }) =>
      person !== undefined &&
      (userid !== null && person.userid !== undefined
        ? userid === String(person.userid)
        : email.toLowerCase() === person.email.toLowerCase()),
  )

const firstFailed = (context: CaseContext) =>
  contentOf(
    context,
    context.job.people.map((person, index) => outcome(context, person, index === 0 ? 'failed' : 'sent')),
  )

const counted = (row: JobRow, completed: number, failed: number): string | undefined =>
  (row.completed !== null && row.completed !== completed) || (row.failed !== null && row.failed !== failed)
    ? `the job counts ${row.completed} completed and ${row.failed} failed; its recipients are ${completed} and ${failed}`
    : undefined

/** The first recipient failed, everybody else completed, and counted so. */
function oneFailed(row: JobRow, { context }: Observation): string | undefined {
  const status = rowFor(row, context.job.people[0])?.status
  if (status !== 'failed') return `the recipient who bounced is "${status ?? 'not there'}"`
  return counted(row, context.job.people.length - 1, 1)
}

const everybody = (row: JobRow, { context }: Observation): string | undefined => {
  const open = row.recipients.find(({ status }) => status !== 'completed')
  return open === undefined ? counted(row, context.job.people.length, 0) : `a recipient is "${open.status}"`
}

function unchangedBetween({ exchanges }: Observation): string | undefined {
  const [first, last] = [exchanges[0]?.after, exchanges.at(-1)?.after]
  return first?.digest === last?.digest ? undefined : 'the second callback changed the tables'
}

const unknownStatus = (id: string, title: string, value: unknown) =>
  refused({
    id,
    title,
    fix: words,
    mistake: 9,
    send: (context) =>
      context.dialect === 'flow'
        ? withFields(context, (fields) => ({ ...fields, status: value }))
        : withRows(context, (rows) => rows.map((row) => ({ ...row, status: value }))),
  })

const counts = (
  id: string,
  title: string,
  given: (context: CaseContext) => { sent?: number; failed?: number },
  mistake: number,
) =>
  refused({
    id,
    title,
    fix: 'take counts that are integers of 0 or more, and together no more than the job has recipients; else 400',
    mistake,
    except: cumulativeOnly,
    send: (context) => withCounts(context, given(context)),
  })

const castId = ({ dialect, job }: CaseContext) =>
  dialect === 'flow' || dialect === 'plugin' ? `${job.id}a0e-4a7d` : '1a0e2a5c-0000-4000-8000-000000000000'
const strangeId = ({ dialect }: CaseContext) =>
  dialect === 'flow' || dialect === 'plugin' ? 2_099_999_999 : 'ffffffff-ffff-4fff-8fff-ffffffffffff'

const underId = (context: CaseContext, id: string | number) => callback(context, { ...contentOf(context), jobId: id })

const hostile = `'; DROP TABLE mdl_user; -- <script>alert("x")</script> \\ %s`
const stranger = { key: '2000000099', userid: 2_000_000_099, email: 'nobody@check.offload.test' }

const told = (context: CaseContext) =>
  contentOf(context, [
    ...context.job.people.map((person) => outcome(context, person, 'sent')),
    outcome(context, stranger, 'sent'),
  ])
const asMany = (context: CaseContext) => {
  // The counts stay those of the job: it is the row that is too many.
  const { length } = context.job.people
  return { ...told(context), status: 'completed' as const, sent: length, failed: 0 }
}

export const meaningCases: readonly ReceiverCase[] = [
  sequence({
    id: 'meaning/replay',
    title: 'the same callback again changes nothing',
    fix: `${lattice}. ${derive}`,
    mistake: 7,
    plan: (context) => {
      const request = callback(context)
      return [{ request }, { request }]
    },
    judge: byTables('first', (row, observation) => everybody(row, observation) ?? unchangedBetween(observation)),
  }),
  sequence({
    id: 'meaning/ten-at-once',
    title: 'the same callback ten times at once counts once',
    fix: `${derive}; lock the job's row first (SELECT … FOR UPDATE, or \\core\\lock)`,
    mistake: 7,
    plan: (context) => [{ request: callback(context), times: 10 }],
    judge: atOnce,
  }),
  sequence({
    id: 'meaning/bounce-after-sent',
    title: 'a bounce after "sent" makes a recipient failed, and counts move with it',
    fix: `${lattice}. ${derive}`,
    mistake: 6,
    plan: (context) => [{ request: callback(context) }, { request: callback(context, firstFailed(context)) }],
    judge: byTables('every', oneFailed),
  }),
  sequence({
    id: 'meaning/late-sent',
    title: 'a callback that is overtaken changes nothing: failed stays failed',
    fix: lattice,
    mistake: 7,
    plan: (context) => [{ request: callback(context, firstFailed(context)) }, { request: callback(context) }],
    judge: byTables('first', oneFailed),
  }),
  sequence({
    id: 'meaning/never-backwards',
    title: 'after the end, a callback that says "still processing" changes nothing',
    fix: lattice,
    mistake: 7,
    plan: (context) => [{ request: callback(context) }, { request: backwards(context) }],
    judge: byTables('first', (row, observation) => everybody(row, observation) ?? unchangedBetween(observation)),
  }),
  sequence({
    id: 'meaning/adds-up',
    title: 'what two callbacks say of two recipients adds up',
    fix: derive,
    mistake: 6,
    except: {
      detailed: 'a callback tells of the whole job',
      flow: 'a callback tells of the whole job',
      plugin: 'a callback tells of the whole job',
    },
    plan: (context) =>
      atLeastTwo(context) ??
      context.job.people.map((person) => ({
        request: callback(context, contentOf(context, [outcome(context, person, 'sent')])),
      })),
    judge: byTables('every', everybody),
  }),
  sequence({
    id: 'meaning/all-failed',
    title: 'a job of which nothing was sent is failed, not partly failed',
    fix: "derive the job's status from the rows: none sent is failed",
    mistake: 12,
    plan: (context) => [
      {
        request: callback(
          context,
          contentOf(
            context,
            context.job.people.map((person) => outcome(context, person, 'failed')),
          ),
        ),
      },
    ],
    judge: byTables('every', ({ status }) => (status === 'failed' ? undefined : `the job is "${status}"`)),
  }),
  sequence({
    id: 'meaning/processing-has-no-end',
    title: 'a job that is still processing has no time of completion',
    fix: 'set timecompleted only with a status that ends the job',
    mistake: 9,
    plan: (context) => atLeastTwo(context) ?? [{ request: stillProcessing(context) }],
    judge: byTables('every', ({ status, timeCompleted }) =>
      timeCompleted !== null && timeCompleted !== 0
        ? 'the job has a time of completion'
        : /^(completed|failed|partial_failure)$/.test(status)
          ? `the job is "${status}"`
          : undefined,
    ),
  }),
  refused({
    id: 'meaning/unknown-job',
    title: 'a callback for an unknown job is refused',
    fix: 'answer 404: a 2xx tells the cloud that it is done',
    send: (context) => underId(context, strangeId(context)),
  }),
  refused({
    id: 'meaning/job-id-cast',
    title: 'a job id that begins with digits names no other job',
    fix: exactIds,
    mistake: 8,
    send: (context) => underId(context, castId(context)),
  }),
  sequence({
    id: 'meaning/unknown-recipient',
    title: 'an unknown recipient brings no 5xx and changes nobody else',
    fix: 'look each recipient up by job and userid; count those who are not there, and say so in the answer',
    mistake: 11,
    except: withRowsOnly,
    plan: (context) => [{ request: callback(context, asMany(context)) }],
    judge: (observation) => {
      const wrong = brokenAnswer(observation)
      if (wrong !== undefined) return wrong
      const [answer] = observation.exchanges[0]?.answers ?? []
      if (answer === undefined || !isAccepted(answer)) return mustRefuse(observation)
      return byTables('every', (row, seen) =>
        row.recipients.length === seen.context.job.people.length
          ? everybody(row, seen)
          : `the job has ${row.recipients.length} recipients now, and had ${seen.context.job.people.length}`,
      )(observation)
    },
  }),
  {
    ...sequence({
      id: 'meaning/unknown-recipient-told',
      title: 'an unknown recipient is told, not ignored silently',
      fix: 'name those who are not in the job in the answer: {"status":"ok","unknown":["2000000099"]}',
      mistake: 11,
      except: withRowsOnly,
      plan: (context) => [{ request: callback(context, asMany(context)) }],
      judge: (observation) => {
        const [answer] = observation.exchanges[0]?.answers ?? []
        if (answer === undefined || (!isAccepted(answer) && answer.status !== 404)) {
          return brokenAnswer(observation) ?? pass(`refused with ${answer?.status}`, 'answer')
        }
        return /unknown|not.?found|2000000099|nobody@check/i.test(answer.body)
          ? pass('the answer names it', 'answer')
          : fail('accepted, and the answer does not say that somebody was not found')
      },
    }),
    level: 'advised',
  },
  sequence({
    id: 'meaning/recipient-of-another-job',
    title: "a callback changes its own job's recipients alone",
    fix: 'look a recipient up by job and userid together, never by userid or e-mail alone',
    mistake: 11,
    needs: 'two',
    except: withRowsOnly,
    plan: (context) => {
      const { job, other } = context
      const sharesWith = (person: TargetJob['people'][number]) => (own: TargetJob['people'][number]) =>
        own.email.toLowerCase() === person.email.toLowerCase() ||
        (own.userid !== undefined && String(own.userid) === String(person.userid))
      const theirs = other?.people.filter((person) => !job.people.some(sharesWith(person)))
      const [person] = theirs ?? []
      if (person === undefined) return 'the two jobs have the same recipients'
      const people = [...job.people.map((own) => outcome(context, own, 'sent')), outcome(context, person, 'failed')]
      const content = {
        ...contentOf(context, people),
        status: 'completed' as const,
        sent: job.people.length,
        failed: 0,
      }
      return [{ request: callback(context, content) }]
    },
    judge: (observation) => {
      const wrong = brokenAnswer(observation)
      if (wrong !== undefined) return wrong
      const id = String(observation.context.other?.id)
      const [before, after] = [observation.before?.jobs[id], observation.exchanges.at(-1)?.after?.jobs[id]]
      if (before === undefined || after === undefined)
        return unobserved("the other job's recipients are not seen (--php)")
      return JSON.stringify(before) === JSON.stringify(after)
        ? pass('the other job is as it was', 'tables')
        : fail('a recipient of the other job was changed', 'tables')
    },
  }),
  unknownStatus('meaning/unknown-status', 'an unknown status is refused', 'delivered-perhaps'),
  unknownStatus('meaning/status-true', 'true as status is refused', true),
  counts('meaning/counts-negative', 'negative counts are refused', () => ({ sent: 1, failed: -1 }), 9),
  counts('meaning/counts-missing', 'a callback without counts is refused, and writes no 0', () => ({}), 6),
  counts(
    'meaning/counts-too-many',
    'counts beyond the recipients are refused',
    ({ job }) => ({ sent: job.people.length + 1, failed: 0 }),
    9,
  ),
  {
    ...refused({
      id: 'meaning/half-good',
      title: 'a callback with one good and one bad update is refused whole',
      fix: validateFirst,
      mistake: 10,
      needs: 'own',
      except: withRowsOnly,
      send: halfGood,
    }),
    plan: (context) => atLeastTwo(context) ?? [{ request: halfGood(context) }],
  },
  {
    ...accepted({
      id: 'meaning/sql-and-html',
      title: 'SQL and HTML in an error message are stored as text',
      fix: '$DB->update_record with placeholders, and s() or format_string() where the message is shown',
      except: withRowsOnly,
      leaves: 'one job with a hostile error message: look at its page, nothing may pop up',
      send: (context) => failedWith(context, hostile),
    }),
    judge: storesText(hostile),
  },
  answered({
    id: 'meaning/error-of-64-kib',
    title: 'an error message of 64 KiB brings no 5xx',
    fix: 'cut it before it is stored: core_text::substr($message, 0, 1000); a TEXT column of MySQL ends at 65,535 bytes',
    needs: 'own',
    except: withRowsOnly,
    leaves: 'one job with an error message of up to 64 KiB',
    send: (context) => failedWith(context, 'x'.repeat(65_536)),
  }),
  accepted({
    id: 'meaning/extra-field',
    title: 'a field that the receiver does not know is accepted',
    fix: 'ignore what is not known: the contract grows by fields',
    send: (context) => withFields(context, (fields) => ({ ...fields, offload_check: { any: ['thing'] } })),
  }),
  sequence({
    id: 'meaning/same-address',
    needs: 'sharing',
    title: 'two recipients who share an address both get their outcome',
    fix: "match the nth update of an address with the nth row, or by the row's id; get_record by e-mail finds one of them",
    mistake: 11,
    except: {
      spec: 'recipients are named by userid',
      detailed: 'recipients are named by userid',
      flow: withRowsOnly.flow ?? '',
    },
    plan: (context) => {
      const addresses = context.job.people.map(({ email }) => email.toLowerCase())
      return new Set(addresses).size === addresses.length
        ? 'no two recipients of the job share an address'
        : [{ request: callback(context) }]
    },
    judge: byTables('every', everybody),
  }),
]

function backwards(context: CaseContext) {
  if (context.dialect === 'spec') {
    return withRows(context, (rows) => rows.map((row) => ({ userid: row['userid'], status: 'pending' })))
  }
  return callback(context, { ...contentOf(context, []), status: 'processing' })
}

function stillProcessing(context: CaseContext) {
  const [first] = context.job.people
  const updates = first === undefined ? [] : [outcome(context, first, 'sent')]
  return callback(context, { ...contentOf(context, updates), status: 'processing' })
}

function halfGood(context: CaseContext) {
  return withRows(context, (rows) =>
    rows.map((row, index) => (index === rows.length - 1 ? { ...row, status: 'delivered-perhaps' } : row)),
  )
}

function failedWith(context: CaseContext, text: string) {
  return callback(
    context,
    contentOf(
      context,
      context.job.people.map((person) => outcome(context, person, 'failed', text)),
    ),
  )
}

/** Accepted at least once; the others may be refused as repeated. */
function atOnce(observation: Observation) {
  const wrong = brokenAnswer(observation)
  if (wrong !== undefined) return wrong
  const answers = observation.exchanges[0]?.answers ?? []
  if (!answers.some(isAccepted)) return fail(`none of the ten was accepted (${answers[0]?.status})`)
  const how = servedAtOnce(observation) ? 'served at once' : 'served one after another'
  const row = rowOf(observation)
  if (row === undefined) return unobserved(`answered, ${how}; whether it was counted once is not seen (--php)`)
  const off = everybody(row, observation)
  return off === undefined ? pass(`counted once, ${how}`, 'tables') : fail(off, 'tables')
}

/** Of ten that wait for each other the last waits for all; of ten served at once nobody waits much longer than the first. */
function servedAtOnce({ exchanges }: Observation): boolean {
  const times = (exchanges[0]?.answers ?? []).map(({ milliseconds }) => milliseconds).toSorted((a, b) => a - b)
  const [first = 0, last = 0] = [times[0], times.at(-1)]
  return last < 4 * Math.max(first, 1)
}

export const submissionCases: readonly ReceiverCase[] = [
  sequence({
    id: 'submission/callback-first',
    title: 'a callback that arrives before the submit\'s answer is not overwritten by "queued"',
    fix: "write \"queued\" before the job is sent, or afterwards only where it is still pending: UPDATE … SET status = 'queued' WHERE id = ? AND status = 'pending'",
    mistake: 5,
    needs: 'submission',
    submission: 'callback-first',
    plan: (context) => [{ request: callback(context) }],
    judge: byTables('every', (row, observation) =>
      /^(queued|pending|processing)$/.test(row.status)
        ? `the job is "${row.status}" in the end`
        : everybody(row, observation),
    ),
  }),
  sequence({
    id: 'submission/refused',
    title: 'a submission that the cloud refused is written down with its reason',
    fix: 'on any answer but 2xx set the job to failed and keep the status and the body in error_message, or mail locally (cloud_fallback_behavior)',
    mistake: 15,
    needs: 'submission',
    submission: 'refused',
    plan: () => [],
    judge: (observation) => {
      const row = rowOf(observation) ?? observation.before?.jobs[String(observation.context.job.id)]
      if (row === undefined) return unobserved('what Moodle wrote down is not seen (--php)')
      if (/^(queued|processing|completed)$/.test(row.status)) return fail(`the job is "${row.status}"`, 'tables')
      return row.error === null || row.error === ''
        ? fail(`the job is "${row.status}", and no error is kept`, 'tables')
        : pass(`the job is "${row.status}", with the reason`, 'tables')
    },
  }),
  sequence({
    id: 'submission/answer-lost',
    title: 'a submission repeated after a lost answer is the same job',
    fix: 'send the same bytes with the same job id again (and an Idempotency-Key beside POST /jobs): the cloud then knows the job',
    mistake: 16,
    needs: 'submission',
    submission: 'answer-lost',
    plan: () => [],
    judge: ({ submitted = [] }) => {
      const ids = new Set(submitted)
      if (submitted.length === 0) return skip('nothing was submitted')
      if (ids.size > 1) return fail(`after a lost answer the job came again under another id (${[...ids].join(', ')})`)
      return submitted.length === 1
        ? unobserved('the submission was not repeated')
        : pass(`came ${submitted.length} times under one id`, 'answer')
    },
  }),
]
