import type { Finding } from '../../contracts/checks/verdict.ts'
import { sleep } from '../../emulator/kernel/clock.ts'
import { EmulatorError, messageOf } from '../../emulator/kernel/errors.ts'
import { risesOf, type Rise } from '../k6/rising.ts'
import { startK6 } from './k6.ts'
import type { LoadPlan } from './plan.ts'
import type { Came, LoadDeps } from './run-load.ts'
import { variablesOf, type Reached } from './k6-variables.ts'
import { kneeMs, kneeOf, stepOf, type Step, type StepAnswer } from './steps.ts'
import { number, time } from './words.ts'

/** An answer as both scripts tell it. */
interface AnswerEvent {
  readonly event: string
  readonly step?: string
  readonly at: number
  readonly ms: number
  readonly status: number
  readonly why?: string
}

/** Raises the rate step by step, and says where answers become slow. */
export async function runSteps(plan: LoadPlan, reached: Reached, deps: LoadDeps): Promise<Came> {
  const { clock, folder, k6, stop, onProgress } = deps
  const rises = risesOf(plan)
  const answers = new Map<string, StepAnswer[]>(rises.map(({ name }) => [name, []]))
  const reasons = new Map<string, number>()
  const total = rises.reduce((sum, { calls }) => sum + calls, 0)
  let answered = 0
  let failed = 0
  const began = clock.now()
  const run = startK6(k6, {
    scenario: plan.scenario,
    variables: {
      ...variablesOf(plan, reached, {}),
      ...(plan.scenario === 'callbacks' ? await callbackVariables(plan, reached) : {}),
    },
    summary: folder.file('k6-summary.json'),
    folder: folder.path,
    onEvent(given) {
      const { event, step = '', at, ms, status, why } = given as AnswerEvent
      if (event !== 'end' && event !== 'answer') return
      const ok = status >= 200 && status < 300
      answers.get(step)?.push({ at, ms, ok })
      answered++
      if (ok) return
      failed++
      const reason = why ?? String(status)
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    },
  })
  let exit: number | null | undefined
  void run.ended.then((code) => (exit = code))
  try {
    while (exit === undefined && !stop.aborted) {
      await sleep(clock, 500, stop)
      onProgress({
        recipients: total,
        submitted: answered,
        done: answered - failed,
        mailed: null,
        failed,
        depth: null,
        at: clock.now() - began,
      })
    }
  } finally {
    run.stop()
  }
  const steps: Step[] = []
  for (const { name, rate, durationMs } of rises) {
    steps.push(stepOf(rate, durationMs / 1000, answers.get(name) ?? [], steps[0]?.times))
  }
  const ran = exit === 0 || exit === 99
  const findings = findingsOf(plan, rises, steps, reasons)
  const k6Finding: Finding = {
    id: 'k6/ran',
    title: 'k6 did what it was asked for',
    level: 'required',
    ...(stop.aborted
      ? { verdict: 'unobserved', reason: 'it was stopped' }
      : ran
        ? { verdict: 'pass', reason: exit === 0 ? 'its thresholds hold, too' : 'its thresholds failed, as told here' }
        : { verdict: 'fail', reason: `exit ${exit ?? 'none'}: ${run.said().split('\n').slice(-3).join(' ')}` }),
  }
  return {
    findings: [...findings, k6Finding],
    groups: [],
    samples: [],
    stages: steps[0]?.times === undefined || plan.scenario !== 'ingest' ? {} : { submit: steps[0].times },
    steps,
    interrupted: stop.aborted,
    k6: { version: k6.version, exit: exit ?? null },
  }
}

function findingsOf(
  plan: LoadPlan,
  rises: readonly Rise[],
  steps: readonly Step[],
  reasons: ReadonlyMap<string, number>,
): Finding[] {
  const what = plan.scenario === 'ingest' ? 'submission' : 'callback'
  const knee = kneeOf(steps)
  const bent = steps.find(({ holds }) => !holds)
  const first = steps[0]
  const answered = steps.reduce((sum, step) => sum + step.answered + step.failed, 0)
  const why = [...reasons].toSorted(([, a], [, b]) => b - a)[0]
  const seen = first?.times
  const needed = rises[0]?.rate ?? 0
  return [
    {
      id: `${plan.scenario}/answered`,
      title: `at ${number(needed)} a second every ${what} is taken`,
      level: 'required',
      ...(first === undefined || answered === 0
        ? { verdict: 'unobserved', reason: 'nothing was answered' }
        : first.failed > 0 || first.answered === 0
          ? {
              verdict: 'fail',
              reason: `${number(first.failed)} of ${number(first.failed + first.answered)} were not${why === undefined ? '' : `: ${why[0]}`}`,
            }
          : { verdict: 'pass', reason: `${number(first.answered)} of them` }),
    },
    {
      id: `${plan.scenario}/latency`,
      title: `at ${number(needed)} a second 95 of 100 are answered within ${time(kneeMs)}`,
      level: 'required',
      ...(seen === undefined
        ? { verdict: 'unobserved', reason: 'nothing was answered' }
        : { verdict: seen.p95 <= kneeMs ? 'pass' : 'fail', reason: `p95 is ${time(seen.p95)}` }),
    },
    {
      id: `${plan.scenario}/knee`,
      title: `the knee lies at ${number(needed)} ${what}s a second or more`,
      level: 'required',
      ...(answered === 0
        ? { verdict: 'unobserved', reason: 'nothing was answered' }
        : {
            verdict: knee >= needed ? 'pass' : 'fail',
            reason:
              bent === undefined
                ? `not reached: ${number(knee)} a second hold, the most that was tried`
                : `${number(knee)} a second hold; at ${number(bent.offered)} ${bent.why ?? ''}`,
          }),
    },
  ]
}

/** The job whose recipients the callbacks are about: the caller's, or one that the emulator's stand-in for Moodle made. */
async function callbackVariables({ callbacksOf, target }: LoadPlan, reached: Reached): Promise<Record<string, string>> {
  if (target.kind === 'given') {
    if (callbacksOf === undefined) {
      throw new EmulatorError(
        'bad-load',
        'callbacks need a job that the Moodle knows, and its recipients: --job ID --userids 1001-1200',
      )
    }
    const { job, firstUserid, userids } = callbacksOf
    return { JOB: job, FIRST_USERID: String(firstUserid), USERIDS: String(userids) }
  }
  const recipients = 200
  try {
    const answer = await fetch(`${reached.url}/_offload/send`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${reached.token}` },
      body: JSON.stringify({ type: 'reminder', recipients }),
    })
    const { jobIds } = (await answer.json()) as { jobIds?: string[] }
    const job = jobIds?.[0]
    if (job === undefined) throw new Error(`it answered ${answer.status}`)
    return {
      TARGET: `${reached.url}/local/manireports/ui/ajax/cloud_callback.php`,
      JOB: job,
      FIRST_USERID: '1001',
      USERIDS: String(recipients),
    }
  } catch (error) {
    throw new EmulatorError('bad-load', `the emulator's Moodle made no job: ${messageOf(error)}`)
  }
}
