import type { Dialect, Shape } from './people.ts'

/** By which door messages go in. */
export type Way = 'api' | 'sqs' | 'worker-url'

/** What a script is told by `-e NAME=value`; times are milliseconds. */
export interface Settings {
  /** Base URL of the cloud, such as `http://127.0.0.1:4566`. */
  readonly target: string
  readonly way: Way
  /** Full URL of the SQS queue, where `way` is `sqs`. */
  readonly queueUrl: string
  readonly region: string
  readonly token: string
  readonly dialect: Dialect
  readonly shape: Shape
  readonly recipients: number
  /** Recipients in a message, where `shape` is `batches`. */
  readonly batch: number
  /** Recipients submitted a second. */
  readonly rate: number
  /** Calls a second of the first step and of the last, in scenarios that raise them. */
  readonly lowest: number
  readonly highest: number
  readonly budgetMs: number
  readonly durationMs: number
  readonly tenant: number
  /** Tells this run's ids from those of others: 1 to 999,999,999. */
  readonly run: number
  readonly certificates: boolean
  /** Where the target is to send callbacks; the target's own setting where it is empty. */
  readonly callbackUrl: string
  readonly callbackSecret: string
  /** A recipient's address: `{n}` is their ordinal, `{run}` the run. */
  readonly address: string
  /** Who counts: a URL that answers with `Figures`; the target's own control API where it is empty. */
  readonly figuresUrl: string
  /** A JSON file with the numbers of the messages to send; all where it is empty. */
  readonly messagesFile: string
  /** Whether each submission is told as a line of JSON in k6's log. */
  readonly events: boolean
}

export type Variables = Readonly<Record<string, string | undefined>>

const dialects: readonly Dialect[] = ['spec', 'detailed', 'flow', 'plugin']
const shapes: readonly Shape[] = ['batches', 'one-message', 'one-recipient-jobs']
const ways: readonly Way[] = ['api', 'sqs', 'worker-url']

/** Reads a script's variables; throws with the name of the one that is wrong. */
export function readSettings(variables: Variables): Settings {
  const text = (name: string, otherwise: string) => variables[name] || otherwise
  const whole = (name: string, otherwise: number, largest = 100_000_000) => {
    const value = Number(text(name, String(otherwise)))
    if (Number.isInteger(value) && value >= 1 && value <= largest) return value
    throw new Error(`${name}=${variables[name]}: must be a whole number from 1 to ${largest}`)
  }
  const one = <Name extends string>(name: string, known: readonly Name[], otherwise: Name): Name => {
    const value = text(name, otherwise)
    const found = known.find((each) => each === value)
    if (found !== undefined) return found
    throw new Error(`${name}=${value}: must be one of ${known.join(', ')}`)
  }
  const duration = (name: string, otherwise: string) => {
    const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text(name, otherwise)) ?? []
    const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]
    if (amount !== undefined && factor !== undefined) return Number(amount) * factor
    throw new Error(`${name}=${variables[name]}: must be a time such as 30s or 30m`)
  }

  const target = text('TARGET', 'http://127.0.0.1:4566').replace(/\/+$/, '')
  const way = one('WAY', ways, variables['QUEUE_URL'] ? 'sqs' : 'api')
  const shape = one('SHAPE', shapes, 'batches')
  const recipients = whole('RECIPIENTS', 50_000, 10_000_000)
  return {
    target,
    way,
    queueUrl: text('QUEUE_URL', `${target}/000000000000/manireports-jobs`),
    region: text('AWS_REGION', text('AWS_DEFAULT_REGION', regionOf(variables['QUEUE_URL']) ?? 'us-east-1')),
    token: text('TOKEN', text('OFFLOAD_INGEST_TOKEN', 'offload-dev-token')),
    dialect: one('DIALECT', dialects, 'spec'),
    shape,
    recipients,
    batch: shape === 'batches' ? whole('BATCH', 200, 10_000) : shape === 'one-message' ? recipients : 1,
    rate: whole('RATE', 5000),
    lowest: whole('LOWEST', 28),
    highest: whole('HIGHEST', 448),
    budgetMs: duration('BUDGET', '30m'),
    durationMs: duration('DURATION', '30s'),
    tenant: whole('TENANT', 1),
    run: whole('RUN', 1, 999_999_999),
    certificates: text('CERTIFICATES', 'true') !== 'false',
    callbackUrl: text('CALLBACK_URL', ''),
    callbackSecret: text('CALLBACK_SECRET', text('OFFLOAD_CALLBACK_SECRET', 'offload-dev-secret')),
    address: text('ADDRESS', 'load-{run}-{n}@load.test'),
    figuresUrl: text('FIGURES', ''),
    messagesFile: text('MESSAGES', ''),
    events: text('EVENTS', '') !== '',
  }
}

function regionOf(queueUrl: string | undefined): string | undefined {
  return /^https:\/\/sqs\.([a-z0-9-]+)\./.exec(queueUrl ?? '')?.[1]
}
