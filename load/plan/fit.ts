import { z } from 'zod'
import { chainOf } from './estimate.ts'
import { slotsOf, type Model, type ModelInput } from './model.ts'

/** Milliseconds. */
const times = z.looseObject({ count: z.number().min(0), p50: z.number().min(0), p95: z.number().min(0) })

/** Of a report's figures those that say something about the model. */
const figures = z.looseObject({
  /** As seen from outside: `submit` is a submission until its answer. */
  stages: z.looseObject({ submit: times.optional() }).optional(),
  /** Single calls, where somebody has measured them (a worker's traces). */
  calls: z
    .strictObject({
      receive: times.optional(),
      render: times.optional(),
      store: times.optional(),
      mail: times.optional(),
      callback: times.optional(),
    })
    .optional(),
  /** Recipients a second while it ran steadily. */
  steadyRate: z.number().positive().optional(),
})

export type Fitted =
  | {
      readonly ok: true
      readonly input: ModelInput
      readonly notes: readonly string[]
      readonly steadyRate?: number | undefined
    }
  | { readonly ok: false; readonly reason: string }

/** Fewer say nothing about the slowest of them. */
const leastSamples = 20

/** What a recorded run (`offload load`'s report, or any JSON of that form) says about a model's latencies. */
export function fit(text: string): Fitted {
  let report: unknown
  try {
    report = JSON.parse(text)
  } catch (error) {
    return { ok: false, reason: `no JSON: ${error instanceof Error ? error.message : String(error)}` }
  }
  const read = figures.safeParse(report)
  if (!read.success) {
    const [issue] = read.error.issues
    return { ok: false, reason: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is no report'}` }
  }
  const { stages, calls = {}, steadyRate } = read.data
  const notes: string[] = []
  const taken = (name: string, seen: z.output<typeof times> | undefined) => {
    if (seen === undefined) return undefined
    if (seen.count < leastSamples) {
      notes.push(`${name}: left out, ${seen.count} samples are too few (${leastSamples} are needed)`)
      return undefined
    }
    const p50 = thousandths(seen.p50)
    const p95 = thousandths(seen.p95)
    notes.push(`${name}: p50 ${ms(p50)}, p95 ${ms(p95)} of ${seen.count}`)
    if (p50 === 0) return ms(p95 / 2)
    return { p50: ms(p50), p95: ms(Math.max(p50, Math.min(p95, p50 * 100))) }
  }
  const ingest = taken('ingest.latency', stages?.submit)
  const receive = taken('queue.receive', calls.receive)
  const render = taken('certificate.render', calls.render)
  const store = taken('certificate.store', calls.store)
  const mail = taken('mail.latency', calls.mail)
  const callback = taken('callback.latency', calls.callback)
  if (notes.length === 0 && steadyRate === undefined) {
    return { ok: false, reason: 'it has neither stages.submit, nor calls, nor a steadyRate: there is nothing to fit' }
  }
  return {
    ok: true,
    notes,
    steadyRate: mail === undefined ? steadyRate : undefined,
    input: {
      ...(ingest === undefined ? {} : { ingest: { latency: ingest } }),
      ...(receive === undefined ? {} : { queue: { receive } }),
      ...(render === undefined && store === undefined
        ? {}
        : { certificate: { ...(render === undefined ? {} : { render }), ...(store === undefined ? {} : { store }) } }),
      ...(mail === undefined ? {} : { mail: { latency: mail } }),
      ...(callback === undefined ? {} : { callback: { latency: callback } }),
    },
  }
}

const thousandths = (value: number) => Math.round(value * 1000) / 1000
const ms = (value: number) => `${thousandths(value)}ms`

/**
 * From outside nobody sees a worker's calls, but how many recipients all workers did in a second: their own time for one
 * is what is left to explain it. Where the mail rate held them up, it cannot be seen. `ran`: the deployment as it ran.
 */
export function fitWorkers(
  ran: Model,
  steadyRate: number,
): { readonly mailMs: number; readonly note: string } | { readonly note: string } {
  const seen = `${Number(steadyRate.toPrecision(3))} recipients a second`
  if (ran.mail.rate !== undefined && steadyRate >= ran.mail.rate * 0.9) {
    return { note: `the workers' own time cannot be seen: ${seen} are the mail rate (${ran.mail.rate}/s)` }
  }
  const each = (ran.workers.count * slotsOf(ran) * 1000) / steadyRate
  const { certificate, 'object store': store } = chainOf(ran)
  const mailMs = Math.max(0, each - certificate - store)
  const known = certificate + store > 0 ? `, less ${ms(certificate + store)} for the certificate` : ''
  return {
    mailMs,
    note: `mail.latency: ${ms(mailMs)}, what ${seen} of ${ran.workers.count} workers with ${slotsOf(ran)} at once leave for a recipient${known}`,
  }
}
