import { z } from 'zod'
import { alarmNames } from '../contracts/alarms.ts'
import { typeNames } from '../contracts/dialects/types.ts'

import { ruleInput } from '../contracts/faults/rule.ts'
import { dialects, jobTypes } from '../contracts/job.ts'
import { jobStatuses } from '../contracts/status.ts'
import { configSchema } from '../emulator/config.ts'

/** What a scenario must not set: ports and state are the runner's, and so is the seed; checks are no setting of it. */
const ofRunner = [
  'port',
  'smtp_port',
  'inbox_port',
  'host',
  'public_url',
  'data_dir',
  'ephemeral',
  'seed',
  'check',
] as const

const settings = configSchema
  .omit(Object.fromEntries(ofRunner.map((name) => [name, true])) as Record<(typeof ofRunner)[number], true>)
  .partial()
  .describe('Settings of the emulator, as in offload.config.yaml.')

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `5s`, `2m35s`, `1h`, or a number of seconds → milliseconds. */
const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const text = String(value).trim()
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)?/g)]
  if (text !== '' && parts.map(([part]) => part).join('') === text) {
    return parts.reduce((sum, [, amount, unit = 's']) => sum + Number(amount) * (units[unit] ?? 0), 0)
  }
  context.addIssue({ code: 'custom', message: `"${value}" is no time: write 500ms, 5s, 2m35s or 1h` })
  return z.NEVER
})

const jobName = z.string().regex(/^[a-z0-9][a-z0-9 -]{0,60}$/, 'must be small letters, digits, spaces and hyphens')
const whole = z.int().min(0)

const job = z.strictObject({
  type: z
    .enum([...new Set([...jobTypes, ...Object.keys(typeNames)])] as [string, ...string[]])
    .default('csv_import')
    .describe("What kind of job, by any dialect's name for it."),
  recipients: z.int().min(1).max(100_000).default(10),
  bounces: whole.default(0).describe("How many have an address of SES's simulator that bounces."),
  addresses: z
    .strictObject({
      bounce: whole.optional(),
      softbounce: whole.optional(),
      complaint: whole.optional(),
      throttle: whole.optional(),
      timeout: whole.optional(),
      slow: whole.optional(),
    })
    .default({})
    .describe('How many have an address that brings its own fault, such as anybody+timeout@example.com.'),
  people_of: jobName.optional().describe('The same people as another job.'),
  tenant: whole.default(1),
  dialect: z.enum(dialects).default('spec'),
  mode: z.enum(['api', 'sqs']).default('api').describe('POST /jobs, or SendMessage.'),
  shape: z
    .enum(['batches', 'one-message', 'one-recipient-jobs'])
    .default('batches')
    .describe('How recipients are cut into messages.'),
  certificate: z.boolean().default(false),
  event: z.string().min(1).optional().describe('What happened in Moodle: the same event mails nobody twice.'),
})

const byHand = {
  mode: z.enum(['api', 'sqs']).default('api'),
  times: z.int().min(1).max(10_000).default(1),
}

const stepObject = z
  .strictObject({
    submit: z
      .union([jobName, z.array(jobName).min(1)])
      .transform((names) => (typeof names === 'string' ? [names] : names))
      .optional()
      .describe('The stand-in for Moodle submits these jobs, at once, and has its answers.'),
    post: z
      .strictObject({ job: jobName, ...byHand, id: z.union([z.string(), z.int()]).optional() })
      .optional()
      .describe('A message with the whole job by hand, beside the stand-in; its callbacks have no address.'),
    message: z
      .strictObject({ body: z.string(), ...byHand })
      .optional()
      .describe('Any text, to the queue or to POST /jobs.'),
    wait: z
      .union([z.literal('end'), duration], { error: 'must be "end", or a time such as 10s' })
      .optional()
      .describe('Until nothing is under way any more, or so long.'),
    restart: settings.optional().describe('Stops the emulator and starts it again, with other settings.'),
    crash: z
      .strictObject({ after: z.int().min(1).describe('So many more entries of the journal.') })
      .optional()
      .describe('kill -9 and a start, in the middle of what follows.'),
    redrive: z.string().min(1).optional().describe('Sends the dead letters of this queue back.'),
    retry: z
      .strictObject({ job: jobName, as: jobName })
      .optional()
      .describe('The stand-in sends the failed of a job again, as a new job.'),
    replay: z
      .strictObject({ job: jobName, times: z.int().min(1).max(100).default(1) })
      .optional()
      .describe("A job's callbacks go out again, signed anew."),
    faults: z.array(ruleInput).optional().describe('Other rules from here on; none at all: [].'),
    verify: z.string().min(3).optional().describe('An address or a domain becomes a verified identity of SES.'),
    open: z
      .strictObject({ certificate_of: jobName, status: z.int() })
      .optional()
      .describe('Opens the link to the first certificate of a job, and expects this status.'),
  })
  .refine((step) => Object.values(step).filter((value) => value !== undefined).length === 1, {
    error: 'must say exactly one thing to do',
  })

const step = z.union([z.enum(['restart', 'crash', 'redrive']), stepObject])

const afterMs = { afterMs: whole.describe('After the one before, whatever that is doing.') }

