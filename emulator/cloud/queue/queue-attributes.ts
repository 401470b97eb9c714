import { invalidAttributeValue, invalidValue, unknownAttribute } from './errors.ts'

export type QueueAttributes = Readonly<Record<string, string>>

export interface RedrivePolicy {
  /** Name of the dead-letter queue. */
  readonly target: string
  readonly maxReceiveCount: number
}

/** A queue's attributes as the engine uses them; times in milliseconds. */
export interface QueueSettings {
  readonly visibilityMs: number
  readonly delayMs: number
  readonly waitMs: number
  readonly maximumMessageSize: number
  readonly retentionMs: number
  readonly redrive: RedrivePolicy | undefined
  readonly redriveAllow: RedriveAllowPolicy
  /** Undefined in a standard queue. */
  readonly fifo: FifoSettings | undefined
}

export interface FifoSettings {
  /** The body's digest is the deduplication id where a message brings none. */
  readonly contentBased: boolean
  /** Deduplication looks at one message group, not at the whole queue. */
  readonly perGroup: boolean
}

/** Which queues may use this one for their dead letters. */
export interface RedriveAllowPolicy {
  readonly permission: 'allowAll' | 'denyAll' | 'byQueue'
  readonly sources: readonly string[]
}

export interface Rule {
  readonly standard?: string
  /** Throws, or answers the value as it is kept. */
  read(value: string, name: string): string
}

function whole(standard: number | undefined, least: number, most: number): Rule {
  return {
    ...(standard !== undefined && { standard: String(standard) }),
    read(value, name) {
      if (!/^\d{1,10}$/.test(value) || Number(value) < least || Number(value) > most) throw invalidAttributeValue(name)
      return String(Number(value))
    },
  }
}

function parseObject(value: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(value)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const jsonObject: Rule = {
  read(value, name) {
    if (parseObject(value) === undefined) throw invalidAttributeValue(name)
    return value
  },
}

const redrivePolicy: Rule = {
  read(value) {
    const refuse = (reason: string) => invalidValue(value, 'RedrivePolicy', reason)
    const policy = parseObject(value)
    if (policy === undefined) throw refuse('Redrive policy is not a valid JSON map.')
    const { deadLetterTargetArn: target, maxReceiveCount: count } = policy
    for (const name of ['deadLetterTargetArn', 'maxReceiveCount']) {
      if (policy[name] === undefined) throw refuse(`Redrive policy does not contain mandatory attribute: ${name}.`)
    }
    if (typeof target !== 'string' || !/^arn:aws:sqs:[^:]+:\d{12}:[^:]+$/.test(target)) {
      throw refuse('Dead letter target does not exist.')
    }
    const maximum = typeof count === 'string' && /^\d+$/.test(count) ? Number(count) : count
    if (typeof maximum !== 'number' || !Number.isInteger(maximum) || maximum < 1 || maximum > 1000) {
      throw refuse(
        `Invalid value for maxReceiveCount: ${String(count)}, valid values are from 1 to 1000 both inclusive.`,
      )
    }
    // One spelling, so that CreateQueue can compare.
    return JSON.stringify({ deadLetterTargetArn: target, maxReceiveCount: maximum })
  },
}

const redriveAllowPolicy: Rule = {
  read(value) {
    const unsupported = () =>
      invalidAttributeValue(
        'RedriveAllowPolicy',
        "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.",
      )
    const refuse = (reason: string) =>
      invalidValue(value, 'RedriveAllowPolicy', `Amazon SQS can't create the redrive allow policy. ${reason}`)
    const { redrivePermission: permission, sourceQueueArns: sources, ...others } = parseObject(value) ?? {}
    const isList = Array.isArray(sources) && sources.every((source) => typeof source === 'string')
    if (Object.keys(others).length > 0 || (sources !== undefined && !isList)) throw unsupported()
    if (permission !== 'allowAll' && permission !== 'denyAll' && permission !== 'byQueue') throw unsupported()
    if (permission !== 'byQueue') {
      if (sources === undefined) return JSON.stringify({ redrivePermission: permission })
      throw refuse('To specify one or more source queue ARNs, you must set redrivePermission to byQueue.')
    }
    if (!isList || sources.length === 0) {
      throw refuse(
        'When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.',
      )
    }
    if (sources.length > 10) throw refuse('You can specify up to 10 sourceQueueArns values.')
    return JSON.stringify({ redrivePermission: permission, sourceQueueArns: sources })
  },
}

function oneOf(standard: string, ...others: readonly string[]): Rule {
  return {
    standard,
    read(value, name) {
      if (value !== standard && !others.includes(value)) throw invalidAttributeValue(name)
      return value
    },
  }
}

const fifoRules: Readonly<Record<string, Rule>> = {
  // Only when the queue is created; nothing else is a FIFO queue's value.
  FifoQueue: oneOf('true'),
  ContentBasedDeduplication: oneOf('false', 'true'),
  DeduplicationScope: oneOf('queue', 'messageGroup'),
  FifoThroughputLimit: oneOf('perQueue', 'perMessageGroupId'),
}

/** What can be set, with AWS's limits and defaults. */
export function attributeRules(maximumMessageSize: number, fifo: boolean): Readonly<Record<string, Rule>> {
  return {
    ...(fifo && fifoRules),
    DelaySeconds: whole(0, 0, 900),
    MaximumMessageSize: whole(maximumMessageSize, 1024, maximumMessageSize),
    MessageRetentionPeriod: whole(345_600, 60, 1_209_600),
    ReceiveMessageWaitTimeSeconds: whole(0, 0, 20),
    VisibilityTimeout: whole(30, 0, 43_200),
    Policy: jsonObject,
    RedrivePolicy: redrivePolicy,
    RedriveAllowPolicy: redriveAllowPolicy,
    KmsMasterKeyId: { read: (value) => value },
    KmsDataKeyReusePeriodSeconds: whole(undefined, 60, 86_400),
    SqsManagedSseEnabled: oneOf('true', 'false'),
  }
}

/** Attributes that can be read only. */
export const computedAttributes = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
  'CreatedTimestamp',
  'LastModifiedTimestamp',
  'QueueArn',
] as const
export type ComputedAttribute = (typeof computedAttributes)[number]

