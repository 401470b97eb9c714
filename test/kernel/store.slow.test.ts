import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, it, onTestFinished } from 'vitest'
import { openStore } from '../../emulator/kernel/store.ts'

it('waits for its turn while other processes write, longer than chance keeps it from one', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'offload-busy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const store = openStore({ directory, file: 'ledger.db' })
  onTestFinished(() => store.close())
  store.define('CREATE TABLE rows (id INTEGER PRIMARY KEY)')
  const writer = new Worker(
    `const { DatabaseSync } = require('node:sqlite')
     const { parentPort, workerData } = require('node:worker_threads')
     const db = new DatabaseSync(workerData)
     db.exec('BEGIN IMMEDIATE')
     parentPort.postMessage('begun')
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
     db.exec('COMMIT')
     db.close()`,
    { eval: true, workerData: store.path },
  )
  const ended = once(writer, 'exit')
  await once(writer, 'message')
  expect((await store.write(() => store.run('INSERT INTO rows VALUES (1)'))).changes).toBe(1)
  await ended
}, 40_000)
