import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createIds } from '../../emulator/kernel/ids.ts'
import { boot } from '../../emulator/kernel/installation.ts'
import { openStore } from '../../emulator/kernel/store.ts'

const at = (changes: Partial<Parameters<typeof createIds>[0]> = {}) =>
  createIds({ seed: 's', installation: 'i', boot: 1, ...changes })

describe('ids', () => {
  it('are the same for the same seed, installation and boot', () => {
    const run = () => {
      const ids = at()
      return [ids.uuid('mail', 1), ids.next('job'), ids.next('job'), ids.stable(16, 'code', 7)]
    }
    expect(run()).toEqual(run())
    expect(new Set(run()).size).toBe(4)
  })

  it('are others in another boot, of another seed and another installation; only stable ones outlive the boot', () => {
    const other = [at({ boot: 2 }), at({ seed: 't' }), at({ installation: 'j' })]
    expect(new Set([at(), ...other].map((ids) => ids.next('job'))).size).toBe(4)
    expect(new Set([at(), ...other].map((ids) => ids.uuid('job', 1))).size).toBe(4)
    const [first, nextBoot, otherSeed, otherInstallation] = [at(), ...other].map((ids) => ids.stable(32, 'code'))
    expect([nextBoot, otherSeed]).toEqual([first, first])
    expect(otherInstallation).not.toBe(first)
  })

  it('are version 4 UUIDs in form, and keep ("a", "bc") and ("ab", "c") apart', () => {
    const identity = fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 })
    const ids = at()
    fc.assert(
      fc.property(identity, identity, (one, two) => {
        expect(ids.uuid(...one)).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
        expect(ids.uuid(...one) === ids.uuid(...two)).toBe(JSON.stringify(one) === JSON.stringify(two))
      }),
    )
    expect(ids.uuid('a', 'bc')).not.toBe(ids.uuid('ab', 'c'))
  })
})

describe('boot', () => {
  it('counts the starts of a state file, keeps its seed, and gives new ids each time', () => {
    const directory = mkdtempSync(join(tmpdir(), 'offload-boot-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const start = (seed?: string) => {
      const store = openStore({ directory })
      const { ids, ...rest } = boot({ store, seed })
      store.close()
      return { ...rest, id: ids.next('job'), code: ids.stable(16, 'code') }
    }
    const [first, second, third] = [start(), start(), start('mine')]
    expect([first.boot, second.boot, third.boot]).toEqual([1, 2, 3])
    expect([second.seed, third.seed]).toEqual([first.seed, 'mine'])
    expect(new Set([first.id, second.id, third.id]).size).toBe(3)
    expect([second.code, third.code]).toEqual([first.code, first.code])
  })

  it('refuses a state file of another version, with what to do', () => {
    const store = openStore({})
    onTestFinished(() => store.close())
    boot({ store })
    store.run("UPDATE meta SET value = '999' WHERE name = 'version'")
    expect(() => boot({ store })).toThrow(/999.*--data-dir/)
  })
})
