import { parentPort } from 'node:worker_threads'
import { findScenario } from './catalogue.ts'
import { runScenario, type RunOptions } from './run-scenario.ts'

/** What a thread of `run-many.ts` is asked. */
export interface ThreadRequest extends RunOptions {
  readonly file: string
}

parentPort?.on('message', ({ file, ...options }: ThreadRequest) => {
  void runScenario(findScenario(file).scenario, options).then((result) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    parentPort?.postMessage(result)
  })
})
