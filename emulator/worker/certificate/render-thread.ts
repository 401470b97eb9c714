import { parentPort } from 'node:worker_threads'
import type { Layout } from './layout-model.ts'
import { createPress } from './press.ts'
import type { CertificateBatch, CertificateInput } from './renderer.ts'

/** What a thread of `render-pool.ts` is asked: a part of a batch. */
export interface RenderRequest {
  /** `layout` is left out where the thread has had it. */
  readonly batch: Omit<CertificateBatch, 'layout'> & { readonly layout?: Layout }
  readonly recipients: readonly CertificateInput[]
  /** Layouts that the thread will not be asked for without being sent them again. */
  readonly forget: readonly string[]
}

const press = createPress()
const layouts = new Map<string, Layout>()

parentPort?.on('message', (request: RenderRequest) => {
  void answer(request)
})

async function answer({ batch, recipients, forget }: RenderRequest): Promise<void> {
  for (const id of forget) layouts.delete(id)
  if (batch.layout !== undefined) layouts.set(batch.layoutId, batch.layout)
  const layout = layouts.get(batch.layoutId)
  if (layout === undefined) throw new Error(`the layout ${batch.layoutId} was not sent`)
  const rendered = await press.render({ ...batch, layout }, recipients)
  // The bytes are moved, not copied.
  const moved = new Set(
    rendered.flatMap((one) => ('pieces' in one ? one.pieces.map((piece) => piece.buffer as ArrayBuffer) : [])),
  )
  parentPort?.postMessage(rendered, [...moved])
}
