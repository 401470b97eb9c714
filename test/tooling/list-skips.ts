import type { Reporter } from 'vitest/node'

/** Says at the end which tests were skipped, and why: the default reporter only counts them. */
export function listSkips(): Reporter {
  return {
    onTestRunEnd(modules) {
      const lines = modules.flatMap((module) =>
        [...module.children.allTests('skipped')].map((test) => {
          const result = test.result()
          const reason = result.state === 'skipped' && result.note !== undefined ? ` [${result.note}]` : ''
          return `  ${module.relativeModuleId} > ${test.fullName}${reason}`
        }),
      )
      if (lines.length > 0) console.log(`\nSkipped:\n${lines.join('\n')}`)
    },
  }
}
