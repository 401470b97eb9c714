export const changeKinds = ['breaking', 'advisory', 'additive'] as const
/** `breaking`: somebody who holds the old contract fails; `advisory`: he should look; `additive`: he need not. */
export type ChangeKind = (typeof changeKinds)[number]

/** Who writes a message: the plugin its jobs, the cloud its answers and callbacks. */
export type Sender = 'plugin' | 'cloud'

/** Who must change when the contract does. */
export type Affected = 'plugin' | 'callback receiver'

export interface Change {
  readonly kind: ChangeKind
  /** The document's file. */
  readonly file: string
  /** Where in the message or the API, such as `recipients[].email` or `POST /jobs 409`. */
  readonly path: string
  readonly what: string
  readonly why: string
  /** With `breaking` and `advisory`: whom. */
  readonly breaks?: Affected
}

/** A side of a message: who writes it, and who has to live with a change of it. */
export interface Polarity {
  readonly sender: Sender
  readonly affected: Affected
}

/** What the plugin sends must still be accepted. */
export const sentByPlugin: Polarity = { sender: 'plugin', affected: 'plugin' }
/** What the plugin reads must still be what it knows. */
export const answerToPlugin: Polarity = { sender: 'cloud', affected: 'plugin' }
/** What Moodle receives must still be what it knows. */
export const sentToReceiver: Polarity = { sender: 'cloud', affected: 'callback receiver' }
/** What Moodle answers must still be understood. */
export const answerOfReceiver: Polarity = { sender: 'plugin', affected: 'callback receiver' }

/** A difference before it is judged: are more messages possible now, or fewer? */
export interface Difference {
  readonly path: string
  readonly what: string
  readonly effect: Effect
}
/** `wider`: more is possible than before; `narrower`: less; `unclear`: neither could be proved. */
export type Effect =
  'wider' | 'narrower' | 'unclear' | 'field-added' | 'required-field-added' | 'field-removed' | 'required-field-removed'

type Judgement = readonly [ChangeKind, why: string]

/** What a receiver may rely on is the sender's promise; what a sender may write is the receiver's. */
const judgements: Readonly<Record<Sender, Readonly<Record<Effect, Judgement>>>> = {
  plugin: {
    wider: ['additive', 'what is sent today is still accepted'],
    narrower: ['breaking', 'what is sent today may be refused'],
    unclear: ['breaking', 'it cannot be shown that what is sent today is still accepted'],
    'field-added': ['additive', 'it may be left out'],
    'required-field-added': ['breaking', 'messages without it are refused'],
    'field-removed': ['advisory', 'it is still tolerated, but no longer read'],
    'required-field-removed': ['advisory', 'it is still tolerated, but no longer read'],
  },
  cloud: {
    wider: ['breaking', 'something may come that the reader does not know'],
    narrower: ['additive', 'all that may come was possible before'],
    unclear: ['breaking', 'it cannot be shown that all that may come was possible before'],
    'field-added': ['additive', 'readers ignore fields that they do not know'],
    'required-field-added': ['additive', 'it always comes, and readers ignore fields that they do not know'],
    'field-removed': ['breaking', 'a reader that uses it gets nothing any more'],
    'required-field-removed': ['breaking', 'a reader relies on it, and it does not come any more'],
  },
}

/** What a difference means, seen from whoever does not change. */
export function judge({ path, what, effect }: Difference, { sender, affected }: Polarity, file: string): Change {
  const [kind, why] = judgements[sender][effect]
  return { kind, file, path, what, why, ...(kind === 'additive' ? {} : { breaks: affected }) }
}
