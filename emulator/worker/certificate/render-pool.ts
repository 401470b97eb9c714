import { Worker } from 'node:worker_threads'
import type { CertificatePort } from '../ports.ts'
import type { Press } from './press.ts'
import type { CertificateBatch, CertificateInput, RenderedCertificate } from './renderer.ts'

export interface RenderRequest {
  readonly batch: CertificateBatch
  readonly recipients: readonly CertificateInput[]
}

export interface CertificateRenderer extends CertificatePort {
  /** Ends the threads; what they are rendering becomes an error. */
  close(): Promise<void>
}

/** Small enough that the threads end together, large enough that talking to them costs nothing. */
const chunkSize = 16

interface Chunk extends RenderRequest {
  readonly done: (rendered: readonly RenderedCertificate[]) => void
}

/**
 * Renders in worker threads, which start when they are first needed; 0 threads renders in this one, in the order of the
 * calls and without a turn of the event loop between (virtual time, tests).
 */
export function createCertificateRenderer({
  threads,
  startThread = startRenderThread,
}: {
  readonly threads: number
  readonly startThread?: () => Worker
}): CertificateRenderer {
  if (threads === 0) return inlineRenderer()

  const waiting: Chunk[] = []
  const idle: Worker[] = []
  const busy = new Map<Worker, Chunk>()
  let closed = false

  const failed = ({ recipients }: RenderRequest, error: string): RenderedCertificate[] =>
    recipients.map(({ recipient }) => ({ recipient, error, temporary: true }))

  const start = (): Worker => {
    const worker = startThread()
    worker.on('message', (rendered: readonly RenderedCertificate[]) => {
      const chunk = busy.get(worker)
      busy.delete(worker)
      idle.push(worker)
      // An idle thread must not keep alive a process that has nothing else to do.
      worker.unref()
      chunk?.done(rendered)
      next()
    })
    const ended = (reason: string) => {
      const chunk = busy.get(worker)
      busy.delete(worker)
      const at = idle.indexOf(worker)
      if (at >= 0) idle.splice(at, 1)
      chunk?.done(failed(chunk, `the rendering thread ended: ${reason}`))
      next()
    }
    worker.on('error', (error) => ended(error instanceof Error ? error.message : String(error)))
    worker.on('exit', (code) => ended(`exit code ${code}`))
    return worker
  }

  const next = () => {
    while (waiting.length > 0) {
      const worker = idle.pop() ?? (busy.size < threads && !closed ? start() : undefined)
      if (worker === undefined) return
      const chunk = waiting.shift()
      if (chunk === undefined) return
      busy.set(worker, chunk)
      worker.ref()
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage({ batch: chunk.batch, recipients: chunk.recipients } satisfies RenderRequest)
    }
  }

  return {
    async render(batch, recipients) {
      if (closed) return failed({ batch, recipients }, 'the certificate renderer is closed')
      const chunks: Promise<readonly RenderedCertificate[]>[] = []
      // Few recipients are spread too: two threads have one each.
      const size = Math.max(1, Math.min(chunkSize, Math.ceil(recipients.length / threads)))
      for (let from = 0; from < recipients.length; from += size) {
        const part = recipients.slice(from, from + size)
        chunks.push(new Promise((done) => waiting.push({ batch, recipients: part, done })))
      }
      next()
      return (await Promise.all(chunks)).flat()
    },
    async close() {
      closed = true
      for (const chunk of waiting.splice(0)) chunk.done(failed(chunk, 'the certificate renderer was closed'))
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()))
    },
  }
}

function inlineRenderer(): CertificateRenderer {
  let press: Press | undefined
  return {
    async render(batch, recipients) {
      // The fonts and the PDF library cost half a second to load; an emulator that renders in threads never needs them here.
      press ??= (await import('./press.ts')).createPress()
      const rendered: RenderedCertificate[] = []
      for (const recipient of recipients) rendered.push(await press.render(batch, recipient))
      return rendered
    },
    close: () => Promise.resolve(),
  }
}

/** Starts `render-thread`, whose file has the suffix of this one: `.ts` in a checkout, `.js` in the package. */
export function startRenderThread(): Worker {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = new URL(`./render-thread.${suffix}`, import.meta.url)
  if (suffix === 'js') return new Worker(entry, { execArgv: [] })
  // Node reads TypeScript by itself from 22.18 on; before that tsx does.
  const strips = process.features.typescript !== undefined && process.features.typescript !== false
  return new Worker(entry, { execArgv: strips ? ['--disable-warning=ExperimentalWarning'] : ['--import', 'tsx'] })
}
