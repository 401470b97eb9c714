import type { Finding } from '../../contracts/checks/verdict.ts'
import { spikePhases } from '../k6/spike-phases.ts'
import type { Sample } from './bottleneck.ts'
import type { GroupFigures } from './figures.ts'
import type { LoadPlan } from './plan.ts'
import { number, time } from './words.ts'

/** 95 of 100 of the quiet tenant's recipients are told within this, whatever the noisy one does. */
const quietMs = 30_000

const waitingAt = ({ submitted, sent, failed, mailed }: Sample) =>
  Math.max(0, submitted - Math.max(sent + failed, mailed ?? 0))

/** What a scenario asks beyond what holds for all. */
export function extraFindings(plan: LoadPlan, samples: readonly Sample[], groups: readonly GroupFigures[]): Finding[] {
  if (plan.scenario === 'spike') return [recovery(plan, samples)]
  if (plan.scenario === 'tenants') return [quiet(groups.find(({ name }) => name === 'quiet'))]
  return []
}

function recovery(plan: LoadPlan, samples: readonly Sample[]): Finding {
  const [, spike] = spikePhases(plan)
  const end = (spike?.startMs ?? 0) + (spike?.durationMs ?? 0)
  const common = {
    id: 'spike/recovered',
    title: `the backlog of a spike of ${number(spike?.rate ?? 0)} recipients a second is gone within ${time(plan.durationMs)}`,
    level: 'required',
  } as const
  const before = Math.max(plan.batch, ...samples.filter(({ at }) => at < (spike?.startMs ?? 0)).map(waitingAt))
  const after = samples.filter(({ at }) => at >= end)
  const most = Math.max(0, ...samples.filter(({ at }) => at >= (spike?.startMs ?? 0)).map(waitingAt))
  if (after.length === 0) return { ...common, verdict: 'unobserved', reason: 'the run ended before the spike did' }
  // A few of the messages of the usual rate are always on their way.
  const gone = after.find((sample) => waitingAt(sample) <= before + plan.batch * 2)
  const seen = `${number(most)} recipients waited at most`
  if (gone === undefined) return { ...common, verdict: 'fail', reason: `${seen}, and it was not gone at the end` }
  const took = Math.max(0, gone.at - end)
  return {
    ...common,
    verdict: took <= plan.durationMs ? 'pass' : 'fail',
    reason: `${seen}, gone ${time(took)} after the spike`,
  }
}

function quiet(figures: GroupFigures | undefined): Finding {
  const total = figures?.stages.total
  return {
    id: 'quiet/undisturbed',
    title: `95 of 100 of the quiet tenant's recipients are told within ${time(quietMs)}, whatever the noisy one does`,
    level: 'required',
    ...(total === undefined
      ? { verdict: 'unobserved', reason: 'none of them was told' }
      : {
          verdict: total.p95 <= quietMs ? 'pass' : 'fail',
          reason: `p95 is ${time(total.p95)}, the slowest ${time(total.max)}`,
        }),
  }
}
