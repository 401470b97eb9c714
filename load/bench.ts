/** One file a benchmark, each with `run(args)`; the first word chooses. */
const benches = {
  certificates: () => import('./bench-certificates.ts'),
  pipeline: () => import('./bench-pipeline.ts'),
  sqs: () => import('./bench-sqs.ts'),
} as const

const [first, ...rest] = process.argv.slice(2)
const isNamed = first !== undefined && !first.startsWith('-')
const name = isNamed ? first : 'pipeline'
if (name === 'certificates' || name === 'pipeline' || name === 'sqs') {
  const { run } = await benches[name]()
  await run(isNamed ? rest : process.argv.slice(2))
} else {
  console.error(`There is no benchmark "${name}": ${Object.keys(benches).join(', ')}.`)
  process.exitCode = 2
}
