import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sleep, systemClock, virtualClock } from '../../emulator/kernel/clock.ts'

describe('the virtual clock', () => {
  it('stands still until it is told to move', async () => {
    const clock = virtualClock(1000)
    const fired: number[] = []
    clock.at(1000, () => fired.push(clock.now()))
    await new Promise((resolve) => setImmediate(resolve))
    expect([clock.now(), fired]).toEqual([1000, []])
    await clock.advance(0)
    expect(fired).toEqual([1000])
  })

  it('fires each timer once, at its own time, in order of time and then of setting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 8 }), async (delays) => {
        const clock = virtualClock(0)
        const fired: [delay: number, index: number][] = []
        delays.forEach((delay, index) => clock.at(delay, () => fired.push([clock.now(), index])))
        await clock.advance(10)
        await clock.advance(10)
        expect(fired).toEqual(delays.map((delay, index) => [delay, index]).toSorted(([a], [b]) => (a ?? 0) - (b ?? 0)))
        expect([clock.now(), clock.monotonic()]).toEqual([20, 20])
      }),
      { numRuns: 30 },
    )
  })

  it('runs timers that timers set, lets promises settle between, and leaves later and cancelled ones alone', async () => {
    const clock = virtualClock(0)
    const fired: string[] = []
    clock.at(5, () => {
      void Promise.resolve().then(() => clock.at(clock.deadline(3), () => fired.push(`chained at ${clock.now()}`)))
    })
    clock.at(9, () => fired.push(`plain at ${clock.now()}`))
    clock.at(11, () => fired.push('later'))
    clock.at(4, () => fired.push('cancelled')).cancel()
    await clock.advance(10)
    expect(fired).toEqual(['chained at 8', 'plain at 9'])
  })

  it('ends a sleep by time or by its signal', async () => {
    const clock = virtualClock(0)
    const stop = new AbortController()
    const ended: string[] = []
    const sleeps = [
      sleep(clock, 10).then(() => ended.push(`slept until ${clock.now()}`)),
      sleep(clock, 1000, stop.signal).then(() => ended.push('woken')),
      sleep(clock, 1000, AbortSignal.abort()).then(() => ended.push('never slept')),
    ]
    await clock.advance(10)
    expect(ended).toEqual(['never slept', 'slept until 10'])
    stop.abort()
    await Promise.all(sleeps)
    expect(ended).toContain('woken')
  })
})

describe('the system clock', () => {
  it('scales delays by its speed, and not the time', () => {
    const [normal, fast] = [systemClock(), systemClock({ speed: 1000 })]
    expect(Math.abs(fast.now() - normal.now())).toBeLessThan(1000)
    expect(fast.deadline(3_600_000) - fast.now()).toBeLessThanOrEqual(3600)
    expect(fast.deadline(3_600_000) - fast.now()).toBeGreaterThan(2600)
    expect(normal.deadline(3_600_000) - normal.now()).toBeGreaterThan(3_599_000)
  })

  it('never fires synchronously, never what is a month away, never what was cancelled', async () => {
    const clock = systemClock()
    const fired: string[] = []
    const far = clock.at(clock.now() + 40 * 86_400_000, () => fired.push('far'))
    clock.at(clock.now(), () => fired.push('cancelled')).cancel()
    const soon = new Promise<void>((resolve) => {
      clock.at(clock.now() - 1000, () => {
        fired.push('soon')
        resolve()
      })
    })
    expect(fired).toEqual([])
    await soon
    far.cancel()
    expect(fired).toEqual(['soon'])
  })
})
