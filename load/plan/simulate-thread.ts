import { parentPort, workerData } from 'node:worker_threads'
import type { Model } from './model.ts'
import { simulate, type Simulated } from './simulate.ts'

/** What the thread of one simulation is given. */
export interface ThreadRequest {
  readonly model: Model
  readonly seed: string
}

export type ThreadAnswer =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'simulated'; readonly simulated: Simulated }

const answer = (message: ThreadAnswer) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(message)
}

const { model, seed } = workerData as ThreadRequest
const simulated = await simulate(model, {
  seed,
  onProgress: (done, total) => answer({ kind: 'progress', done, total }),
})
answer({ kind: 'simulated', simulated })
