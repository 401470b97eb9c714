import { defineConfig } from 'vitest/config'
import { listSkips } from './test/tooling/list-skips.ts'

// .ci/run counts tests from this file.
const report = process.env['OFFLOAD_TEST_REPORT']

// What CI alone runs: minutes of it, or many processes.
const slow = ['test/slow/**/*.test.ts', 'test/**/*.slow.test.ts']

export default defineConfig({
  test: {
    globals: false,
    pool: 'forks',
    // No module holds state, so files may share a process: half the time.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default', listSkips(), ...(report === undefined ? [] : ['json'])],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: slow } },
      { extends: true, test: { name: 'slow', include: slow, testTimeout: 600_000 } },
    ],
  },
})
