import { drawDelay, identityOf, isChosen, type Subject } from '../../../contracts/faults/decide.ts'
import { hasMagic, magicRules } from '../../../contracts/faults/magic.ts'
import type { EffectName, OperationName } from '../../../contracts/faults/operations.ts'
import { rulesOf, type Effect, type Rule, type ruleInput } from '../../../contracts/faults/rule.ts'
import { effectInWords } from '../../../contracts/faults/words.ts'
import type { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { Journal } from '../journal.ts'
import type { Store } from '../store.ts'

/** A fault that hits one call. */
export interface Struck {
  readonly rule: string
  readonly effect: Effect
  /** What was drawn for this call where the effect is a delay; a delay, scaled by `--speed`. */
  readonly delayMs: number
}

export type ParsedRule = z.output<typeof ruleInput>

export interface RuleView extends Rule {
  readonly hits: number
  /** Epoch milliseconds. */
  readonly setAt: number
  /** Where the rule has a window: whether it is open now. */
  readonly open?: boolean
}

/** What is to go wrong. Asked once on each operation's path, by the operation's name. */
export interface Faults {
  /** Whether any rule is set at all. */
  any(): boolean
  /** Whether any rule is set for the operation; asked first, since what a subject is made from may cost something. */
  active(operation: OperationName): boolean
  /**
   * The first rule that hits this subject, written down and counted; magic addresses come last. Where an operation has
   * several places for its effects, each asks for its own (`among`).
   */
  strike(operation: OperationName, subject: Subject, among?: ReadonlySet<EffectName>): Struck | undefined
  list(): RuleView[]
  /** Replaces all rules; windows begin to count now. */
  set(rules: readonly ParsedRule[]): RuleView[]
  clear(): void
  /** Forgets who was hit how often; the rules stay. */
  reset(tenant?: number): void
}

interface Row {
  readonly name: string
  readonly rule: string
  readonly hits: number
  readonly set_at: number
  readonly from_at: number | null
  readonly until_at: number | null
}

interface Set extends Rule {
  readonly row: Omit<Row, 'rule' | 'hits'> | undefined
}

/** Effects after which the same thing is tried again: without `times` they happen once to each. */
const onceByDefault = new Set<Effect['kind']>(['crash', 'late', 'early', 'reorder', 'out-of-order', 'duplicate'])

export function createFaults({
  store,
  clock,
  journal,
  seed,
}: {
  store: Store
  clock: Clock
  journal: Journal
  seed: string
}): Faults {
  store.define(`
    CREATE TABLE IF NOT EXISTS fault_rules (
      position INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      rule TEXT NOT NULL,
      hits INTEGER NOT NULL DEFAULT 0,
      set_at INTEGER NOT NULL,
      from_at INTEGER,
      until_at INTEGER
    );
    CREATE TABLE IF NOT EXISTS fault_attempts (
      rule TEXT NOT NULL,
      identity TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      PRIMARY KEY (rule, identity)
    ) WITHOUT ROWID;
  `)

  const rows = () => store.all<Row>('SELECT * FROM fault_rules ORDER BY position')
  const byOperation = new Map<OperationName, Set[]>()
  const magic = new Map<OperationName, Set[]>()

  const enter = (into: Map<OperationName, Set[]>, rule: Set) => {
    for (const operation of rule.at) into.set(operation, [...(into.get(operation) ?? []), rule])
  }
  const load = () => {
    byOperation.clear()
    for (const { rule, hits: _hits, ...row } of rows()) enter(byOperation, { ...(JSON.parse(rule) as Rule), row })
  }
  for (const rule of magicRules) enter(magic, { ...rule, row: undefined })
  load()

  const isOpen = ({ from_at: from, until_at: until }: Pick<Row, 'from_at' | 'until_at'>) => {
    const now = clock.now()
    return (from === null || now >= from) && (until === null || now < until)
  }

  const count = (rule: string, operation: OperationName, subject: Subject): number => {
    const row = store.get<{ attempts: number }>(
      `INSERT INTO fault_attempts VALUES (?, ?, 1)
       ON CONFLICT DO UPDATE SET attempts = attempts + 1 RETURNING attempts`,
      rule,
      JSON.stringify([...identityOf(subject), operation]),
    )
    return row?.attempts ?? 1
  }

  const note = ({ name, row }: Set, operation: OperationName, subject: Subject, { effect, delayMs }: Struck) => {
    if (row !== undefined) store.run('UPDATE fault_rules SET hits = hits + 1 WHERE name = ?', name)
    const { tenant, job, recipient, attempt } = subject
    journal.record({
      type: 'fault.injected',
      rule: name,
      operation,
      kind: effect.kind,
      effect: effectInWords(effect, delayMs),
      ...(tenant === undefined ? {} : { tenant }),
      ...(job === undefined ? {} : { job }),
      ...(recipient === undefined ? {} : { recipient }),
      ...(attempt === undefined ? {} : { attempt }),
    })
  }

  const tryRule = (rule: Set, operation: OperationName, subject: Subject): Struck | undefined => {
    const window = rule.row === undefined || isOpen(rule.row)
    if (!isChosen(rule, { seed, operation, subject, window })) return undefined
    const { effect, name } = rule
    const once = onceByDefault.has(effect.kind)
    const times = rule.when.times ?? (once ? 1 : undefined)
    const strike = (attempt: number): Struck | undefined => {
      if (times !== undefined && attempt > times) return undefined
      const drawn = 'delay' in effect ? drawDelay(effect.delay, seed, name, ...identityOf(subject), attempt) : 0
      return { rule: name, effect, delayMs: drawn }
    }
    // Where nobody else counts, or what is hit comes again uncounted, the engine counts, and durably: a worker that dies
    // at its first attempt must not die at the same for ever.
    if (times !== undefined && (once || subject.attempt === undefined)) {
      return store.tx(() => {
        const struck = strike(count(name, operation, subject))
        if (struck !== undefined) note(rule, operation, subject, struck)
        return struck
      })
    }
    const struck = strike(subject.attempt ?? 1)
    if (struck === undefined) return undefined
    // With whatever else is written in this turn; that it cannot be written is said by whoever writes next.
    store.write(() => note(rule, operation, subject, struck)).catch(() => undefined)
    return struck
  }

  const first = (
    rules: readonly Set[] | undefined,
    operation: OperationName,
    subject: Subject,
    among: ReadonlySet<EffectName> | undefined,
  ) => {
    for (const rule of rules ?? []) {
      if (among?.has(rule.effect.kind) === false) continue
      const struck = tryRule(rule, operation, subject)
      if (struck !== undefined) return struck
    }
    return undefined
  }

  const list = () =>
    rows().map((row): RuleView => {
      const rule = JSON.parse(row.rule) as Rule
      const open = rule.when.window === undefined ? {} : { open: isOpen(row) }
      return { ...rule, hits: row.hits, setAt: row.set_at, ...open }
    })

  const windowOf = ({ when: { window } }: Rule): [from: number | null, until: number | null] => {
    if (window === undefined) return [null, null]
    if (!('after' in window)) return [window.from ?? null, window.until ?? null]
    const until = window.for === undefined ? null : Math.ceil(clock.deadline(window.after + window.for))
    return [Math.ceil(clock.deadline(window.after)), until]
  }

  const replace = (rules: readonly Rule[]) =>
    store.tx(() => {
      store.run('DELETE FROM fault_rules')
      store.run('DELETE FROM fault_attempts')
      for (const rule of rules) {
        store.run(
          'INSERT INTO fault_rules (name, rule, set_at, from_at, until_at) VALUES (?, ?, ?, ?, ?)',
          rule.name,
          JSON.stringify(rule),
          clock.now(),
          ...windowOf(rule),
        )
      }
      journal.record({ type: 'faults.set', rules: rules.map(({ name }) => name) })
      store.afterCommit(load)
    })

  return {
    any: () => byOperation.size > 0,
    active: (operation) => byOperation.has(operation),
    strike(operation, subject, among) {
      const struck = first(byOperation.get(operation), operation, subject, among)
      if (struck !== undefined || !magic.has(operation) || !hasMagic(subject)) return struck
      return first(magic.get(operation), operation, subject, among)
    },
    list,
    set(parsed) {
      replace(rulesOf(parsed))
      return list()
    },
    clear: () => replace([]),
    reset(tenant) {
      if (tenant === undefined) store.run('DELETE FROM fault_attempts')
      else store.run(`DELETE FROM fault_attempts WHERE identity LIKE ? || '%'`, `[${tenant},`)
    },
  }
}
