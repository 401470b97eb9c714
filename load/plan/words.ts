import type { Change } from './advice.ts'
import { distributionInWords, isZero, type Distribution } from './distribution.ts'
import { spanInWords, type StageName } from './estimate.ts'
import { flagOf } from './flags.ts'
import { messagesOf, type Model } from './model.ts'
import type { Plan, Remedy } from './plan.ts'
import { percent } from './stages.ts'

/** `50,000`. */
const counted = (value: number): string => value.toLocaleString('en-US')

/** What was asked, in one line. */
export function modelInWords(model: Model): string {
  const { recipients, ingest, workers, certificate, mail } = model
  const messages = messagesOf(model)
  const slow = (name: string, latency: Distribution) =>
    isZero(latency) ? [] : [`${name} ${distributionInWords(latency)}`]
  return [
    `${counted(recipients)} recipients in ${counted(messages)} ${messages === 1 ? 'message' : `messages of ${ingest.batch}`}`,
    `${workers.count} ${workers.count === 1 ? 'worker' : 'workers'} with ${workers.at_once} at once`,
    mail.rate === undefined ? 'no mail rate' : `${mail.rate} mails a second`,
    ...(certificate === undefined
      ? []
      : ['with certificates', ...slow('rendering', certificate.render), ...slow('storing', certificate.store)]),
    ...slow('a mail', mail.latency),
  ].join(', ')
}

/** `59.5 minutes, the budget is 30 minutes`. */
export const verdictInWords = ({ makespanMs, budgetMs, simulated }: Plan): string =>
  `${spanInWords(makespanMs)}${simulated ? '' : ' (by arithmetic)'}, the budget is ${spanInWords(budgetMs)}`

export function bottleneckInWords({ bottleneck, stages }: Plan): string {
  if (bottleneck === undefined)
    return 'nothing in the model takes time: --mail-rate, --mail-latency and others give it some'
  const { name, limit, used } = bottleneck
  const seen = stages.find((stage) => stage.name === name)?.seen
  const filled = used === null ? '' : `, ${percent(used)} used`
  return `${name} (${limit})${filled}${seen === undefined ? '' : `: ${seen}`}`
}

/** `--mail-rate 28 (now 14)`, `--workers 14 (now 4; or --at-once 4)`. */
function changeInWords({ setting, from, to, unit, or }: Change): string {
  const value = (amount: number) => (unit === 'milliseconds' ? `${Number(amount.toPrecision(3))}ms` : String(amount))
  return `${flagOf(setting) ?? setting} ${value(to)} (now ${value(from)}${or === undefined ? '' : `; or ${flagOf(or.setting) ?? or.setting} ${or.to}`})`
}

/** `--mail-rate 28 (now 14): 29.8 minutes, simulated`. */
export const remedyInWords = ({ changes, makespanMs, simulated }: Remedy): string =>
  `${changes.map(changeInWords).join(' and ')}: ${spanInWords(makespanMs)}, ${simulated ? 'as simulated' : 'by arithmetic'}`

const always = new Set<StageName>(['workers', 'certificate', 'object store', 'mail call', 'mail rate', 'callback'])

/** `--mail-rate 28 is the least that does`. */
export const leastInWords = ({ setting, value }: NonNullable<Plan['least']>): string =>
  `${flagOf(setting) ?? setting} ${value} is the least that does`

/** Name, limit, alone, used, seen: a row for each stage that takes time or has a limit. */
export const stageRows = ({ stages }: Plan): string[][] =>
  stages
    .filter(({ name, aloneMs, limit }) => aloneMs > 0 || (always.has(name) && limit !== 'none'))
    .map(({ name, limit, aloneMs, used, seen }) => [
      name,
      limit,
      aloneMs === 0 ? '-' : spanInWords(aloneMs),
      used === null ? '-' : percent(used),
      seen ?? '',
    ])
