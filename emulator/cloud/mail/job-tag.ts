/** The inbox tag of a job's mails (`X-Tags`): `job-<id>`, with what a tag cannot hold replaced by `-`. */
export function jobTag(job: string): string {
  return `job-${job.replace(/[^a-zA-Z0-9\-_.@]+/g, '-')}`.slice(0, 100)
}
