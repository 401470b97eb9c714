import { z } from 'zod'
import { checkSection } from '../contracts/checks/section.ts'
import { duration } from '../contracts/duration.ts'
import type { RuleInput } from '../contracts/faults/rule.ts'
import { dialects } from '../contracts/job.ts'

/** A boolean, or what the environment writes for one: `z.coerce` would take `OFFLOAD_EPHEMERAL=false` for true. */
const flag = z.union([z.boolean(), z.stringbool()], { error: 'must be true or false' })

const port = z.coerce.number().int().min(0).max(65535)

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })

const hostPort = z.string().regex(/^(\[[^\]]+\]|[^:\s]+):\d+$/, 'must be HOST:PORT')

const connectTo = z
  .string()
  .regex(/^(\[[^\]]+\]|[^:]+):\d+:(\[[^\]]+\]|[^:]+):\d+$/, 'must be HOST:PORT:CONNECT-HOST:CONNECT-PORT')

/** Who takes the queue: the emulator's own worker, nobody, a Lambda-style endpoint, or a command that is started here. */
export type WorkerKind =
  | { readonly kind: 'builtin' | 'none' }
  | { readonly kind: 'lambda'; readonly url: string }
  | { readonly kind: 'exec'; readonly command: string }

/** `builtin`, `none`, `lambda:http://127.0.0.1:9000`, `exec:python3 handler.py`; undefined for anything else. */
export function workerKind(text: string): WorkerKind | undefined {
  if (text === 'builtin' || text === 'none') return { kind: text }
  const [, kind, rest = ''] = /^(lambda|exec):([^]*)$/.exec(text) ?? []
  if (kind === 'lambda' && httpUrl.safeParse(rest).success) return { kind, url: rest }
  if (kind === 'exec' && rest.trim() !== '') return { kind, command: rest }
  return undefined
}

function checkWorker(text: string, context: z.RefinementCtx): void {
  if (workerKind(text) !== undefined) return
  context.addIssue({ code: 'custom', message: 'must be builtin, none, lambda:URL or exec:COMMAND' })
}

/** A share from 0 to 1, or a percentage such as `5%`. */
const share = z
  .union([z.number(), z.string()])
  .transform((value) => {
    const text = String(value).trim()
    return text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  })
  .refine((value) => value >= 0 && value <= 1, 'must be from 0 to 1, or from 0% to 100%')

/** When `/_offload/alarms` raises one. Times are delays: `speed` makes them shorter. */
const alarms = z.strictObject({
  /** More messages than this wait in a queue. */
  queue_depth: z.coerce.number().int().min(0).default(1000),
  /** More messages than this are in dead-letter queues. */
  dead_letters: z.coerce.number().int().min(0).default(0),
  /** More than this share of the worker's attempts failed for a passing reason, or with the worker. */
  worker_errors: share.default(0.05),
  /** More than this share of the mails bounced. */
  bounce_rate: share.default(0.05),
  /** Less than this share of the callbacks were delivered. */
  callback_success: share.default(0.99),
  /** A job in which nothing has come to an end for so long. */
  stuck_after: duration.default(3_600_000).refine((value) => value > 0, 'must be more than 0'),
  /** Shares are those of the last so long. */
  window: duration.default(3_600_000).refine((value) => value > 0, 'must be more than 0'),
  /** With fewer mails or attempts in the window a share says nothing. */
  least_samples: z.coerce.number().int().min(1).default(20),
})

const locale = z.string().refine((tag) => {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}, 'must be a language tag such as en or pt-BR')

/** What may differ from tenant to tenant; the names are the plugin's settings. */
const tenantSettings = z.strictObject({
  callback_url: httpUrl.optional(),
  cloud_callback_secret: z.string().min(1).optional(),
  plugin_token: z.string().min(1).optional(),
  presigned_url_ttl: z.coerce.number().int().min(1).max(604_800).optional(),
  locale: locale.optional(),
  issuer: z.string().optional(),
})

