import type { JournalEvent } from '../../contracts/events.ts'
import type { RequestLine } from '../emulator.ts'
import type { JournalEntry } from '../kernel/journal.ts'
import type { Terminal } from './terminal.ts'

/** Turns what happens into lines for people; `up` and `logs` share it. */
export interface LogLines {
  request(line: RequestLine): string[]
  entry(entry: JournalEntry): string[]
}

type Tone = 'plain' | 'dim' | 'good' | 'warn' | 'bad'
type Said = { readonly arrow: string; readonly tone: Tone; readonly text: string }

/** Over so many recipients, a pass is one line. */
const listedRecipients = 10

const arrows = { in: '-->', out: '<--', mail: ' @ ', state: ' * ', advice: ' ! ' }
const styles = { plain: 'reset', dim: 'dim', good: 'green', warn: 'yellow', bad: 'red' } as const

/** What a pass has done so far; its events come in one transaction that `pass.ended` concludes. */
interface Pass {
  readonly lines: Said[]
  /** What the pass led to, to be told after it. */
  readonly after: Said[]
  recipients: number
  certificates: number
}

export function createLogLines({ style }: Pick<Terminal, 'style'>): LogLines {
  const passes = new Map<string, Pass>()
  const advised = new Set<string>()
  const faultHits = new Map<string, number>()
  // A bounce is told once, by the provider's report; the outcome that follows it says the same.
  let bounced: string | undefined

  const print = (at: number, said: readonly Said[]) =>
    said.map(({ arrow, tone, text }) => `${style('dim', timeOf(at))} ${arrow} ${style(styles[tone], text)}`)

  const passOf = (tenant: number, job: string): Pass => {
    const name = `${tenant} ${job}`
    const pass = passes.get(name) ?? { lines: [], after: [], recipients: 0, certificates: 0 }
    passes.set(name, pass)
    return pass
  }
  const listed = (event: { tenant: number; job: string }, said: Said): Said[] => {
    const pass = passOf(event.tenant, event.job)
    pass.recipients++
    if (pass.lines.length <= listedRecipients) pass.lines.push(said)
    return []
  }

  const say = (event: JournalEvent, at: number): Said[] => {
    switch (event.type) {
      case 'job.accepted': {
        const what = `${event.jobType}, ${event.dialect}, by ${event.via === 'api' ? 'POST /jobs' : 'SQS'}`
        const batches = event.batches > 1 ? ` in ${event.batches} messages` : ''
        return [
          said(
            'in',
            'plain',
            `job ${event.job}: ${people(event.recipients)}${batches} (${what}; tenant ${event.tenant})`,
          ),
        ]
      }
      case 'job.duplicate':
        return [said('in', 'dim', `${jobOf(event)}: ${people(event.recipients)} known already, mailed no second time`)]
      case 'job.refused':
        return [said('in', 'bad', `refused with ${event.status}: ${event.reason}`)]
      case 'job.advice': {
        const again = advised.has(`${event.code} ${event.path}`)
        advised.add(`${event.code} ${event.path}`)
        const where = event.path === '' ? '' : ` ${event.path}:`
        if (again) return [said('advice', 'dim', `${jobOf(event)}:${where} ${event.code}, as before`)]
        return [said('advice', 'warn', `${jobOf(event)}:${where} ${event.text}. Fix: ${event.fix}`)]
      }
      case 'job.status': {
        const pass = passes.get(`${event.tenant} ${event.job}`)
        if (pass === undefined) return statusLine(event)
        pass.after.push(...statusLine(event))
        return []
      }
      case 'job.finding': {
        const whom = event.recipient === undefined ? '' : `, recipient ${event.recipient}`
        return [said('advice', 'warn', `${jobOf(event)}${whom}: ${event.text}`)]
      }
      case 'message.dead':
        return [
          said(
            'advice',
            'bad',
            `a message went to the dead-letter queue of ${event.queue}: ${event.reason} (offload dlq)`,
          ),
        ]
      case 'certificate.stored':
        passOf(event.tenant, event.job).certificates++
        return []
      case 'mail.accepted':
      case 'mail.found':
        return []
      case 'mail.ambiguous':
        return [said('advice', 'warn', `${whoOf(event)}: an interrupted attempt may have mailed already; sent again`)]
      case 'mail.feedback': {
        const tone = event.kind === 'delivery' ? 'dim' : 'bad'
        if (event.kind === 'bounce') bounced = nameOf(event)
        return [said('mail', tone, `${whoOf(event)}: ${event.kind}, ${event.detail}`)]
      }
      case 'recipient.outcome': {
        const told = bounced === nameOf(event)
        bounced = undefined
        if (told) return []
        if (event.status === 'sent') return listed(event, said('mail', 'good', `${whoOf(event)}: sent`))
        if (event.status === 'pending' || event.status === 'processing') return []
        return listed(event, said('mail', 'bad', `${whoOf(event)}: ${event.error ?? 'failed'}`))
      }
      case 'recipient.retry': {
        const seconds = Math.max(0, Math.round((event.dueAt - at) / 1000))
        return listed(event, said('mail', 'warn', `${whoOf(event)}: ${event.error}; again in ${seconds} s`))
      }
      case 'pass.ended':
        return endPass(event)
      case 'callback.created':
        if (event.state === 'waiting') return []
        return [said('out', 'warn', `callback of ${jobOf(event)} is parked: ${event.reason ?? 'no reason was given'}`)]
      case 'callback.attempt': {
        const good = event.status !== null && event.status < 300
        const answer = event.status === null ? 'no answer' : String(event.status)
        const words = good ? '' : ` ${event.words}`
        const again = event.attempt > 1 ? `, attempt ${event.attempt}` : ''
        return [
          said(
            'out',
            good ? 'good' : 'bad',
            `[${answer}] callback ${event.url} of ${jobOf(event)} ${Math.round(event.milliseconds)} ms${again}${words}`,
          ),
        ]
      }
      case 'callback.settled':
        if (event.state === 'delivered') return []
        return [
          said(
            'out',
            'bad',
            `callback ${event.callback} of ${jobOf(event)} was given up after ${event.attempts} attempts`,
          ),
        ]
      case 'moodle.submitted': {
        if (event.refused + event.local === 0) return []
        const parts = [
          ...(event.refused > 0 ? [`${event.refused} refused`] : []),
          ...(event.local > 0 ? [`${event.local} left to Moodle's own mail`] : []),
        ]
        return [
          said(
            'in',
            'bad',
            `the stand-in's ${jobOf(event)}: ${parts.join(', ')}: ${event.reason ?? 'no reason was given'}`,
          ),
        ]
      }
      case 'moodle.duplicate':
        return [said('in', 'dim', `the stand-in skipped ${people(event.recipients)}: ${event.text}`)]
      case 'moodle.callback':
        if (event.status < 300) return []
        return [said('out', 'bad', `the stand-in answered ${event.status} (${event.verdict}): ${event.reason ?? ''}`)]
      case 'state.reset':
        return [
          said(
            'state',
            'plain',
            event.tenant === undefined ? 'everything was reset' : `tenant ${event.tenant} was reset`,
          ),
        ]
      case 'emulator.started': {
        const again = event.recovered > 0 ? `: ${people(event.recovered)} of the last run go on at once` : ''
        return [said('state', 'dim', `the emulator started (boot ${event.boot})${again}`)]
      }
      case 'mail.submitted': {
        const held = event.suppressed > 0 ? `, ${event.suppressed} suppressed` : ''
        const later = event.queued > 0 ? `, ${event.queued} to be tried again` : ''
        const text = `${event.provider} took a mail to ${people(event.addresses.length)}${held}${later}`
        return [said('mail', held + later === '' ? 'dim' : 'warn', text)]
      }
      case 'mail.refused':
        return [said('mail', 'bad', `${event.provider} refused a mail: ${event.reason}`)]
      case 'mail.reported': {
        const tone = event.kind === 'delivery' ? 'dim' : 'bad'
        return [said('mail', tone, `${event.provider} reports ${event.kind} of ${event.messageId}: ${event.detail}`)]
      }
      case 'fault.injected':
        return faultLine(event)
      case 'worker.restarted': {
        const left = event.recovered > 0 ? `: ${people(event.recovered)} that it had left go on` : ''
        return [said('state', 'warn', `the worker started again after a fault${left}`)]
      }
      case 'faults.set': {
        const { rules } = event
        return [
          said('state', 'plain', rules.length === 0 ? 'no fault rules any more' : `fault rules: ${rules.join('; ')}`),
        ]
      }
      case 'callback.replayed': {
        const answers = event.statuses.map((status) => status ?? 'none').join(', ')
        const ways = event.tamper.length > 3 ? `${event.tamper.length} ways` : event.tamper.join(', ')
        const how = event.tamper.length === 0 ? '' : `, altered in ${ways}`
        return [said('out', 'plain', `callback ${event.url} of ${jobOf(event)} sent by hand${how}: ${answers}`)]
      }
      case 'alarm.changed': {
        const tone = event.to === 'ALARM' ? 'bad' : event.from === 'ALARM' ? 'good' : 'dim'
        return [said('state', tone, `alarm ${event.alarm} is ${event.to}: ${event.reason}`)]
      }
      case 'mail.webhook-lost': {
        const { provider, url, attempts, reason } = event
        return [
          said('mail', 'bad', `${provider}'s notification to ${url} is lost after ${attempts} attempts: ${reason}`),
        ]
      }
      case 'worker.invoked': {
        const batch = `${event.messages} message${event.messages === 1 ? '' : 's'}`
        const failed =
          event.failed === 0 ? '' : `, ${event.failed} failed${event.error === undefined ? '' : `: ${event.error}`}`
        const tone = event.failed === 0 ? 'plain' : 'bad'
        return [said('out', tone, `invoked the worker with ${batch}${failed} (${event.milliseconds} ms)`)]
      }
      default:
        // A newer emulator may know more than this command does.
        return [said('state', 'dim', (event as { type: string }).type)]
    }
  }

  const faultLine = ({
    rule,
    operation,
    effect,
    ...who
  }: Extract<JournalEvent, { type: 'fault.injected' }>): Said[] => {
    const name = `${who.job ?? ''} ${rule}`
    const hits = (faultHits.get(name) ?? 0) + 1
    if (faultHits.size > 1000) faultHits.clear()
    faultHits.set(name, hits)
    if (hits > listedRecipients) return []
    const more = hits === listedRecipients ? ' (and so on: offload faults counts them)' : ''
    const whom =
      who.job === undefined
        ? ''
        : ` of ${who.recipient === undefined ? jobOf({ job: who.job }) : whoOf({ job: who.job, recipient: who.recipient })}`
    return [said('advice', 'warn', `fault "${rule}" at ${operation}${whom}: ${effect}${more}`)]
  }

  const endPass = (event: Extract<JournalEvent, { type: 'pass.ended' }>): Said[] => {
    const pass = passOf(event.tenant, event.job)
    passes.delete(`${event.tenant} ${event.job}`)
    if (pass.recipients <= listedRecipients) return [...pass.lines, ...pass.after]
    const parts = [
      `${event.sent} sent`,
      ...(event.failed > 0 ? [`${event.failed} failed`] : []),
      ...(event.retried > 0 ? [`${event.retried} to be tried again`] : []),
      ...(pass.certificates > 0 ? [`${pass.certificates} certificates`] : []),
    ]
    const tone = event.failed > 0 ? 'bad' : event.retried > 0 ? 'warn' : 'good'
    return [
      said(
        'mail',
        tone === 'bad' && event.sent > 0 ? 'warn' : tone,
        `${jobOf(event)}: ${parts.join(', ')} (${event.milliseconds} ms)`,
      ),
      ...pass.after,
    ]
  }

  return {
    entry: ({ at, event }) => print(at, say(event, at)),
    request({ at, method, path, status, milliseconds, operation }) {
      const what = operation === undefined ? `${method} ${path}` : operation
      return print(at, [said('in', status < 400 ? 'plain' : 'bad', `[${status}] ${what} ${milliseconds} ms`)])
    },
  }
}

