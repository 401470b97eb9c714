import { z } from 'zod'

/** What an Offload emulator says of itself over its control API; a real deployment has none of it. */
export interface EmulatorView {
  readonly url: string
  readonly inbox: string
  readonly version: string
}

const health = z.looseObject({ version: z.string(), url: z.string(), inbox: z.string() })

const stats = z.looseObject({
  jobs: z.number(),
  recipients: z.number(),
  sent: z.number(),
  failed: z.number(),
  open: z.number(),
  queues: z.array(z.looseObject({ name: z.string() })),
  stages: z.record(z.string(), z.object({ calls: z.number(), milliseconds: z.number() })),
  memory: z.object({ rss: z.number() }),
})
export type Stats = z.output<typeof stats>

const job = z.looseObject({
  totals: z.object({ recipients: z.number(), sent: z.number(), failed: z.number(), pending: z.number() }),
  settled: z.boolean(),
  callbacks: z.object({ waiting: z.number(), delivered: z.number(), dead: z.number(), parked: z.number() }),
})

const recipientPage = z.object({
  recipients: z.array(z.looseObject({ key: z.string(), sent_at: z.string().nullable() })),
  next: z.number().nullable(),
})

const info = z.looseObject({ Messages: z.number() })

/** How many mails an inbox or a Mailpit holds; undefined where it does not say. */
export async function mailsIn(inbox: string): Promise<number | undefined> {
  try {
    const answer = await fetch(`${inbox.replace(/\/+$/, '')}/api/v1/info`)
    return answer.ok ? info.safeParse(await answer.json()).data?.Messages : undefined
  } catch {
    return undefined
  }
}

/** The control API of an emulator; undefined from any call where it does not answer. */
export function createControl(base: string, token: string) {
  const ask = async <T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    try {
      const answer = await fetch(`${base}${path}`, {
        headers: { authorization: `Bearer ${token}` },
        redirect: 'manual',
      })
      if (!answer.ok) {
        await answer.arrayBuffer()
        return undefined
      }
      return schema.safeParse(await answer.json()).data
    } catch {
      return undefined
    }
  }
  const jobPath = (id: string | number, tenant: number, rest = '') =>
    `/_offload/jobs/${encodeURIComponent(String(id))}${rest}?tenant=${tenant}`

  return {
    /** Who answers, where it is an Offload emulator. */
    emulator: async (): Promise<EmulatorView | undefined> => ask('/_offload/health', health),
    stats: () => ask('/_offload/stats', stats),
    job: (id: string | number, tenant: number) => ask(jobPath(id, tenant), job),
    /** When each recipient's mail was sent, by key; epoch milliseconds. */
    async sentTimes(id: string | number, tenant: number): Promise<Map<string, number>> {
      const times = new Map<string, number>()
      for (let after: number | null = 0; after !== null;) {
        const page: z.output<typeof recipientPage> | undefined = await ask(
          `${jobPath(id, tenant, '/recipients')}&limit=1000&after=${after}`,
          recipientPage,
        )
        if (page === undefined) break
        for (const { key, sent_at } of page.recipients) if (sent_at !== null) times.set(key, Date.parse(sent_at))
        after = page.next
      }
      return times
    },
  }
}

export type Control = ReturnType<typeof createControl>

/** Messages that wait in the emulator's job queue and in its dead-letter queue. */
export function depthOf({ queues }: Stats): { depth: number; dead: number } {
  const sum = (row: Record<string, unknown> | undefined) =>
    ['visible', 'delayed', 'inFlight'].reduce((total, name) => total + Number(row?.[name] ?? 0), 0)
  return {
    depth: sum(queues.find(({ name }) => name === 'manireports-jobs')),
    dead: sum(queues.find(({ name }) => name === 'manireports-jobs-dlq')),
  }
}
