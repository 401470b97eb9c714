import { spanInWords, type Estimate } from './estimate.ts'
import type { Model } from './model.ts'
import type { Simulated } from './simulate.ts'
import { percent } from './stages.ts'

/** The share of callbacks that has to arrive. */
const leastDelivered = 0.99

/** The share of recipients that may fail or bounce. */
const mostFailed = 0.05

/** From where SES looks at an account, and from where it may stop it. */
const bounceRates = { reviewed: 0.05, paused: 0.1 } as const

/** How long a worker has a message, or what one invocation of it has, at the most. */
const longestHeld = ({ workers }: Model, { messageMs }: Estimate, played: Simulated | undefined) =>
  (played?.worker.held ?? [messageMs]).reduce((a, b) => Math.max(a, b), 0) * workers.messages

export interface Miss {
  readonly what: 'budget' | 'timeout' | 'callbacks' | 'failures'
  readonly text: string
}

/** Why the plan fails. */
export function findMisses(model: Model, by: Estimate, played: Simulated | undefined): Miss[] {
  const misses: Miss[] = []
  const miss = (what: Miss['what'], text: string) => void misses.push({ what, text })
  const makespanMs = played?.makespanMs ?? by.makespanMs
  if (played?.ended === false) miss('budget', `it has not ended after ${spanInWords(makespanMs)}`)
  else if (makespanMs > model.budget) {
    miss('budget', `it takes ${spanInWords(makespanMs)}, the budget is ${spanInWords(model.budget)}`)
  }
  const { timeout } = model.workers
  const held = longestHeld(model, by, played)
  if (timeout !== undefined && held > timeout) {
    miss(
      'timeout',
      `a worker needs up to ${spanInWords(held)} for ${whatIsHeld(model)}, and is ended after ${spanInWords(timeout)}: ` +
        `it begins again and again. Smaller batches (ingest.batch ${Math.max(1, Math.floor((model.ingest.batch * timeout) / held))}), or a longer timeout`,
    )
  }
  const failed = failedShare(model, played)
  if (failed > mostFailed) {
    miss('failures', `${percentOf(failed)} of the recipients fail or bounce, at most ${percent(mostFailed)} may`)
  }
  const delivered = deliveredShare(model, played)
  if (delivered < leastDelivered) {
    miss(
      'callbacks',
      `${percentOf(delivered)} of the callbacks arrive, ${percent(leastDelivered)} have to: the others are given up after 4 attempts`,
    )
  }
  return misses
}

function failedShare({ recipients, mail }: Model, played: Simulated | undefined): number {
  if (played !== undefined) return played.failed / recipients
  const unmailed = mail.error_rate ** 4
  return unmailed + (1 - unmailed) * mail.bounce_rate
}

function deliveredShare({ callback }: Model, played: Simulated | undefined): number {
  if (played === undefined) return 1 - callback.error_rate ** 4
  const { delivered, dead } = played.callbacks
  return delivered / Math.max(1, delivered + dead)
}

/** What would go wrong in the real thing, though the time is kept. */
export function findHazards(model: Model, by: Estimate, played: Simulated | undefined): string[] {
  const { queue, mail } = model
  const hazards: string[] = []
  const held = longestHeld(model, by, played)
  if (queue.visibility !== undefined && held > queue.visibility) {
    hazards.push(
      `a worker has ${whatIsHeld(model)} for up to ${spanInWords(held)}, and after ${spanInWords(queue.visibility)} SQS gives it to another one ` +
        `too: mails go twice unless the worker renews its visibility or keeps a ledger. Set the visibility timeout to ${spanInWords(Math.ceil((2 * held) / 60_000) * 60_000)} or more`,
    )
  }
  if (mail.bounce_rate >= bounceRates.reviewed) {
    const consequence =
      mail.bounce_rate >= bounceRates.paused
        ? 'may pause the account from 10 %'
        : 'puts the account under review from 5 %'
    hazards.push(`${percentOf(mail.bounce_rate)} of the mails bounce: SES ${consequence}`)
  }
  if (mail.error_rate > 0 && played !== undefined) {
    const lost = Math.round(model.recipients * mail.error_rate ** 4)
    if (lost > 0)
      hazards.push(`about ${lost} recipients fail although they could have been mailed: 4 attempts were not enough`)
  }
  if (
    mail.daily_quota !== undefined &&
    mail.daily_quota - mail.sent_today < model.recipients * 1.1 &&
    by.bottleneck?.name !== 'daily quota'
  ) {
    hazards.push(
      `the daily quota leaves ${Math.max(0, mail.daily_quota - mail.sent_today)} mails for ${model.recipients} recipients: no room for other mail that day`,
    )
  }
  return hazards
}

const whatIsHeld = ({ workers }: Model) =>
  workers.messages === 1 ? 'a message' : `the ${workers.messages} messages of an invocation`

const percentOf = (share: number) =>
  share > 0 && share < 0.1 ? `${Number((share * 100).toPrecision(2))} %` : percent(share)
