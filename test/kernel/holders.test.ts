import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { aloneOn, joinHolders } from '../../emulator/kernel/holders.ts'

function stateFile(): string {
  const made = mkdtempSync(join(tmpdir(), 'offload-holders-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  const file = join(made, 'ledger.db')
  writeFileSync(file, '')
  return file
}

it('who is alone takes everybody else for dead', () => {
  expect(aloneOn('embedded:2').isAlive('embedded:1')).toBe(false)
})

it('a holder lives until it leaves, and leaves nothing behind', () => {
  const file = stateFile()
  const one = joinHolders({ stateFile: file, name: 'worker-1' })
  const two = joinHolders({ stateFile: file, name: 'worker-2' })
  expect([one.isAlive('worker-1'), one.isAlive('worker-2'), two.isAlive('worker-1')]).toEqual([true, true, true])
  expect(one.isAlive('worker-3')).toBe(false)
  two.leave()
  expect(one.isAlive('worker-2')).toBe(false)
  one.leave()
  expect(readdirSync(`${file}-holders`)).toEqual([])
})

it('two that name the same file by other paths know of each other', () => {
  const file = stateFile()
  const link = join(dirname(file), 'link.db')
  symlinkSync(file, link)
  const one = joinHolders({ stateFile: file, name: 'worker-1' })
  const two = joinHolders({ stateFile: link, name: 'worker-2' })
  expect([one.isAlive('worker-2'), two.isAlive('worker-1')]).toEqual([true, true])
  one.leave()
  two.leave()
})

it('no two have one name', () => {
  const file = stateFile()
  const one = joinHolders({ stateFile: file, name: 'worker-1' })
  onTestFinished(() => one.leave())
  expect(() => joinHolders({ stateFile: file, name: 'worker-1' })).toThrow('another process is worker-1')
})

it('a process that was killed is dead at once, and its lock is cleared away', async () => {
  const file = stateFile()
  const program = `
    import { joinHolders } from ${JSON.stringify(new URL('../../emulator/kernel/holders.ts', import.meta.url).href)}
    joinHolders({ stateFile: ${JSON.stringify(file)}, name: 'worker-1' })
    process.stdout.write('joined')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const other = joinHolders({ stateFile: file, name: 'worker-2' })
  onTestFinished(() => other.leave())
  const before = other.isAlive('worker-1')
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  expect([before, other.isAlive('worker-1')]).toEqual([true, false])
  expect(existsSync(join(`${file}-holders`, 'worker-1.lock'))).toBe(false)
})
