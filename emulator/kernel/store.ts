import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { messageOf } from './errors.ts'

type Value = SQLInputValue

/**
 * The one state file. Everything that must outlive `kill -9` is in it, and every write goes through `write` or `tx`.
 * Rows are typed by the caller, beside the SQL that selects them.
 */
export interface Store {
  readonly path: string
  /** Whether what is written outlives the process: a service may keep in memory alone what need not. */
  readonly durable: boolean
  get<Row>(sql: string, ...values: Value[]): Row | undefined
  all<Row>(sql: string, ...values: Value[]): Row[]
  run(sql: string, ...values: Value[]): { changes: number; lastInsertRowid: number }
  /** Runs DDL; each service creates its own tables when it is constructed (`CREATE TABLE IF NOT EXISTS`). */
  define(sql: string): void
  /**
   * A synchronous transaction, durable when it returns. Inside another it is a part of that one: durable with it, and
   * undone alone where it throws. Never spans an `await`. A part costs about 5 µs, so single statements go without.
   */
  tx<T>(run: () => T): T
  /**
   * Group commit: `run` is executed in one transaction with whatever else is waiting in this turn of the event loop,
   * and the promise resolves when that transaction is on disk. A `run` that throws undoes its own changes only.
   */
  write<T>(run: () => T): Promise<T>
  /**
   * Runs `then` when the current transaction (or the current `write`) is on disk, not at all if it is undone. What it
   * throws goes to `onError`: nothing that happens then can undo what is on disk.
   */
  afterCommit(then: () => void): void
  /**
   * Runs `undo` if what encloses it (the `tx` or the `write`) is undone, the last one first: for what a service keeps in
   * memory beside its tables. Only inside a transaction.
   */
  onUndo(undo: () => void): void
  close(): void
}

export interface StoreOptions {
  /** The folder of the state file; without one a temporary file that goes when the store is closed. */
  readonly directory?: string
  /** The state file's name; `state.db` unless given. */
  readonly file?: string
  /** What an `afterCommit` threw; standard error unless given. */
  readonly onError?: (error: unknown) => void
  /** Whether a group may wait some real milliseconds for more to join it: not in virtual time. */
  readonly gathers?: boolean
}

/** One emulator's use of a state that outlives it. */
export interface Session extends Store {
  /** What `kill -9` leaves: what is committed stays, nothing else is written or heard of any more. */
  kill(): void
  readonly killed: boolean
}

/** A state in memory for one emulator after the other, as restarts and crashes have it. */
export interface Memory {
  session(): Session
  close(): void
}

/**
 * SQLite undid a whole transaction by itself, as it does where the disk is full or fails: nothing that ran in it is kept,
 * whatever its callers made of the error.
 */
class TransactionLost extends Error {
  constructor(cause?: unknown) {
    super(`the whole transaction was undone${cause === undefined ? '' : `: ${messageOf(cause)}`}`, { cause })
    this.name = 'TransactionLost'
  }
}

/** The longest that a group waits for more to join it, and how long it waits after the last that did; milliseconds. */
const longestGathering = 5
const longestQuiet = 1

