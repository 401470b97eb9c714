import { Worker } from 'node:worker_threads'
import type { Press } from './press.ts'
import type { RenderRequest } from './render-thread.ts'
import type { CertificateBatch, CertificateInput, RenderedCertificate } from './renderer.ts'

export interface CertificateRenderer {
  render(batch: CertificateBatch, recipients: readonly CertificateInput[]): Promise<readonly RenderedCertificate[]>
  /** Ends the threads; what they are rendering becomes an error. */
  close(): Promise<void>
}

/**
 * How many certificates share fonts that are cut to them. Fixed, so that the same call gives the same bytes on any number
 * of threads.
 */
const shareAtMost = 200
/** A thread is sent a layout once, and forgets the one that it has used least recently of more than these. */
const layoutsAtMost = 32

interface Share {
  readonly batch: CertificateBatch
  readonly recipients: readonly CertificateInput[]
  readonly done: (rendered: readonly RenderedCertificate[]) => void
}

interface Thread {
  readonly worker: Worker
  /** The ids of the layouts that it has, the latest last. */
  readonly layouts: Set<string>
}

/**
 * Renders in worker threads, which start when they are first needed; 0 threads renders in this one, in the order of the
 * calls (virtual time, tests).
 */
export function createCertificateRenderer({
  threads,
  startThread = startRenderThread,
}: {
  readonly threads: number
  readonly startThread?: () => Worker
}): CertificateRenderer {
  if (threads === 0) return inlineRenderer()

  const waiting: Share[] = []
  const idle: Thread[] = []
  const busy = new Map<Thread, Share>()
  let closed = false

  const failed = (recipients: readonly CertificateInput[], error: string): RenderedCertificate[] =>
    recipients.map(({ recipient }) => ({ recipient, error, temporary: true }))

  const start = (): Thread => {
    const thread: Thread = { worker: startThread(), layouts: new Set() }
    const { worker } = thread
    worker.on('message', (rendered: readonly RenderedCertificate[]) => {
      const share = busy.get(thread)
      busy.delete(thread)
      idle.push(thread)
      // An idle thread must not keep alive a process that has nothing else to do.
      worker.unref()
      share?.done(rendered)
      next()
    })
    const ended = (reason: string) => {
      const share = busy.get(thread)
      busy.delete(thread)
      const at = idle.indexOf(thread)
      if (at >= 0) idle.splice(at, 1)
      share?.done(failed(share.recipients, `the rendering thread ended: ${reason}`))
      next()
    }
    worker.on('error', (error) => ended(error instanceof Error ? error.message : String(error)))
    worker.on('exit', (code) => ended(`exit code ${code}`))
    return thread
  }

  const send = ({ worker, layouts }: Thread, { batch: { layout, ...batch }, recipients }: Share) => {
    const known = layouts.delete(batch.layoutId)
    layouts.add(batch.layoutId)
    const forget = [...layouts].slice(0, -layoutsAtMost)
    for (const id of forget) layouts.delete(id)
    worker.ref()
    const request: RenderRequest = { batch: known ? batch : { ...batch, layout }, recipients, forget }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(request)
  }

  const next = () => {
    while (waiting.length > 0) {
      const layoutId = waiting[0]?.batch.layoutId ?? ''
      const known = idle.findIndex(({ layouts }) => layouts.has(layoutId))
      const [thread = busy.size < threads && !closed ? start() : undefined] =
        known >= 0 ? idle.splice(known, 1) : idle.splice(-1)
      if (thread === undefined) return
      const share = waiting.shift()
      if (share === undefined) return
      busy.set(thread, share)
      send(thread, share)
    }
  }

  return {
    async render(batch, recipients) {
      if (closed) return failed(recipients, 'the certificate renderer is closed')
      const shares = sharesOf(recipients).map(
        (part) =>
          new Promise<readonly RenderedCertificate[]>((done) => waiting.push({ batch, recipients: part, done })),
      )
      next()
      return (await Promise.all(shares)).flat()
    },
    async close() {
      closed = true
      for (const { recipients, done } of waiting.splice(0)) {
        done(failed(recipients, 'the certificate renderer was closed'))
      }
      await Promise.all([...idle, ...busy.keys()].map(({ worker }) => worker.terminate()))
    },
  }
}

function sharesOf(recipients: readonly CertificateInput[]): readonly (readonly CertificateInput[])[] {
  const count = Math.ceil(recipients.length / shareAtMost)
  return Array.from({ length: count }, (_, index) => recipients.slice(index * shareAtMost, (index + 1) * shareAtMost))
}

function inlineRenderer(): CertificateRenderer {
  let press: Press | undefined
  return {
    async render(batch, recipients) {
      // The fonts' libraries cost time to load; an emulator that renders in threads never needs them here.
      press ??= (await import('./press.ts')).createPress()
      const rendered: RenderedCertificate[] = []
      for (const part of sharesOf(recipients)) rendered.push(...(await press.render(batch, part)))
      return rendered
    },
    close: () => Promise.resolve(),
  }
}

// A thread by itself would take 200 MB before it collects what it no longer needs.
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 }

/** Starts `render-thread`, whose file has the suffix of this one: `.ts` in a checkout, `.js` in the package. */
export function startRenderThread(): Worker {
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = new URL(`./render-thread.${suffix}`, import.meta.url)
  if (suffix === 'js') return new Worker(entry, { resourceLimits, execArgv: [] })
  // Node reads TypeScript by itself from 22.18 on; before that tsx does.
  const strips = process.features.typescript !== undefined && process.features.typescript !== false
  return new Worker(entry, {
    resourceLimits,
    execArgv: strips ? ['--disable-warning=ExperimentalWarning'] : ['--import', 'tsx'],
  })
}
