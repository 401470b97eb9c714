import { http, type HttpHandler } from 'msw'

/** What the handlers need of an emulator. */
export interface InProcessEmulator {
  /** Its own URL, whether or not a port is open there. */
  readonly url: string
  /** Answers a request in this process. */
  inject(request: Request): Promise<Response>
}

/**
 * Hosts whose calls an emulator answers: AWS's for SQS, S3 and SES in any region, dual-stack ones too, and the mail providers'. The S3 and R2
 * hosts carry the bucket in front or in the path.
 */
const hosts: readonly RegExp[] = [
  /^(sqs|s3|email)\.[a-z0-9-]+\.amazonaws\.com$/,
  /^(sqs|email)\.[a-z0-9-]+\.api\.aws$/,
  /^([a-z0-9.-]+\.)?s3(\.dualstack)?([.-][a-z0-9-]+)?\.amazonaws\.com$/,
  /^(queue|sqs)\.amazonaws\.com$/,
  /^api(\.eu)?\.sendgrid\.com$/,
  /^api(\.eu)?\.mailgun\.net$/,
  /^api\.mailchannels\.net$/,
  /^api\.cloudflare\.com$/,
  /^([a-z0-9.-]+\.)?[0-9a-f]{32}(\.(eu|fedramp))?\.r2\.cloudflarestorage\.com$/,
]

/**
 * Handlers for msw's `setupServer`, with which a worker in a Node test makes its AWS, mail and callback calls against
 * `emulator` in the same process: calls to AWS's and the providers' own hosts, and to the emulator's own URL, never
 * leave it. Everything else is left to msw's `onUnhandledFrame`.
 *
 * @example
 * const emulator = await createEmulator({ listen: false, ephemeral: true, worker: 'none' })
 * const server = setupServer(...offloadHandlers(emulator))
 * server.listen({ onUnhandledFrame: 'error' })
 */
export function offloadHandlers(emulator: InProcessEmulator): HttpHandler[] {
  const isOurs = ({ host, hostname }: URL) =>
    host === new URL(emulator.url).host || hosts.some((pattern) => pattern.test(hostname))
  return [
    http.all(
      ({ request }) => isOurs(new URL(request.url)),
      ({ request }) => emulator.inject(request),
    ),
  ]
}
