import { encodeJob, messageAttributes } from '../contracts/dialects/index.ts'
import type { Emulator } from '../emulator/emulator.ts'
import type { SampleJob } from '../emulator/moodle/sample-people.ts'
import type { Submitted } from '../emulator/moodle/moodle.ts'
import type { SubmitInput } from '../emulator/moodle/submission.ts'
import { peopleOf } from './people.ts'
import type { ReadScenario, ReadStep } from './read-scenario.ts'
import type { ScenarioJob } from './schema.ts'
import type { World } from './world.ts'

/** A job of a scenario, once it was submitted. */
export interface Performed {
  readonly tenant: number
  /** More than one where each recipient is a job. */
  readonly ids: readonly string[]
  /** What the stand-in heard; undefined where the job went by hand, or the emulator died before the answer. */
  readonly answer: Submitted | undefined
}

/** What a step found that is not as it was expected. */
export interface Surprise {
  readonly path: readonly PropertyKey[]
  readonly expected: string
  readonly got: string
}

export interface Performance {
  readonly jobs: ReadonlyMap<string, Performed>
  readonly surprises: readonly Surprise[]
  readonly ended: boolean
  readonly began: number
}

/** What certificates are for. */
const course = { course_name: 'Introduction to PHP', completion_date: '2025-11-18' }

/** Plays a scenario's steps, one after the other. */
export async function perform(scenario: ReadScenario, world: World, seed: string): Promise<Performance> {
  const jobs = new Map<string, Performed>()
  const surprises: Surprise[] = []
  const samples = new Map<string, SampleJob>()
  const names = Object.keys(scenario.jobs)
  for (const [index, [name, job]] of Object.entries(scenario.jobs).entries()) {
    samples.set(name, await peopleOf(job, job.people_of === undefined ? index : names.indexOf(job.people_of), seed))
  }
  if (scenario.faults.length > 0) await setFaults(world, scenario.faults)
  const began = world.now()
  let ended = false

  const inputOf = (name: string): SubmitInput => {
    const { tenant, mode, dialect, shape, certificate, event } = jobOf(scenario, name)
    const sample = sampleOf(samples, name)
    return {
      ...sample,
      templateData: { ...sample.templateData, ...(certificate ? course : {}) },
      tenant,
      mode,
      dialect,
      shape,
      certificate,
      ...(event === undefined ? {} : { event }),
    }
  }

  /** What the stand-in begins; where the emulator dies meanwhile, it is started again, and goes on with it by itself. */
  const submitting = async (wanted: readonly { name: string; tenant: number; begin: () => Promise<Submitted> }[]) => {
    const before = new Set(world.emulator.moodle.jobs().map(({ jobid }) => jobid))
    try {
      const answers = await world.during(() => Promise.all(wanted.map(({ begin }) => begin())))
      for (const [index, { name, tenant }] of wanted.entries()) {
        const answer = answers[index]
        if (answer !== undefined) jobs.set(name, { tenant, ids: answer.jobIds, answer })
      }
    } catch (error) {
      if (!world.killed) throw error
      await world.crash()
      const fresh = world.emulator.moodle.jobs().filter(({ jobid }) => !before.has(jobid))
      for (const { name, tenant } of wanted) {
        const ids = fresh.filter((job) => job.tenantid === tenant).map(({ jobid }) => jobid)
        jobs.set(name, { tenant, ids, answer: undefined })
      }
    }
  }

  const byHand = async (bodies: readonly Message[]) => {
    await world.during((emulator) =>
      Promise.all(
        bodies.map(({ mode, ...message }) =>
          emulator.inject(mode === 'api' ? posted(emulator, message) : sent(emulator.queueUrl, message)),
        ),
      ),
    )
  }

  const play = async (step: ReadStep, index: number): Promise<void> => {
    if (step === 'restart') return await world.restart({})
    if (step === 'crash') return await world.crash()
    if (step === 'redrive') return await redrive(world, 'manireports-jobs-dlq')
    if (step.submit !== undefined) {
      return await submitting(
        step.submit.map((name) => ({
          name,
          tenant: jobOf(scenario, name).tenant,
          begin: () => world.emulator.moodle.submit(inputOf(name)),
        })),
      )
    }
    if (step.post !== undefined) {
      const { job: name, mode, times, id } = step.post
      const message = messageOf(name, jobOf(scenario, name), sampleOf(samples, name), id ?? idOf(scenario, name))
      jobs.set(name, { tenant: message.tenant, ids: [message.id], answer: undefined })
      return await byHand(Array.from({ length: times }, () => ({ mode, ...message })))
    }
    if (step.message !== undefined) {
      const { body, mode, times } = step.message
      return await byHand(Array.from({ length: times }, () => ({ mode, tenant: 0, body, attributes: {} })))
    }
    if (step.wait === 'end') {
      ended = await world.end(scenario.clock.limit)
      if (!world.killed) return
      await world.crash()
      ended = await world.end(scenario.clock.limit)
      return
    }
    if (step.wait !== undefined) return await world.wait(step.wait)
    if (step.restart !== undefined) return await world.restart(step.restart)
    if (step.crash !== undefined) return world.killAfter(step.crash.after)
    if (step.redrive !== undefined) return await redrive(world, step.redrive)
    if (step.faults !== undefined) return await setFaults(world, step.faults)
    if (step.retry !== undefined) {
      const { job, as } = step.retry
      const parent = performed(jobs, job)
      const begin = () => world.emulator.moodle.retry(parent.ids[0] ?? '')
      return await submitting([{ name: as, tenant: parent.tenant, begin }])
    }
    if (step.replay !== undefined) {
      const { job, times } = step.replay
      const { ids, tenant } = performed(jobs, job)
      for (const id of ids) {
        const path = `/_offload/callbacks?job=${encodeURIComponent(id)}&tenant=${tenant}&limit=1000`
        const { callbacks } = (await asked(world, path)) as { callbacks: { id: string }[] }
        for (let time = 0; time < times; time++) {
          for (const each of callbacks) await asked(world, `/_offload/callbacks/${each.id}/replay`, { method: 'POST' })
        }
      }
      return
    }
    if (step.verify !== undefined) {
      const body = JSON.stringify({ EmailIdentity: step.verify })
      await asked(world, '/v2/email/identities', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      return
    }
    if (step.open !== undefined) {
      const { certificate_of: job, status } = step.open
      const got = await opened(world, performed(jobs, job))
      if (got !== String(status)) {
        surprises.push({ path: ['steps', index, 'open', 'status'], expected: String(status), got })
      }
    }
  }

  for (const [index, step] of scenario.steps.entries()) await play(step, index)
  return { jobs, surprises, ended: ended || world.emulator.evidence.ended(), began }
}

interface Message {
  readonly mode: 'api' | 'sqs'
  readonly tenant: number
  readonly body: string
  readonly attributes: ReturnType<typeof messageAttributes>
}

const jobOf = (scenario: ReadScenario, name: string): ScenarioJob => {
  const job = scenario.jobs[name]
  if (job === undefined) throw new Error(`there is no job "${name}"`)
  return job
}

const sampleOf = (samples: ReadonlyMap<string, SampleJob>, name: string): SampleJob => {
  const sample = samples.get(name)
  if (sample === undefined) throw new Error(`there are no people of "${name}"`)
  return sample
}

const performed = (jobs: ReadonlyMap<string, Performed>, name: string): Performed => {
  const job = jobs.get(name)
  if (job === undefined) throw new Error(`job "${name}" was not submitted yet`)
  return job
}

/** An id that no Moodle holds. */
function idOf(scenario: ReadScenario, name: string): string | number {
  const nth = Object.keys(scenario.jobs).indexOf(name) + 1
  const { dialect } = jobOf(scenario, name)
  return dialect === 'flow' || dialect === 'plugin'
    ? 2_000_000_000 + nth
    : `a0000000-0000-4000-8000-${String(nth).padStart(12, '0')}`
}

function messageOf(
  name: string,
  { tenant, dialect, certificate }: ScenarioJob,
  sample: SampleJob,
  id: string | number,
) {
  const job = {
    jobId: id,
    tenant,
    type: sample.type,
    templateData: { ...sample.templateData, job_name: name, ...(certificate ? course : {}) },
    recipients: sample.recipients,
    timestamp: '2026-01-01T00:00:00Z',
    generateCertificate: certificate,
    ...(sample.subject === undefined ? {} : { subject: sample.subject }),
    ...(sample.html === undefined ? {} : { html: sample.html }),
  }
  return {
    id: String(id),
    tenant,
    body: JSON.stringify(encodeJob(job, dialect)),
    attributes: messageAttributes(job, dialect),
  }
}

const posted = ({ url, config }: Emulator, { body, tenant }: Omit<Message, 'mode'>) =>
  new Request(`${url}/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${config.ingest_token}`, 'x-tenant-id': String(tenant) },
    body,
  })

