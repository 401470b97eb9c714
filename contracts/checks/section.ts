import { z } from 'zod'
import { duration } from '../duration.ts'
import { dialects } from '../job.ts'

/** Case or group → why. */
const reasons = z.record(z.string().min(1), z.string().min(1)).default({})

/** What is asked of single cases, each with its reason: `meaning/replay` names a case, `meaning` its whole group. */
const rules = {
  /** Must be run and pass: skipped or unobserved is a failure, and what is only advised is required. */
  required: reasons,
  /** Told where they fail, and no failure. */
  advised: reasons,
  /** Not run. */
  skipped: reasons,
}

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
/** Letters, since it is part of every line that is reported. */
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9 ._-]{0,40}$/i, 'must be letters, digits, spaces, dots and hyphens')
  .optional()

const jobs = z.strictObject({ files: z.array(z.string().min(1)).min(1), ...rules })

/** A callback receiver; the names are the flags of `check moodle`. Its secrets are those of the configuration. */
const moodle = z.strictObject({
  name,
  url: httpUrl.optional(),
  stand_in: z.boolean().default(false),
  dialect: z.enum(dialects).optional(),
  previous_secret: z.string().min(1).optional(),
  submit: z.string().min(1).optional(),
  port: z.int().min(0).max(65_535).default(4566),
  job: z
    .union([z.string().min(1), z.int()])
    .transform(String)
    .optional(),
  recipients: z.array(z.union([z.string(), z.int()]).transform(String)).optional(),
  php: z.string().min(1).optional(),
  moodle_root: z.string().min(1).default('.'),
  connect_to: z.array(z.string()).default([]),
  allow_hosts: z.array(z.string()).default([]),
  /** Seconds for one answer. */
  timeout: z.int().min(1).max(120).default(10),
  seed: z.string().default('offload'),
  /** Whether cases run that leave something in the database. */
  rubbish: z.boolean().default(true),
  ...rules,
})

/** A deployment; the names are the flags of `check cloud`. Without a way in it is the emulator, started where none runs. */
const cloud = z.strictObject({
  name,
  url: httpUrl.optional(),
  worker_url: httpUrl.optional(),
  queue_url: httpUrl.optional(),
  region: z.string().min(1).optional(),
  dialect: z.enum(dialects).default('spec'),
  tenant: z.int().min(0).default(1),
  listen: z.string().default('127.0.0.1:0'),
  public_url: httpUrl.optional(),
  mailpit: httpUrl.optional(),
  mail_events: httpUrl.optional(),
  i_own_this_target: z.boolean().default(false),
  allow_domain: z.array(z.string().min(1)).default([]),
  patience: duration.default(60_000),
  first_retry: duration.optional(),
  callback_timeout: duration.default(30_000),
  settle: duration.default(2000),
  throughput: z.int().min(1).max(1000).default(50),
  concurrency: z.int().min(1).max(64).default(12),
  seed: z.string().min(1).optional(),
  ...rules,
})

const scenarios = z.strictObject({
  run: z.union([z.literal('all'), z.array(z.string().min(1)).min(1)], {
    error: 'must be all, or a list of names and files',
  }),
  seed: z
    .union([z.string().min(1), z.int()])
    .transform(String)
    .optional(),
  ...rules,
})

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
/** One thing, where a list of them may stand. */
const listed = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : [value])

/** `check:` of the configuration: what `offload check` runs. */
export const checkSection = z.strictObject({
  jobs: z.preprocess((value) => (isPlain(value) ? value : { files: listed(value) }), jobs).optional(),
  moodle: z.preprocess(listed, z.array(moodle)).optional(),
  cloud: z.preprocess((value) => listed(value).map((each) => each ?? {}), z.array(cloud)).optional(),
  scenarios: z
    .preprocess((value) => (isPlain(value) ? value : { run: value === 'all' ? value : listed(value) }), scenarios)
    .optional(),
})

export type CheckSection = z.output<typeof checkSection>
export type MoodleSection = z.output<typeof moodle>
export type CloudSection = z.output<typeof cloud>
/** Case or group → why, by what is asked of it. */
export type Rules = Readonly<Record<keyof typeof rules, Readonly<Record<string, string>>>>
