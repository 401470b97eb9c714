import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Model } from './model.ts'
import type { ThreadAnswer, ThreadRequest } from './simulate-thread.ts'
import { simulate, type Simulated, type SimulateOptions } from './simulate.ts'

/** Fewer are simulated before a thread has started; two runs of more would fill the memory of a small machine. */
const leastForThread = 5000
const mostForThread = 60_000

/** Runs simulations: each in a thread of its own, or, where that is not worth it or too much, here, one after the other. */
export function createSimulator({ threads = availableParallelism() > 1 } = {}) {
  let last: Promise<unknown> = Promise.resolve()
  return (model: Model, options: SimulateOptions): Promise<Simulated> => {
    if (threads && model.recipients >= leastForThread && model.recipients <= mostForThread)
      return inThread(model, options)
    // Two virtual clocks in one process would wait for each other.
    const run = last.then(() => simulate(model, options))
    last = run.catch(() => undefined)
    return run
  }
}

async function inThread(model: Model, { seed, onProgress }: SimulateOptions): Promise<Simulated> {
  const thread = startThread({ model, seed })
  try {
    return await new Promise<Simulated>((resolve, reject) => {
      thread.on('message', (message: ThreadAnswer) => {
        if (message.kind === 'simulated') resolve(message.simulated)
        else onProgress?.(message.done, message.total)
      })
      thread.on('error', reject)
      thread.on('exit', (code) => reject(new Error(`the thread of a simulation ended with exit code ${code}`)))
    })
  } finally {
    await thread.terminate()
  }
}

/** Its file has the suffix of this one: `.ts` in a checkout, `.js` in the package. */
function startThread(request: ThreadRequest): Worker {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = new URL(`./simulate-thread.${suffix}`, import.meta.url)
  // Node reads TypeScript by itself from 22.18 on; before that tsx does.
  const strips = process.features.typescript !== undefined && process.features.typescript !== false
  const execArgv = suffix === 'js' ? [] : strips ? ['--disable-warning=ExperimentalWarning'] : ['--import', 'tsx']
  return new Worker(entry, { workerData: request, execArgv })
}
