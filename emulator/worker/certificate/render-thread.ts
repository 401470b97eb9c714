import { parentPort } from 'node:worker_threads'
import { createPress } from './press.ts'
import type { RenderRequest } from './render-pool.ts'
import type { RenderedCertificate } from './renderer.ts'

/** A thread of `render-pool.ts`: a request in, its certificates out, one after the other. */
const press = createPress()

parentPort?.on('message', (request: RenderRequest) => {
  void answer(request)
})

async function answer({ batch, recipients }: RenderRequest): Promise<void> {
  const rendered: RenderedCertificate[] = []
  for (const recipient of recipients) rendered.push(await press.render(batch, recipient))
  // The bytes are moved, not copied.
  const moved = rendered.flatMap((one) =>
    'pdf' in one && one.pdf.buffer instanceof ArrayBuffer ? [one.pdf.buffer] : [],
  )
  parentPort?.postMessage(rendered, moved)
}
