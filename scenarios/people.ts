import { sampleRecipients, type Person, type SampleJob } from '../emulator/moodle/sample-people.ts'
import type { ScenarioJob } from './schema.ts'

/** Userids of a scenario's jobs begin so far from each other. */
const apart = 100_000

/** The people of a job; those with an address that brings its own fault are spread over it. */
export async function peopleOf(job: ScenarioJob, ordinal: number, seed: string): Promise<SampleJob> {
  const sample = await sampleRecipients({
    count: job.recipients,
    kind: job.type,
    bounces: job.bounces,
    seed,
    firstUserid: 1001 + ordinal * apart,
  })
  const labels = Object.entries(job.addresses).flatMap(([label, count]) => Array<string>(count ?? 0).fill(label))
  if (labels.length === 0) return sample
  const recipients: Person[] = [...sample.recipients]
  const plain = recipients.flatMap(({ email }, index) => (email.endsWith('@example.com') ? [index] : []))
  for (const [nth, label] of labels.entries()) {
    const index = plain[Math.floor(((nth + 0.5) * plain.length) / labels.length)]
    const person = index === undefined ? undefined : recipients[index]
    if (index === undefined || person === undefined) continue
    recipients[index] = { ...person, email: person.email.replace('@', `+${label}@`) }
  }
  return { ...sample, recipients }
}
