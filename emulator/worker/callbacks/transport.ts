import type { Destination } from './host-rules.ts'

export interface CallbackPost {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Where to connect instead of the URL's host; the Host header stays the URL's. */
  readonly connectTo?: Destination
}

export interface CallbackAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** At most `answerLimit` bytes of it. */
  readonly body: string
}

/** Bytes of an answer that are read; a receiver that sends more is cut off, its status counts. */
export const answerLimit = 64 * 1024

/**
 * Makes one attempt and follows no redirect. Rejects with a CallbackFailure where no whole answer came.
 * An adapter inside the process needs neither addresses nor sockets.
 */
export interface CallbackTransport {
  (post: CallbackPost): Promise<CallbackAnswer>
  /** Ends what is under way (rejected as `stopped`) and closes idle connections. */
  close?(): void
}

/**
 * `forbidden`: the host rules refuse the address that the name resolved to; nothing was sent and no attempt is counted.
 * `stopped`: we ended it ourselves; it is not counted either.
 */
export type FailureKind =
  'timeout' | 'refused' | 'reset' | 'unreachable' | 'dns' | 'tls' | 'protocol' | 'forbidden' | 'stopped'

export class CallbackFailure extends Error {
  readonly kind: FailureKind
  /** The system's own code, such as `ECONNREFUSED`, where there is one. */
  readonly code: string | undefined

  constructor(kind: FailureKind, message: string, code?: string) {
    super(message)
    this.name = 'CallbackFailure'
    this.kind = kind
    this.code = code
  }
}