const lifeStep = z.discriminatedUnion('what', [
  z
    .strictObject({
      ...afterMs,
      what: z.literal('job'),
      dialect: z.enum(dialects),
      mode: byHand.mode.unwrap(),
      tenant: whole,
      recipients: z.int().min(1),
      bounces: whole,
      certificate: z.boolean(),
      shape: z.enum(['batches', 'one-message', 'one-recipient-jobs']),
    })
    .describe('The stand-in submits a job, and takes its callbacks.'),
  z
    .strictObject({
      ...afterMs,
      what: z.literal('messages'),
      mode: byHand.mode.unwrap(),
      job: z.int().min(0).max(9),
      order: z.array(z.int().min(0).max(2)),
      key: z.boolean(),
    })
    .describe('Messages of one job by hand: `order` names them, in any order and as often as it likes.'),
  z.strictObject({ ...afterMs, what: z.enum(['replay', 'retry', 'retry-last', 'restart', 'kill']) }),
  z
    .strictObject({ ...afterMs, what: z.literal('kill-later'), entries: z.int().min(1) })
    .describe('Killed when the journal has so many more entries.'),
])

const count = z
  .union([whole, z.strictObject({ at_least: whole.optional(), at_most: whole.optional() })], {
    error: 'must be a number, or {at_least, at_most}',
  })
  .describe('A number, or {at_least, at_most}.')

const time = z.union([duration, z.strictObject({ at_least: duration.optional(), at_most: duration.optional() })], {
  error: 'must be a time such as 35s, or {at_least: 30s, at_most: 1m}',
})

export const expectedJob = z.strictObject({
  status: z.enum(jobStatuses).optional().describe('As the worker sees it.'),
  statuses: z
    .array(z.enum(jobStatuses))
    .optional()
    .describe('Every status that it had, in order, as the worker sees it.'),
  moodle: z.enum(jobStatuses).optional().describe('As the stand-in for Moodle has it in the end.'),
  jobs: count.optional().describe('How many jobs it became (one-recipient-jobs).'),
  recipients: count.optional(),
  sent: count.optional(),
  failed: count.optional(),
  permanently_failed: count.optional().describe('Of the failed, those that no retry can help.'),
  duplicates: count.optional().describe('Recipients that came again, and were skipped by the worker.'),
  skipped: count.optional().describe('Recipients that the stand-in did not submit, since they had the same mail.'),
  accepted: count.optional(),
  refused: count.optional(),
  local: count.optional().describe("Recipients left to Moodle's own mail."),
  certificates: count.optional(),
  mails: count.optional().describe('Mails of this job that arrived.'),
  ambiguous: count.optional().describe('Mails that were sent again since nobody knew whether they had gone out.'),
  callbacks: z
    .strictObject({ delivered: count, dead: count, parked: count })
    .partial()
    .optional()
    .describe('By their state in the end.'),
  took: time.optional().describe('From its acceptance to its last outcome; to the second.'),
  attempts_at: z
    .array(duration)
    .optional()
    .describe("When passes over the job's recipients ended, from the first one; to the second."),
  callbacks_at: z
    .array(
      z.strictObject({
        after: duration.describe('From the first attempt; to the second.'),
        status: z.int().nullable().optional().describe('What was answered; null where nothing was.'),
      }),
    )
    .optional()
    .describe('Every attempt of its callbacks.'),
  errors: z.array(z.string().min(1)).optional().describe('Each is a part of what was said of some recipient.'),
})

const expected = z.strictObject({
  ends: z.boolean().default(true).describe('Whether nothing is under way any more in the end.'),
  jobs: z.record(jobName, expectedJob).default({}),
  mails: count.optional().describe('All mails in the inbox.'),
  dead_letters: count.default(0).describe('Messages in dead-letter queues in the end.'),
  alarms: z
    .strictObject({ raised: z.array(z.enum(alarmNames)).optional(), standing: z.array(z.enum(alarmNames)).optional() })
    .default({})
    .describe('Exactly these were raised at some time, and exactly these still stand in the end.'),
  events: z.record(z.string(), count).default({}).describe('How often the journal has these types of entries.'),
  took: time.optional().describe('From the first step to the end; to the second.'),
})

export const scenarioSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,60}$/, 'must be small letters, digits and hyphens, as the file is named'),
  why: z.string().min(1).max(200).describe('What it shows, in one line.'),
  seed: z
    .union([z.string().min(1), z.int()])
    .transform(String)
    .default('1'),
  virtual_only: z.string().min(1).optional().describe('Why it cannot be run in real time.'),
  clock: z
    .strictObject({ start: z.iso.datetime({ offset: true }).optional(), limit: duration.optional() })
    .default({})
    .describe('When time begins, and how long the end is waited for (7 days).'),
  config: settings.default({}),
  jobs: z.record(jobName, job).default({}),
  faults: z.array(ruleInput).default([]).describe('As offload faults set takes them.'),
  steps: z.array(step).optional().describe('Without: all jobs are submitted at once, and their end is waited for.'),
  life: z
    .array(lifeStep)
    .optional()
    .describe('What a simulation has drawn, instead of jobs and steps: nothing waits for what came before it.'),
  expect: expected,
})

export type Scenario = z.output<typeof scenarioSchema>
export type ScenarioJob = z.output<typeof job>
export type Step = z.output<typeof step>
export type StepObject = z.output<typeof stepObject>
export type LifeStep = z.output<typeof lifeStep>
export type ExpectedJob = z.output<typeof expectedJob>
export type Count = z.output<typeof count>
export type Time = z.output<typeof time>

/** For editors: JSON Schema of what a file may say. */
export function jsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(scenarioSchema, { io: 'input', unrepresentable: 'any', reused: 'ref' })
  return { ...schema, title: 'A scenario of Offload' }
}