/** One schema over flags, environment and file. Durations are milliseconds after parsing. */
export const configSchema = z.strictObject({
  port: port.default(4566),
  smtp_port: port.default(1025),
  inbox_port: port.default(8025),
  host: z.array(z.string().min(1)).min(1).default(['127.0.0.1']),
  public_url: httpUrl.optional(),
  data_dir: z.string().min(1).default('.offload'),
  ephemeral: flag.default(false),
  seed: z.coerce.string().min(1).optional(),
  speed: z.coerce.number().positive().max(100_000).default(1),
  worker: z.string().superRefine(checkWorker).default('builtin'),
  worker_concurrency: z.coerce.number().int().min(1).max(64).default(4),
  /** Messages of one event, and how long an event that is not full waits for more (`lambda:` and `exec:`). */
  worker_batch_size: z.coerce.number().int().min(1).max(10).default(10),
  worker_batch_window: duration.default(0).refine((value) => value <= 300_000, 'must be at most 300 s, as in Lambda'),
  /** The function's timeout: Lambda allows 15 minutes. */
  worker_timeout: duration
    .default(30_000)
    .refine((value) => value > 0 && value <= 900_000, 'must be more than 0 and at most 900 s, as in Lambda'),
  mailpit: httpUrl.optional(),
  smtp: hostPort.optional(),
  verify_signatures: flag.default(false),
  /** Buckets that are there from the beginning and behave as Cloudflare R2's. */
  r2_buckets: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, 'must be the name of a bucket'))
    .default([]),

  callback_url: httpUrl.optional(),
  callback_delay: duration.default(1000),
  callback_timeout: duration.default(10_000),
  /** Callbacks in flight to one host for one tenant. */
  callback_concurrency: z.coerce.number().int().min(1).max(1000).default(4),
  callback_connect_to: z.array(connectTo).default([]),
  allow_callback_host: z.array(z.string().min(1)).default([]),
  bounce_window: duration.default(2000),

  ingest_token: z.string().min(1).default('offload-dev-token'),
  cloud_callback_secret: z.string().min(1).default('offload-dev-secret'),
  plugin_token: z.string().min(1).default('offload-dev-plugin-token'),

  job_batch_size: z.coerce.number().int().min(1).max(10_000).default(200),
  presigned_url_ttl: z.coerce.number().int().min(1).max(604_800).default(3600),
  certificate_delivery: z.enum(['link', 'attach']).default('link'),
  cloud_retry_policy: z.array(duration).max(6).default([5000, 30_000, 120_000]),
  cloud_fallback_behavior: z.enum(['queue_local', 'fail']).default('queue_local'),
  /** What `offload send` does where it is not told. */
  cloud_mode: z.enum(['api_gateway', 'sqs']).default('api_gateway'),
  dialect: z.enum(dialects).default('spec'),
  /** Whose limits and errors the emulator's own worker meets when it sends. */
  email_provider: z.enum(['ses', 'sendgrid', 'mailgun', 'mailchannels', 'cloudflare']).default('ses'),
  /** Where SendGrid's, Mailgun's and MailChannels' signed events are posted. */
  provider_webhook_url: httpUrl.optional(),
  /** The mail providers' API key, asked for with `verify_signatures`. */
  provider_api_key: z.string().min(1).default('offload-dev-key'),
  mailgun_signing_key: z.string().min(1).default('offload-dev-signing-key'),
  /** Domains that the mail providers beside SES let send; any where none are named. */
  sending_domains: z.array(z.string().min(1)).default([]),
  /** Requests that each mail provider beside SES takes in a second, instead of its documented limit. */
  provider_requests_per_second: z.coerce.number().int().min(1).optional(),
  /** Recipients a second and in 24 hours that SES takes from callers outside. */
  ses_rate: z.coerce.number().positive().max(1_000_000).default(14),
  ses_daily_quota: z.coerce.number().int().min(1).default(50_000),
  /** SES's sandbox, for callers outside and for the emulator's own worker: 1 a second, 200 a day, verified identities only. */
  ses_sandbox: flag.default(false),
  /** Where SES tells of bounces, complaints and deliveries: a queue's name, an address; `delay` makes them late and disorders them. */
  ses_notifications: z
    .strictObject({
      queue: z.string().min(1).max(80).optional(),
      url: httpUrl.optional(),
      delay: duration.default(0),
    })
    .prefault({}),
  /** SES configuration sets that are there from the beginning; a mail that names another is refused. */
  ses_configuration_sets: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the name of a configuration set'))
    .default([]),
  /** Where SNS topics go that SES's event destinations name: a queue, an address (else the queue of their name); `raw` leaves SNS's envelope out. */
  sns_topics: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, 'must be the name of a topic'),
      z.strictObject({
        queue: z.string().min(1).max(80).optional(),
        url: httpUrl.optional(),
        raw: flag.default(false),
      }),
    )
    .default({}),
  /** Mails a second that the emulator's own worker sends; without it, as many as it can. */
  worker_mail_rate: z.coerce.number().min(1).max(1_000_000).optional(),
  /** Mails in any 24 hours that the emulator's own worker sends; then it waits. */
  worker_daily_quota: z.coerce.number().int().min(1).optional(),
  mail_from: z.string().default('ManiReports <noreply@manireports.test>'),
  /** The folder of the certificates' templates (NAME.yaml, with their pictures and fonts), from the working directory. */
  certificate_templates: z.string().min(1).default('certificate-templates'),
  /** Of certificates, where neither recipient nor job names a language: words, dates and numbers. */
  locale: locale.default('en'),
  issuer: z.string().default('ManiReports Academy'),
  maximum_message_size: z.coerce.number().int().min(1024).max(1_048_576).default(1_048_576),

  alarms: alarms.prefault({}),

  /** Fault rules, or the file that they are in; without either those of the last run stay. */
  faults: z
    .union([z.string().min(1), z.array(z.custom<RuleInput>())], { error: 'must be a file, or a list of rules' })
    .optional(),

  tenants: z.record(z.string().regex(/^\d+$/), tenantSettings).default({}),

  /** What `offload check` runs. */
  check: checkSection.optional(),
})

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>
