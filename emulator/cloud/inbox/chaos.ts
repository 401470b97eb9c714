import type { Ids } from '../../kernel/ids.ts'

/** How often, in percent, a command is refused, and with which code (400–599). */
export interface ChaosTrigger {
  readonly errorCode: number
  readonly probability: number
}

export const chaosPoints = ['sender', 'recipient', 'authentication'] as const
export type ChaosPoint = (typeof chaosPoints)[number]
export type ChaosTriggers = Readonly<Record<ChaosPoint, ChaosTrigger>>

const quiet: ChaosTriggers = {
  sender: { errorCode: 451, probability: 0 },
  recipient: { errorCode: 451, probability: 0 },
  authentication: { errorCode: 535, probability: 0 },
}

/** Mailpit's chaos: a part of the SMTP commands fails at random. Forgotten at the end of the process, as there. */
export interface Chaos {
  readonly triggers: ChaosTriggers
  /** Triggers that are left out are switched off. */
  set(triggers: Partial<ChaosTriggers>): ChaosTriggers
  /** The code to refuse this command with, if it is hit. */
  strike(point: ChaosPoint): number | undefined
}

export function createChaos({ ids }: { ids: Ids }): Chaos {
  let triggers = quiet
  return {
    get triggers() {
      return triggers
    },
    set(given) {
      triggers = { ...quiet, ...given }
      return triggers
    },
    strike(point) {
      const { errorCode, probability } = triggers[point]
      if (probability === 0) return undefined
      const drawn = parseInt(ids.next(`inbox-chaos-${point}`).slice(0, 8), 16) % 100
      return drawn < probability ? errorCode : undefined
    },
  }
}
