import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStore, type Store } from '../../emulator/kernel/store.ts'

function opened({ durable = false } = {}): Store & { readonly errors: unknown[] } {
  const errors: unknown[] = []
  const directory = durable ? mkdtempSync(join(tmpdir(), 'offload-store-')) : undefined
  const store = openStore({ ...(directory === undefined ? {} : { directory }), onError: (error) => errors.push(error) })
  onTestFinished(() => {
    store.close()
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
  })
  store.define('CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB)')
  return { ...store, errors }
}

const add = (store: Store, n: number) => store.run('INSERT INTO t (n) VALUES (?)', n)
const numbers = (store: Store) => store.all<{ n: number }>('SELECT n FROM t ORDER BY n').map(({ n }) => n)
const fail = (reason: string) => () => {
  throw new Error(reason)
}

/** No page more than now, so that the next large row finds the disk full: SQLite then undoes the whole transaction. */
function fillDisk(store: Store): () => void {
  const { page_count: pages } = store.get<{ page_count: number }>('PRAGMA page_count') ?? { page_count: 1 }
  store.get(`PRAGMA max_page_count = ${pages}`)
  return () => void store.run('INSERT INTO t (n, body) VALUES (?, zeroblob(1000000))', 1_000_000)
}

describe('tx', () => {
  it('is on disk, for other connections too, when it returns', () => {
    const store = opened({ durable: true })
    store.tx(() => add(store, 1))
    const other = new DatabaseSync(store.path, { readOnly: true })
    onTestFinished(() => other.close())
    expect(other.prepare('SELECT n FROM t').all()).toEqual([{ n: 1 }])
  })

  it('undoes everything where it throws', () => {
    const store = opened()
    expect(() =>
      store.tx(() => {
        add(store, 1)
        store.tx(() => add(store, 2))
        fail('no')()
      }),
    ).toThrow('no')
    expect(numbers(store)).toEqual([])
  })

  it('inside another, undoes its own part only where it throws, with what it wanted to do afterwards', () => {
    const store = opened()
    const called: string[] = []
    store.tx(() => {
      add(store, 1)
      store.afterCommit(() => called.push('outer'))
      expect(() =>
        store.tx(() => {
          add(store, 2)
          store.afterCommit(() => called.push('part'))
          store.tx(() => add(store, 3))
          fail('part')()
        }),
      ).toThrow('part')
      store.tx(() => add(store, 4))
    })
    expect(numbers(store)).toEqual([1, 4])
    expect(called).toEqual(['outer'])
  })
})

