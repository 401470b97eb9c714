import { expect, it } from 'vitest'
import { openMemory } from '../../emulator/kernel/store.ts'

it('outlives the sessions on it; a kill leaves what was committed, and nothing else', async () => {
  const memory = openMemory()
  const first = memory.session()
  first.define('CREATE TABLE kept (n INTEGER)')
  first.tx(() => first.run('INSERT INTO kept VALUES (1)'))
  await first.write(() => first.run('INSERT INTO kept VALUES (2)'))
  let heard = 'nothing'
  void first
    .write(() => first.run('INSERT INTO kept VALUES (3)'))
    .finally(() => {
      heard = 'something'
    })
  first.kill()
  void first.write(() => first.run('INSERT INTO kept VALUES (4)'))
  first.tx(() => first.run('INSERT INTO kept VALUES (5)'))
  await new Promise((resolve) => setImmediate(resolve))
  expect([first.killed, heard, first.all('SELECT n FROM kept')]).toEqual([true, 'nothing', []])

  const second = memory.session()
  expect(second.all('SELECT n FROM kept')).toEqual([{ n: 1 }, { n: 2 }])
  const last = second.write(() => second.run('INSERT INTO kept VALUES (6)'))
  second.close()
  await last
  expect(memory.session().all('SELECT n FROM kept')).toHaveLength(3)
  memory.close()
})
