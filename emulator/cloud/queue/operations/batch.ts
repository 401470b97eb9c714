import {
  batchEmpty,
  batchIdInvalid,
  batchIdsNotDistinct,
  batchTooMany,
  isQueueError,
  type QueueError,
} from '../errors.ts'

/** One entry that failed; the protocol's table makes its code and message. */
export interface FailedEntry {
  readonly Id: string
  readonly error: QueueError
}

/** What must hold of a batch as a whole; `entry` is the entry's name on the wire. */
export function checkBatch(entry: string, entries: readonly { readonly Id: string }[]): void {
  if (entries.length === 0) throw batchEmpty(entry)
  if (entries.length > 10) throw batchTooMany(entries.length)
  const seen = new Set<string>()
  for (const { Id: id } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(id)) throw batchIdInvalid()
    if (seen.has(id)) throw batchIdsNotDistinct(id)
    seen.add(id)
  }
}

/** Runs each entry by itself: one that is refused does not fail the others. Neither list is there when it is empty. */
export function eachEntry<Entry extends { readonly Id: string }, Done>(
  entries: readonly Entry[],
  run: (entry: Entry) => Done,
): { readonly done: readonly Done[]; readonly failed: readonly FailedEntry[] } {
  const done: Done[] = []
  const failed: FailedEntry[] = []
  for (const entry of entries) {
    try {
      done.push(run(entry))
    } catch (error) {
      if (!isQueueError(error)) throw error
      failed.push({ Id: entry.Id, error })
    }
  }
  return { done, failed }
}

export const batchAnswer = (successful: readonly object[], failed: readonly FailedEntry[]) => ({
  ...(successful.length > 0 && { Successful: successful }),
  ...(failed.length > 0 && { Failed: failed }),
})
