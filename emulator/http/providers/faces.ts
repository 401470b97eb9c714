import type { FastifyPluginAsync } from 'fastify'
import type { Providers } from '../../cloud/providers/providers.ts'
import type { Clock } from '../../kernel/clock.ts'
import { cloudflareEmailFace } from './cloudflare-email.ts'
import { cloudflareQueuesFace } from './cloudflare-queues.ts'
import { mailchannelsFace } from './mailchannels.ts'
import { mailgunFace } from './mailgun.ts'
import type { ProviderFaceName } from './routes.ts'
import { sendgridFace } from './sendgrid.ts'

/** A face for each provider; with `apiKey` they take no other key. */
export function providerFaces({
  providers,
  clock,
  apiKey,
}: {
  providers: Providers
  clock: Clock
  apiKey?: string | undefined
}): Readonly<Record<ProviderFaceName, FastifyPluginAsync>> {
  const { sendgrid, mailgun, mailchannels, cloudflareEmail, cloudflareQueues, cloudflareRate } = providers
  return {
    sendgrid: sendgridFace({ sendgrid, apiKey }),
    mailgun: mailgunFace({ mailgun, clock, apiKey }),
    mailchannels: mailchannelsFace({ mailchannels, clock, apiKey }),
    'cloudflare-email': cloudflareEmailFace({ email: cloudflareEmail, clock, apiKey }),
    'cloudflare-queues': cloudflareQueuesFace({ queues: cloudflareQueues, rate: cloudflareRate, clock, apiKey }),
  }
}
