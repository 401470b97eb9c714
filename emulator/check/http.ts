import type { WireAnswer, WireRequest } from '../../contracts/checks/receiver/index.ts'
import type { Clock } from '../kernel/clock.ts'
import { EmulatorError } from '../kernel/errors.ts'
import { createHostRules } from '../worker/callbacks/host-rules.ts'
import { createHttpTransport } from '../worker/callbacks/http-transport.ts'
import { CallbackFailure } from '../worker/callbacks/transport.ts'

export interface HttpReceiver {
  send(request: WireRequest): Promise<WireAnswer>
  close(): void
}

/** A receiver behind HTTP. Throws EmulatorError `host-refused` where the host rules forbid its address. */
export function createHttpReceiver(options: {
  readonly url: string
  readonly clock: Clock
  readonly timeoutMs: number
  readonly connectTo: readonly string[]
  readonly allowHosts: readonly string[]
}): HttpReceiver {
  const { url, clock, timeoutMs } = options
  const rules = createHostRules(options)
  const verdict = rules.judge(new URL(url))
  if (verdict.state === 'refused') throw new EmulatorError('host-refused', verdict.reason)
  const transport = createHttpTransport({ clock, timeoutMs, rules })

  return {
    close: () => transport.close(),
    async send({ method, headers, body, chunked = false }) {
      const began = clock.monotonic()
      const took = () => Math.round((clock.monotonic() - began) * 10) / 10
      try {
        const answer = await transport({ url, method, headers: grouped(headers), body, chunked })
        return { ...answer, milliseconds: took() }
      } catch (error) {
        if (!(error instanceof CallbackFailure)) throw error
        if (error.kind === 'forbidden') throw new EmulatorError('host-refused', error.message)
        const words = error.code === undefined ? error.message : `${error.code}: ${error.message}`
        return { status: null, headers: {}, body: '', error: words, milliseconds: took() }
      }
    },
  }
}

/** Headers by name, with a list where a name comes twice. */
function grouped(headers: WireRequest['headers']): Record<string, string | string[]> {
  const names: Record<string, string | string[]> = { 'user-agent': 'manireports-offload/1 (check)' }
  for (const [name, value] of headers) {
    const before = names[name]
    names[name] = before === undefined ? value : [...(typeof before === 'string' ? [before] : before), value]
  }
  return names
}
