import type { Advice, Job, JsonObject } from '../job.ts'

/** What a queue takes that was created before 2025, and what one takes today; bytes. */
const oldLimit = 262_144
const newLimit = 1_048_576

/** A message that SQS would not take, with the batch size that would fit. */
export function adviseOnSize(body: JsonObject, _job: Omit<Job, 'advice'>, bytes: number): Advice[] {
  const rows = body['recipients']
  if (bytes <= oldLimit || !Array.isArray(rows)) return []
  const sizes = rows.map((row) => Buffer.byteLength(JSON.stringify(row)) + 1)
  const frame = Buffer.byteLength(JSON.stringify({ ...body, recipients: [] }))
  const largest = sizes.reduce((a, b) => Math.max(a, b), 1)
  const fitting = (limit: number) => Math.max(0, Math.floor((limit - frame) / largest))
  const over = bytes > newLimit
  const [old, today] = [fitting(oldLimit), fitting(newLimit)]
  return [
    {
      code: over ? 'message-over-1-mib' : 'message-over-256-kib',
      path: '',
      text: over
        ? `the message has ${bytes} bytes: SQS takes at most ${newLimit}, and ${oldLimit} on queues created before 2025`
        : `the message has ${bytes} bytes: queues created before 2025 take at most ${oldLimit}`,
      fix:
        old > 0
          ? `send batches (job_batch_size): ${old} recipients of this job fit into ${oldLimit} bytes, ${today} into ${newLimit}`
          : `the fields at the top or one recipient alone take more than ${oldLimit} bytes: shorten the html`,
    },
  ]
}

/** Html that is repeated in each recipient, or that was made for one and goes to all. */
export function adviseOnHtml(_body: JsonObject, job: Omit<Job, 'advice'>): Advice[] {
  const { dialect, recipients, html } = job
  const [first, second] = recipients
  if (first === undefined || second === undefined) return []
  const row = dialect === 'plugin' ? 'recipients[0].recipient_data.custom_html' : 'recipients[0].custom_html'
  const own = first.data['custom_html']
  const advice: Advice[] = []

  if (typeof own === 'string' && own !== '') {
    if (recipients.every(({ data }) => data['custom_html'] === own)) {
      advice.push({
        code: 'html-repeated',
        path: row,
        text: `the same html stands in all ${recipients.length} recipients: ${own.length * (recipients.length - 1)} characters too many`,
        fix: 'write it once at the top of the job',
      })
    } else if (recipients.every(({ data }, index) => index === 0 || data['custom_html'] == null)) {
      advice.push({
        code: 'html-of-first-recipient',
        path: row,
        text: 'only the first recipient has html of its own; a worker in use takes it for everybody',
        fix: 'write html that all share at the top of the job, without anything personal',
      })
    }
  }

  const personal =
    html === undefined ? undefined : personalIn(html, first.email, first.firstname, first.lastname, first.data)
  if (personal !== undefined) {
    advice.push({
      code: 'html-personalised-for-all',
      path: dialect === 'plugin' ? 'custom_html' : 'html',
      text: `the job's html holds ${personal} of the first recipient and goes to all ${recipients.length}`,
      fix: 'write variables such as {{firstname}} in it, or give each recipient its own',
    })
  }
  return advice
}

/** What of a person a text holds, in words. */
function personalIn(html: string, email: string, firstname = '', lastname = '', data: JsonObject): string | undefined {
  const told: readonly (readonly [string, unknown])[] = [
    ['the address', email],
    ['the password', data['password']],
    ['the licence code', data['license_code']],
    ['the user name', data['username']],
    ['the name', firstname === '' || lastname === '' ? '' : `${firstname} ${lastname}`],
  ]
  const found = told.find(([, value]) => typeof value === 'string' && value.length >= 4 && html.includes(value))
  if (found !== undefined) return found[0]
  return firstname.length > 1 && greets(html, firstname) ? 'the first name' : undefined
}

function greets(html: string, firstname: string): boolean {
  return ['Dear', 'Hi', 'Hello'].some((greeting) => html.includes(`${greeting} ${firstname}`))
}
