import { z } from 'zod'

/** What the commands read of the control API's answers; more may be there, and is kept for `--json`. */

export const health = z.looseObject({
  version: z.string(),
  pid: z.number(),
  url: z.string(),
  smtp: z.string(),
  inbox: z.string(),
  queue_url: z.string(),
  dashboard: z.string(),
})
export type Health = z.output<typeof health>

const callbackSummary = z.looseObject({
  waiting: z.number(),
  delivered: z.number(),
  refused: z.number(),
  dead: z.number(),
  parked: z.number(),
})

export const job = z.looseObject({
  job_id: z.union([z.string(), z.number()]),
  tenant_id: z.number(),
  type: z.string(),
  dialect: z.string(),
  status: z.string(),
  totals: z.looseObject({
    recipients: z.number(),
    sent: z.number(),
    failed: z.number(),
    pending: z.number(),
    duplicates: z.number(),
  }),
  parent_job_id: z.string().optional(),
  accepted_at: z.string(),
  ended_at: z.string().optional(),
  settled: z.boolean(),
  advice: z.array(z.looseObject({ path: z.string(), text: z.string(), fix: z.string() })),
  findings: z.array(z.looseObject({ recipient: z.string().nullable(), text: z.string() })),
  callbacks: callbackSummary.optional(),
})
export type JobAnswer = z.output<typeof job>

export const jobList = z.looseObject({ jobs: z.array(job) })

export const recipient = z.looseObject({
  key: z.string(),
  email: z.string(),
  status: z.string(),
  attempts: z.number(),
  error: z.string().nullable(),
  message_id: z.string().nullable(),
  certificate_url: z.string().nullable(),
})
export type RecipientAnswer = z.output<typeof recipient>
export const recipientPage = z.looseObject({ recipients: z.array(recipient), next: z.number().nullable() })

export const callbackList = z.looseObject({
  callbacks: z.array(
    z.looseObject({
      id: z.string(),
      state: z.string(),
      url: z.string().nullable(),
      attempts: z.number(),
      reason: z.string().nullable(),
      words: z.string().nullable(),
      lastStatus: z.number().nullable(),
    }),
  ),
})
export type CallbackAnswer = z.output<typeof callbackList>['callbacks'][number]

export const submitted = z.looseObject({
  jobIds: z.array(z.string()),
  recipients: z.number(),
  duplicates: z.number(),
  accepted: z.number(),
  refused: z.number(),
  local: z.number(),
  error: z.string().optional(),
})

export const retried = z.looseObject({ job_id: z.union([z.string(), z.number()]), recipients: z.number() })

export const logEntries = z.looseObject({
  entries: z.array(z.looseObject({ id: z.number(), at: z.number(), event: z.looseObject({ type: z.string() }) })),
})

export const verdicts = z.looseObject({
  verdicts: z.array(
    z.looseObject({
      id: z.number(),
      law: z.string(),
      verdict: z.enum(['pass', 'fail', 'unobserved']),
      checked: z.number(),
      broken: z.number(),
      violations: z.array(z.looseObject({ text: z.string(), entries: z.array(z.number()) })),
    }),
  ),
})
