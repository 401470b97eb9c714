import type { Clock, Timer } from '../kernel/clock.ts'

/** How many of what happened in the last while were good. */
export interface Share {
  add(good: number, bad: number, at: number): void
  counts(): { readonly good: number; readonly bad: number }
  reset(): void
  stop(): void
}

interface Slice {
  readonly from: number
  good: number
  bad: number
}

const slices = 60

/** Counts over a window that moves in sixtieths of it; `changed` is called when something falls out of it. */
export function createShare({
  clock,
  windowMs,
  changed,
}: {
  clock: Clock
  windowMs: number
  changed: () => void
}): Share {
  const sliceMs = Math.max(1, windowMs / slices)
  let kept: Slice[] = []
  const sum = { good: 0, bad: 0 }
  let timer: Timer | undefined

  const expire = () => {
    const before = clock.now() - windowMs
    let gone = 0
    for (const { from, good, bad } of kept) {
      if (from + sliceMs > before) break
      sum.good -= good
      sum.bad -= bad
      gone++
    }
    kept.splice(0, gone)
    return gone > 0
  }
  const arm = () => {
    const [first] = kept
    if (timer !== undefined || first === undefined) return
    timer = clock.at(first.from + sliceMs + windowMs, () => {
      timer = undefined
      if (expire()) changed()
      arm()
    })
  }
  const stop = () => {
    timer?.cancel()
    timer = undefined
  }

  return {
    add(good, bad, at) {
      if (at <= clock.now() - windowMs) return
      const from = Math.floor(at / sliceMs) * sliceMs
      let slice = kept.at(-1)
      if (slice === undefined || slice.from < from) kept.push((slice = { from, good: 0, bad: 0 }))
      slice.good += good
      slice.bad += bad
      sum.good += good
      sum.bad += bad
      arm()
    },
    counts() {
      expire()
      // What was counted as good and turned out bad may outlive its slice.
      return { good: Math.max(0, sum.good), bad: Math.max(0, sum.bad) }
    },
    reset() {
      stop()
      kept = []
      sum.good = sum.bad = 0
    },
    stop,
  }
}
