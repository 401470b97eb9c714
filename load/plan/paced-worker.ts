import { createHash } from 'node:crypto'
import { fraction } from '../../contracts/faults/decide.ts'
import type { EmulatorOptions } from '../../emulator/emulator.ts'
import { sleep, type Clock } from '../../emulator/kernel/clock.ts'
import type { QueueMessage } from '../../emulator/worker/ports.ts'
import { draw, isZero, type Distribution } from './distribution.ts'
import { slotsOf, type Model } from './model.ts'

/** What the workers did, in milliseconds of virtual time. */
export interface WorkerTimes {
  /** Time of a whole worker, summed: for the mails of a batch the time of its slots. */
  receive: number
  startUp: number
  certificate: number
  objects: number
  mail: number
  /** Mails that were given to the provider. */
  mails: number
  /** Of each of them, how long it waited for the rate or the quota. */
  readonly waits: number[]
  /** Of each message, from its receipt until it was let go. */
  readonly held: number[]
}

const pdf = Buffer.from('%PDF-1.7\n%%EOF\n')
const digest = (name: 'sha256' | 'md5') => createHash(name).update(pdf).digest('hex')
const certificate = {
  pieces: [pdf, Buffer.alloc(0)],
  sha256: digest('sha256'),
  md5: digest('md5'),
  findings: [],
} as const

/**
 * The emulator's own worker with the calls of a model: each takes its time, a worker does so many recipients at once, and
 * certificates are not rendered, since what that costs here is not what it costs there.
 */
export function paceWorker(
  model: Model,
  { clock, seed }: { clock: () => Clock; seed: string },
): { readonly around: NonNullable<EmulatorOptions['around']>; readonly times: WorkerTimes } {
  const slots = slotsOf(model)
  const times: WorkerTimes = {
    receive: 0,
    startUp: 0,
    certificate: 0,
    objects: 0,
    mail: 0,
    mails: 0,
    waits: [],
    held: [],
  }
  let drawn = 0
  let started = 0
  /** Recipients whose certificate is rendered and stored when it is their turn. */
  const unmade = new Set<string>()

  const next = (distribution: Distribution, name: string) =>
    isZero(distribution) ? 0 : draw(distribution, seed, name, drawn++)
  /** Clocks have whole milliseconds: rounded so that the mean stays. */
  const whole = (ms: number) => Math.floor(ms) + (ms % 1 > 0 && fraction(seed, 'rounding', drawn++) < ms % 1 ? 1 : 0)
  const wait = async (ms: number) => {
    if (ms > 0) await sleep(clock(), ms)
  }

  const around: NonNullable<EmulatorOptions['around']> = (parts) => {
    const { queue, attempt } = parts
    const since = new Map<string, number>()
    const letGo =
      <Rest extends readonly unknown[]>(run: (message: QueueMessage, ...rest: Rest) => Promise<void>) =>
      async (message: QueueMessage, ...rest: Rest) => {
        const at = since.get(message.receiptHandle)
        if (at !== undefined) times.held.push(clock().now() - at)
        since.delete(message.receiptHandle)
        await run(message, ...rest)
      }
    return {
      ...parts,
      // A pass is a worker's: two of one message would be two workers.
      passesAtOnce: 1,
      concurrency: model.workers.count,
      queue: {
        ...queue,
        async receive(signal) {
          const message = await queue.receive(signal)
          if (message === undefined) return undefined
          since.set(message.receiptHandle, clock().now())
          // So many messages are received before any worker comes back for its second: these are the cold starts.
          const cold = started < model.workers.count ? next(model.workers.start_up, 'start-up') : 0
          started++
          const receive = next(model.queue.receive, 'receive')
          times.startUp += cold
          times.receive += receive
          if (cold + receive > 0) await queue.renew(message, clock().now() + cold + receive + 30_000)
          await wait(cold + receive)
          return message
        },
        delete: letGo(queue.delete),
        release: letGo(queue.release),
        defer: letGo(queue.defer),
        deadLetter: letGo(queue.deadLetter),
      },
      attempt: {
        ...attempt,
        mailsAtOnce: slots,
        certificates: {
          render: (_, inputs) => {
            for (const { recipient } of inputs) unmade.add(recipient)
            return Promise.resolve(inputs.map(({ recipient }) => ({ recipient, ...certificate })))
          },
        },
        mail: {
          ...attempt.mail,
          async send(mail) {
            // One recipient after the other goes through all calls; the emulator's worker makes a batch's certificates first.
            const makes = unmade.delete(mail.recipient) ? model.certificate : undefined
            const render = makes === undefined ? 0 : next(makes.render, 'render')
            const store = makes === undefined ? 0 : next(makes.store, 'store')
            const call = next(model.mail.latency, 'mail')
            times.certificate += render / slots
            times.objects += store / slots
            times.mail += call / slots
            await wait(whole(render + store + call))
            const asked = clock().now()
            const result = await attempt.mail.send(mail)
            times.mails++
            times.waits.push(clock().now() - asked)
            return result
          },
        },
      },
    }
  }
  return { around, times }
}