function statusLine(event: Extract<JournalEvent, { type: 'job.status' }>): Said[] {
  const tones: Partial<Record<typeof event.to, Tone>> = {
    completed: 'good',
    partial_failure: 'warn',
    failed: 'bad',
    retry_pending: 'plain',
    manual_retry: 'plain',
  }
  const tone = tones[event.to]
  if (tone === undefined) return []
  return [said('state', tone, `${jobOf(event)} is ${event.to}: ${event.sent} sent, ${event.failed} failed`)]
}

const said = (arrow: keyof typeof arrows, tone: Tone, text: string): Said => ({ arrow: arrows[arrow], tone, text })

const people = (count: number): string => `${count} recipient${count === 1 ? '' : 's'}`

/** The whole id stands in the line of acceptance; after it the beginning of a UUID is enough. */
const jobOf = ({ job }: { readonly job: string }): string => `job ${job.length > 20 ? `${job.slice(0, 8)}…` : job}`

const whoOf = (event: { readonly job: string; readonly recipient: string }): string =>
  `${jobOf(event)}, recipient ${event.recipient.length > 20 ? `${event.recipient.slice(0, 12)}…` : event.recipient}`

const nameOf = ({ tenant, job, recipient }: { tenant: number; job: string; recipient: string }): string =>
  `${tenant} ${job} ${recipient}`

function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString('en-GB', { hour12: false })
}
