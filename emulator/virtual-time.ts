import { workerKind, type Config } from './config.ts'
import { EmulatorError } from './kernel/errors.ts'
import { CallbackFailure, type CallbackTransport } from './worker/callbacks/transport.ts'

const why = 'in virtual time nothing outside this process can be waited for'

/**
 * Virtual time runs everything in one process: who takes part from outside is refused by name. Throws EmulatorError
 * `bad-configuration` (exit code 2).
 */
export function refuseOutside(config: Config, own: string): void {
  const isOwn = (url: string) => new URL(url).origin === own
  const callbackUrls = [
    ['callback_url', config.callback_url] as const,
    ...Object.entries(config.tenants).map(([tenant, { callback_url }]) => [`tenants.${tenant}`, callback_url] as const),
  ]
  const outside = [
    ...callbackUrls.filter(([, url]) => url !== undefined && !isOwn(url)).map(([name]) => name),
    ...(config.mailpit === undefined ? [] : ['mailpit']),
    ...(config.smtp === undefined ? [] : ['smtp']),
    ...(config.provider_webhook_url === undefined ? [] : ['provider_webhook_url']),
    ...(config.ses_notifications.url === undefined ? [] : ['ses_notifications.url']),
    ...(['builtin', 'none'].includes(workerKind(config.worker)?.kind ?? '') ? [] : ['worker']),
  ]
  if (outside.length === 0) return
  throw new EmulatorError(
    'bad-configuration',
    `${outside.join(', ')}: ${why}. Leave it out, or run in real time (--real).`,
    { outside },
  )
}

/** Where callbacks to others than the stand-in go: nowhere. They are parked, with the reason. */
export function nowhere(): CallbackTransport {
  return (post) => {
    const { host } = new URL(post.url)
    return Promise.reject(new CallbackFailure('forbidden', `${host} is not the stand-in, and ${why}: run in real time`))
  }
}
