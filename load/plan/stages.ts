import type { Estimate, StageEstimate, StageName } from './estimate.ts'
import type { Model } from './model.ts'
import type { Simulated } from './simulate.ts'

/** A stage of the job's way, how long it takes alone and how much of it was used. */
export interface MeasuredStage extends StageEstimate {
  /** Of what it could have done in the makespan, 0 to 1; null where nobody measured, or it has no limit. */
  readonly used: number | null
  /** What was seen there, in words. */
  readonly seen?: string
}

export function measuredStages(model: Model, { stages }: Estimate, played: Simulated | undefined): MeasuredStage[] {
  if (played === undefined) return stages.map((stage) => ({ ...stage, used: null }))
  return stages.map((stage) => ({ ...stage, ...measured(stage.name, model, played) }))
}

function measured(name: StageName, model: Model, played: Simulated): Pick<MeasuredStage, 'used' | 'seen'> {
  const { makespanMs, submitMs, worker, callbacks } = played
  const { workers, mail, callback } = model
  const span = Math.max(1, makespanMs)
  const used = (share: number) => Math.min(1, share)
  switch (name) {
    case 'ingest':
      return { used: used(submitMs / span) }
    case 'workers':
    case 'certificate':
    case 'object store':
    case 'mail call': {
      const { receive, certificate, objects, mail: mails } = worker
      const busy = receive + certificate + objects + mails
      const parts = [
        ['certificates', certificate],
        ['object store', objects],
        ['mail calls', mails],
        ['receiving', receive],
      ] as const
      const shown = parts.filter(([, ms]) => ms > 0).map(([part, ms]) => `${part} ${percent(ms / busy)}`)
      const each = (model.recipients * 1000) / (busy / workers.count)
      return {
        used: used(busy / (workers.count * span)),
        ...(shown.length === 0 ? {} : { seen: `${shown.join(', ')}; at most ${rounded(each)} recipients a second` }),
      }
    }
    case 'mail rate': {
      if (mail.rate === undefined) return { used: null }
      const paced = Math.max(0, worker.mails - Math.max(1, mail.rate))
      return {
        used: used((paced * 1000) / mail.rate / span),
        seen: `a worker waits ${inMs(percentile(worker.waits, 0.5))} for its turn (p95 ${inMs(percentile(worker.waits, 0.95))})`,
      }
    }
    case 'daily quota': {
      const left = mail.daily_quota === undefined ? undefined : Math.max(1, mail.daily_quota - mail.sent_today)
      return { used: left === undefined ? null : used(worker.mails / left) }
    }
    case 'callback':
      return {
        used: used(callbacks.ms / (callback.at_once * span)),
        seen: `${callbacks.attempts} callbacks`,
      }
    case 'start-up':
      return { used: null }
    case 'retries':
      return { used: null, ...(played.retried === 0 ? {} : { seen: `${played.retried} attempts failed` }) }
  }
}

/** Of unsorted numbers; 0 of none. */
function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** The recipients that the workers do in a second where nothing holds them up. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`
const rounded = (value: number) => Number(value.toPrecision(3))
const inMs = (ms: number) => (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