describe('write', () => {
  it('commits those of one turn together, in their order, and resolves when they are on disk', async () => {
    const store = opened({ durable: true })
    const other = new DatabaseSync(store.path, { readOnly: true })
    onTestFinished(() => other.close())
    const seen = () => Number(other.prepare('SELECT count(*) AS rows FROM t').get()?.['rows'])
    const order: unknown[] = []
    const writes = [1, 2, 3].map((n) =>
      store
        .write(() => {
          order.push(`run ${n}, ${seen()} on disk`)
          store.afterCommit(() => order.push(`after ${n}, ${seen()} on disk`))
          add(store, n)
          return n * 10
        })
        .then((value) => order.push(`answer ${value}`)),
    )
    expect(order).toEqual([])
    await Promise.all(writes)
    expect(order).toEqual([
      'run 1, 0 on disk',
      'run 2, 0 on disk',
      'run 3, 0 on disk',
      'after 1, 3 on disk',
      'after 2, 3 on disk',
      'after 3, 3 on disk',
      'answer 10',
      'answer 20',
      'answer 30',
    ])
  })

  it('a member that throws undoes and rejects itself alone', async () => {
    const store = opened()
    const called: number[] = []
    const member = (n: number) =>
      store.write(() => {
        add(store, n)
        store.afterCommit(() => called.push(n))
        if (n === 2) fail('second')()
      })
    const results = await Promise.allSettled([1, 2, 3].map(member))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect([numbers(store), called]).toEqual([
      [1, 3],
      [1, 3],
    ])
  })

  it('rejects the whole group where SQLite undid the whole transaction, also where a member swallowed the error', async () => {
    const store = opened()
    const overfill = fillDisk(store)
    const called: number[] = []
    const first = () =>
      store.write(() => {
        add(store, 1)
        store.afterCommit(() => called.push(1))
      })
    const last = () => store.write(() => add(store, 3))

    const thrown = await Promise.allSettled([first(), store.write(overfill), last()])
    expect(thrown.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect((thrown[0] as PromiseRejectedResult).reason).toMatchObject({ message: expect.stringContaining('full') })

    const swallowing = () => {
      try {
        store.tx(overfill)
      } catch {
        // As one that has another way would.
      }
    }
    const swallowed = await Promise.allSettled([first(), store.write(swallowing), last()])
    expect(swallowed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect([numbers(store), called]).toEqual([[], []])

    await last()
    expect(numbers(store)).toEqual([3])
  })

  it('what goes on after a lost transaction writes nothing on its own', () => {
    const store = opened()
    const overfill = fillDisk(store)
    expect(() =>
      store.tx(() => {
        expect(overfill).toThrow('full')
        add(store, 2)
      }),
    ).toThrow('undone')
    expect(() =>
      store.tx(() => {
        expect(overfill).toThrow('full')
        store.tx(() => undefined)
      }),
    ).toThrow('undone')
    expect(numbers(store)).toEqual([])
  })

  it('is refused once the store is closed; what waits at the close is written', async () => {
    const store = opened({ durable: true })
    const waiting = store.write(() => add(store, 1).changes)
    store.close()
    expect(await waiting).toBe(1)
    await expect(store.write(() => add(store, 2))).rejects.toThrow('closed')
    const again = openStore({ directory: dirname(store.path) })
    onTestFinished(() => again.close())
    expect(numbers(again)).toEqual([1])
  })
})

describe('afterCommit', () => {
  it('one that throws harms neither the transaction, nor the group, nor the others', async () => {
    const store = opened()
    const called: number[] = []
    const member = (n: number) =>
      store.write(() => {
        add(store, n)
        store.afterCommit(() => called.push(n))
        store.afterCommit(fail(`after ${n}`))
      })
    await Promise.all([member(1), member(2)])
    const value = store.tx(() => {
      store.afterCommit(fail('after tx'))
      store.afterCommit(() => called.push(3))
      return 'kept'
    })
    store.afterCommit(fail('outside'))
    expect([value, numbers(store), called]).toEqual(['kept', [1, 2], [1, 2, 3]])
    expect(store.errors).toEqual(['after 1', 'after 2', 'after tx', 'outside'].map((reason) => new Error(reason)))
  })

  it('may begin a transaction of its own', () => {
    const store = opened()
    const called: string[] = []
    store.tx(() => {
      store.afterCommit(() => {
        store.tx(() => {
          add(store, 2)
          store.afterCommit(() => called.push('inner'))
        })
        called.push('outer')
      })
    })
    expect([numbers(store), called]).toEqual([[2], ['inner', 'outer']])
  })
})

it('without a directory, the file goes when the store is closed', () => {
  const store = opened()
  expect(existsSync(store.path)).toBe(true)
  store.close()
  expect(existsSync(dirname(store.path))).toBe(false)
})

describe('onUndo', () => {
  it('is called for what is undone, the last one first, and for nothing else', () => {
    const store = opened()
    const undone: string[] = []
    const step = (name: string) => store.onUndo(() => undone.push(name))
    store.tx(() => {
      step('kept')
      expect(() =>
        store.tx(() => {
          step('first')
          store.tx(() => step('second'))
          fail('no')()
        }),
      ).toThrow('no')
      expect(undone).toEqual(['second', 'first'])
    })
    expect(() =>
      store.tx(() => {
        step('alone')
        fail('no')()
      }),
    ).toThrow('no')
    expect(undone).toEqual(['second', 'first', 'alone'])
  })

  it('is called where SQLite undid the whole transaction, for all of it', async () => {
    const store = opened()
    const overflow = fillDisk(store)
    const undone: string[] = []
    const results = await Promise.allSettled([
      store.write(() => store.onUndo(() => undone.push('first'))),
      store.write(overflow),
    ])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(undone).toEqual(['first'])
  })
})

it('a transaction that asks nothing of the database never begins one', () => {
  const store = opened({ durable: true })
  const other = new DatabaseSync(store.path)
  onTestFinished(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  expect(store.tx(() => store.tx(() => 'nothing asked'))).toBe('nothing asked')
  other.exec('ROLLBACK')
})
