/** What V8's sampling profiler writes, as far as it is read here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[]
}

/** Where a function is, and whose work it does; the first that fits counts, from the innermost function outwards. */
const stages: readonly (readonly [place: RegExp, stage: string])[] = [
  [/^execute .*kernel\/store/, 'commits'],
  [/kernel\/store/, 'statements'],
  [/worker\/certificate|harfbuzz|bidi-js|uqr/, 'certificate'],
  [/cloud\/objects|contracts\/sigv4/, 'objects'],
  [/worker\/message|mail\/mime/, 'composing'],
  [/smtp-server|cloud\/inbox/, 'inbox'],
  [/cloud\/mail/, 'mail'],
  [/worker\/callbacks/, 'callbacks'],
  [/worker\/ledger|kernel\/journal|kernel\/ids/, 'ledger'],
  [/cloud\/queue|worker\/pool/, 'queue'],
  [/cloud\/ingest|contracts\/dialects|http\/ingest/, 'ingest'],
]

/**
 * The time that a thread was busy with each stage, in microseconds for each of `count`; it includes waiting for the disk.
 * Reading the program is left out.
 */
export function cpuByStage(profiles: readonly string[], count: number): Record<string, number> {
  const sums = new Map<string, number>()
  for (const text of profiles) {
    const { nodes, samples, timeDeltas } = JSON.parse(text) as Profile
    const byId = new Map(nodes.map((node) => [node.id, node]))
    const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
    const known = new Map<number, string>()
    const stageOf = (id: number): string => {
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
        const frame = byId.get(at)?.callFrame
        const place = `${frame?.functionName} ${frame?.url}`
        if (place.startsWith('(idle)') || place.startsWith('(program)')) return ''
        if (place.startsWith('(garbage collector)')) return 'collecting garbage'
        if (/internal\/modules|internal\/bootstrap/.test(place)) return ''
        const stage = stages.find(([pattern]) => pattern.test(place))?.[1]
        if (stage !== undefined) return stage
      }
      return 'sockets and the rest'
    }
    for (const [nth, id] of samples.entries()) {
      const stage = known.get(id) ?? stageOf(id)
      known.set(id, stage)
      if (stage !== '') sums.set(stage, (sums.get(stage) ?? 0) + (timeDeltas[nth] ?? 0) / count)
    }
  }
  return Object.fromEntries([...sums].toSorted(([, a], [, b]) => b - a))
}