interface Waiting {
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const toStandardError = (error: unknown) => {
  process.stderr.write(`offload: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
}

export function openStore({
  directory,
  file = 'state.db',
  onError = toStandardError,
  gathers = true,
}: StoreOptions): Store {
  const ephemeral = directory === undefined
  const folder = directory ?? mkdtempSync(join(tmpdir(), 'offload-'))
  const path = join(folder, file)
  if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true })
  const db = new DatabaseSync(path)
  db.exec(`
    -- Before all else: another process may be writing already. Whose turn it is, chance decides: with four that write all
    -- the time, one in a thousand waits for more than 5 s.
    PRAGMA busy_timeout = 30000;
    PRAGMA page_size = 8192;
    ${
      // What does not outlive the process needs no log on disk, and nobody else reads it: less than half the time. And a
      // log of 8 MB is soon written over again: a sync that must not lengthen the file takes half as long.
      ephemeral
        ? 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;'
        : 'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;'
    }
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = ${ephemeral ? -131_072 : -32_768};
    -- Else what a savepoint would restore is written to a file from 64 KB on: a third of a group's time.
    PRAGMA temp_store = MEMORY;
  `)

  return useDatabase(db, {
    path,
    onError,
    durable: !ephemeral,
    gathers: gathers && !ephemeral,
    statements: new Map(),
    onClose() {
      db.close()
      if (ephemeral) rmSync(folder, { recursive: true, force: true })
    },
  })
}

export function openMemory({ onError = toStandardError }: Pick<StoreOptions, 'onError'> = {}): Memory {
  const db = new DatabaseSync(':memory:')
  db.exec('PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY')
  const statements = new Map<string, StatementSync>()
  return {
    session: () =>
      useDatabase(db, {
        path: ':memory:',
        durable: true,
        onError,
        gathers: false,
        statements,
        onClose: () => undefined,
      }),
    close: () => db.close(),
  }
}

interface Use {
  readonly path: string
  readonly durable: boolean
  readonly onError: (error: unknown) => void
  readonly gathers: boolean
  /** Compiled once for all who use the database one after the other. */
  readonly statements: Map<string, StatementSync>
  readonly onClose: () => void
}

function useDatabase(db: DatabaseSync, { path, durable, onError, gathers, statements, onClose }: Use): Session {
  /** How many parts are open, one in the other; of these SQLite knows the outer `begun`. */
  let depth = 0
  let begun = 0
  let undos: (() => void)[] = []
  let lost: TransactionLost | undefined
  let committed: (() => void)[] = []
  let waiting: Waiting[] = []
  let closed = false
  let killed = false
  // On a disk whose sync takes milliseconds, writers that come one by one would each pay for it: where the last group was
  // one of several, the next one waits about as long as the last sync took. A lone writer never waits.
  let gathering = 0
  let joined = 0

  // Outside a transaction each statement would be one of its own, and SAVEPOINT would begin one.
  const refuseWhatIsLost = () => {
    if (begun > 0 && !db.isTransaction) throw (lost ??= new TransactionLost())
  }

  const compiled = (sql: string) => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = db.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  /** A statement without an answer, compiled once. */
  const execute = (sql: string) => void compiled(sql).run()
  // A part that asks and changes nothing costs nothing: it begins with its first statement.
  const begin = () => {
    refuseWhatIsLost()
    for (; begun < depth; begun++) execute(begun === 0 ? 'BEGIN IMMEDIATE' : 'SAVEPOINT part')
  }
  const prepare = (sql: string) => {
    begin()
    return compiled(sql)
  }

  const callSafely = (then: () => void) => {
    try {
      then()
    } catch (error) {
      onError(error)
    }
  }

  const undoSince = (before: number) => {
    for (const undo of undos.splice(before).toReversed()) callSafely(undo)
  }

  const transaction = <T>(run: () => T): T => {
    depth++
    let value: T
    try {
      value = run()
      refuseWhatIsLost()
      if (begun > 0) execute('COMMIT')
    } catch (error) {
      committed = []
      if (begun > 0 && db.isTransaction) db.exec('ROLLBACK')
      undoSince(0)
      throw error
    } finally {
      depth--
      begun = 0
      lost = undefined
      undos = []
    }
    if (committed.length === 0) return value
    const then = committed
    committed = []
    for (const call of then) callSafely(call)
    return value
  }

  const savepoint = <T>(run: () => T): T => {
    refuseWhatIsLost()
    const [committedBefore, undosBefore] = [committed.length, undos.length]
    const level = ++depth
    try {
      const value = run()
      refuseWhatIsLost()
      if (begun === level) execute('RELEASE part')
      return value
    } catch (error) {
      committed.length = committedBefore
      undoSince(undosBefore)
      if (begun > 0 && !db.isTransaction) throw (lost ??= new TransactionLost(error))
      if (begun === level) db.exec('ROLLBACK TO part; RELEASE part')
      throw error
    } finally {
      depth--
      begun = Math.min(begun, depth)
    }
  }

  // Alone it is the whole transaction, and needs no savepoint.
  const flushOne = ({ run, resolve, reject }: Waiting) => {
    gathering = 0
    let value: unknown
    try {
      value = transaction(run)
    } catch (error) {
      reject(error)
      return
    }
    resolve(value)
  }

  const flush = () => {
    const group = waiting
    waiting = []
    if (group.length === 0) return
    const [only] = group
    if (only !== undefined && group.length === 1) {
      flushOne(only)
      return
    }
    const settle: (() => void)[] = []
    const began = performance.now()
    try {
      transaction(() => {
        for (const { run, resolve, reject } of group) {
          try {
            const value = savepoint(run)
            settle.push(() => resolve(value))
          } catch (error) {
            if (lost !== undefined) throw lost
            settle.push(() => reject(error))
          }
        }
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    const took = performance.now() - began
    gathering = !gathers || group.length < 2 || took < 1 ? 0 : Math.min(took, longestGathering)
    for (const call of settle) call()
  }

  const schedule = () => {
    if (gathering === 0) {
      setImmediate(flush)
      return
    }
    const until = performance.now() + gathering
    // By turns of the loop, since a timer would sleep on when everybody who may come is there.
    const look = () => {
      const now = performance.now()
      if (now < until && now - joined < longestQuiet) setImmediate(look)
      else flush()
    }
    setImmediate(look)
  }

  return {
    path,
    durable,
    get: <Row>(sql: string, ...values: Value[]) =>
      killed ? undefined : (prepare(sql).get(...values) as Row | undefined),
    all: <Row>(sql: string, ...values: Value[]) => (killed ? [] : (prepare(sql).all(...values) as Row[])),
    run(sql, ...values) {
      if (killed) return { changes: 0, lastInsertRowid: 0 }
      const { changes, lastInsertRowid } = prepare(sql).run(...values)
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) }
    },
    define(sql) {
      refuseWhatIsLost()
      db.exec(sql)
    },
    tx<T>(run: () => T) {
      // A dead process does nothing any more, and throws at nobody.
      if (killed) return undefined as T
      return depth > 0 ? savepoint(run) : transaction(run)
    },
    write<T>(run: () => T) {
      return new Promise<T>((resolve, reject) => {
        // Nobody hears of what a dead process would have done.
        if (killed) return
        if (closed) return reject(new Error('the state file is closed'))
        joined = performance.now()
        if (waiting.length === 0) schedule()
        waiting.push({ run, resolve: resolve as (value: unknown) => void, reject })
      })
    },
    afterCommit(then) {
      if (depth === 0) callSafely(then)
      else committed.push(then)
    },
    onUndo(undo) {
      if (depth > 0) undos.push(undo)
    },
    close() {
      if (closed) return
      closed = true
      flush()
      onClose()
    },
    get killed() {
      return killed
    },
    kill() {
      killed = true
      closed = true
      waiting = []
    },
  }
}