/** `SendMessage` of a message. */
export function sent(queueUrl: string, { body, attributes }: Omit<Message, 'mode'>): Request {
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' }
  const named = Object.entries(attributes).map(([name, { dataType, value }]) => [
    name,
    { DataType: dataType, StringValue: value },
  ])
  const input = {
    QueueUrl: queueUrl,
    MessageBody: body,
    ...(named.length === 0 ? {} : { MessageAttributes: Object.fromEntries(named) as object }),
  }
  return new Request(queueUrl, { method: 'POST', headers, body: JSON.stringify(input) })
}

/** Asks the control API; throws what it refuses. */
export async function asked(world: World, path: string, init: RequestInit = {}): Promise<unknown> {
  const answer = await world.during(({ inject, url }) => inject(new Request(`${url}${path}`, init)))
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${text.slice(0, 500)}`)
  return JSON.parse(text) as unknown
}

/** Rules as they were written. */
// JSON is YAML.
export const setFaults = (world: World, rules: readonly unknown[]) =>
  asked(world, '/_offload/faults', { method: 'PUT', body: JSON.stringify(rules) }).then(() => undefined)

const redrive = (world: World, queue: string) =>
  asked(world, `/_offload/queues/${queue}/redrive`, { method: 'POST' }).then(() => undefined)

/** What the link to a job's first certificate answers. */
async function opened(world: World, { ids, tenant }: Performed): Promise<string> {
  const path = `/_offload/jobs/${encodeURIComponent(ids[0] ?? '')}/recipients?tenant=${tenant}&limit=1000`
  const { recipients } = (await asked(world, path)) as { recipients: { certificate_url: string | null }[] }
  const link = recipients.find(({ certificate_url: url }) => url !== null)?.certificate_url
  if (link == null) return 'no certificate'
  const answer = await world.during(({ inject }) => inject(new Request(link)))
  return String(answer.status)
}
