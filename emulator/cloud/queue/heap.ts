/** What lies in a heap knows where: it can be taken out from the middle. */
export interface Placed {
  place: number
}

/** A binary heap: adding, removing and finding the first cost the logarithm of its size, the first alone nothing. */
export interface Heap<T extends Placed> {
  readonly size: number
  top(): T | undefined
  push(item: T): void
  remove(item: T): void
  /** The first `most` in their order; they stay. */
  first(most: number): T[]
  /** All of them, in no order. */
  items(): readonly T[]
}

export function createHeap<T extends Placed>(before: (one: T, other: T) => boolean): Heap<T> {
  const items: T[] = []

  const put = (item: T, place: number) => {
    items[place] = item
    item.place = place
  }
  const rise = (item: T, from: number) => {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = items[above] as T
      if (!before(item, parent)) break
      put(parent, place)
      place = above
    }
    put(item, place)
  }
  const sink = (item: T, from: number) => {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= items.length) break
      if (below + 1 < items.length && before(items[below + 1] as T, items[below] as T)) below++
      const child = items[below] as T
      if (!before(child, item)) break
      put(child, place)
      place = below
    }
    put(item, place)
  }

  return {
    get size() {
      return items.length
    },
    top: () => items[0],
    push(item) {
      items.push(item)
      rise(item, items.length - 1)
    },
    remove(item) {
      const place = item.place
      const last = items.pop() as T
      if (last === item) return
      if (place > 0 && before(last, items[(place - 1) >> 1] as T)) rise(last, place)
      else sink(last, place)
    },
    first(most) {
      if (most <= 0 || items.length === 0) return []
      if (most === 1) return items.slice(0, 1)
      if (most >= items.length / 4) {
        return items.toSorted((one, other) => (before(one, other) ? -1 : 1)).slice(0, most)
      }
      // Only a child of what was chosen can be next.
      const found: T[] = []
      const candidates = [0]
      while (found.length < most && candidates.length > 0) {
        let best = 0
        for (let at = 1; at < candidates.length; at++) {
          if (before(items[candidates[at] as number] as T, items[candidates[best] as number] as T)) best = at
        }
        const chosen = candidates[best] as number
        const last = candidates.pop() as number
        if (best < candidates.length) candidates[best] = last
        found.push(items[chosen] as T)
        for (const child of [2 * chosen + 1, 2 * chosen + 2]) if (child < items.length) candidates.push(child)
      }
      return found
    },
    items: () => items,
  }
}
