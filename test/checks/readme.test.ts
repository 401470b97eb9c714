import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { wrongNames } from '../../contracts/checks/plan.ts'
import { receiverCases } from '../../contracts/checks/receiver/index.ts'
import { configSchema } from '../../emulator/config.ts'
import { findScenario } from '../../scenarios/catalogue.ts'

const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```yaml\n# (\S+)\n([^]*?)```/g)]
const block = (file: string) => parse(blocks.find(([, name]) => name === file)?.[2] ?? '') as unknown

it('shows a configuration that can be read, with cases and scenarios that are there', () => {
  const { check } = configSchema.parse(block('offload.config.yaml'))
  const [moodle] = check?.moodle ?? []
  expect(
    moodle &&
      wrongNames(
        moodle,
        receiverCases.map(({ id }) => id),
      ),
  ).toEqual([])
  const run = check?.scenarios?.run ?? []
  expect(typeof run === 'string' ? run : run.map((name) => findScenario(name).name)).toEqual(run)
  expect([check?.jobs?.files.length, check?.cloud?.length]).toEqual([2, 1])
})

it('shows a workflow that is YAML', () => {
  expect(block('.github/workflows/contract.yml')).toMatchObject({
    jobs: { contract: { steps: expect.arrayContaining([{ run: 'npm install --no-save manireports-offload' }]) } },
  })
})