// AWS removes these when they are set to nothing.
const removable = new Set(['Policy', 'RedrivePolicy', 'RedriveAllowPolicy', 'KmsMasterKeyId'])

/** Checks what a request wants to set; an empty value means "remove". */
export function readQueueAttributes(
  input: Readonly<Record<string, string>>,
  rules: Readonly<Record<string, Rule>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
      if (rule === undefined) throw unknownAttribute(name)
      return [name, value === '' && removable.has(name) ? '' : rule.read(value, name)]
    }),
  )
}

export function mergeAttributes(before: QueueAttributes, changes: QueueAttributes): QueueAttributes {
  return Object.fromEntries(Object.entries({ ...before, ...changes }).filter(([, value]) => value !== ''))
}

export function withDefaults(attributes: QueueAttributes, rules: Readonly<Record<string, Rule>>): QueueAttributes {
  const standard = Object.entries(rules).flatMap(([name, rule]) =>
    rule.standard === undefined ? [] : [[name, rule.standard] as const],
  )
  return { ...Object.fromEntries(standard), ...attributes }
}

export function settingsOf(all: QueueAttributes): QueueSettings {
  const policy = all.RedrivePolicy === undefined ? undefined : parseObject(all.RedrivePolicy)
  const allow = all.RedriveAllowPolicy === undefined ? undefined : parseObject(all.RedriveAllowPolicy)
  return {
    visibilityMs: Number(all.VisibilityTimeout) * 1000,
    delayMs: Number(all.DelaySeconds) * 1000,
    waitMs: Number(all.ReceiveMessageWaitTimeSeconds) * 1000,
    retentionMs: Number(all.MessageRetentionPeriod) * 1000,
    maximumMessageSize: Number(all.MaximumMessageSize),
    redrive: policy && {
      target: String(policy.deadLetterTargetArn).split(':').at(-1) ?? '',
      maxReceiveCount: Number(policy.maxReceiveCount),
    },
    redriveAllow: {
      permission: (allow?.redrivePermission as RedriveAllowPolicy['permission'] | undefined) ?? 'allowAll',
      sources: (allow?.sourceQueueArns as readonly string[] | undefined) ?? [],
    },
    fifo:
      all.FifoQueue === 'true'
        ? {
            contentBased: all.ContentBasedDeduplication === 'true',
            perGroup: all.DeduplicationScope === 'messageGroup',
          }
        : undefined,
  }
}
