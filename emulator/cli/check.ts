import type { Command } from 'commander'
import type { AllOptions } from './check-all.ts'
import { defineCloud } from './check-cloud.ts'
import { defineJob } from './check-job.ts'
import { defineMoodle } from './check-moodle.ts'
import { withReporters } from './check-output.ts'
import { examples, withJson } from './options.ts'

export function define(command: Command): void {
  command.description(
    'Whether a job message, a Moodle, or a deployment is what the contract says; and where not, why, and what to change.\nWithout more: what `check:` in offload.config.yaml lists.',
  )
  // What is written after a subcommand is the subcommand's.
  command.enablePositionalOptions().parent?.enablePositionalOptions()
  command
    .option('--config <file>', 'default: offload.config.yaml, where there is one')
    .option('--url <url>', 'the emulator of `cloud: {}` (default: OFFLOAD_URL, else its port; started where none runs)')
    .option('--baseline <file>', 'fail on what is worse than the last run alone; tightened when something is better')
    .option('--update-baseline', 'write the baseline anew: everything is known as it is now')
    .option('--verbose', 'also what passed, and each case that was skipped')
  withReporters(withJson(command))
  command.action(async (options: AllOptions) => (await import('./check-all.ts')).checkAll(options))
  defineJob(command.command('job [file]'))
  defineMoodle(command.command('moodle'))
  defineCloud(command.command('cloud'))
  examples(command, [
    ['offload check', 'all that offload.config.yaml lists'],
    ['offload check --baseline offload-check.yaml --reporter junit,github', 'in CI'],
    ['offload check job job.json', 'a job message from a file'],
    ['offload check job --capture', 'the next one that Moodle sends to port 4566'],
    [
      'offload check moodle --url http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php',
      'a callback receiver',
    ],
    ['offload check cloud --url http://127.0.0.1:4566', 'a deployment: here an emulator'],
  ])
  command.addHelpText(
    'after',
    '\nExit codes: 0 the contract holds, 1 it does not, 2 usage, or no case was run, 3 nobody answers, 130 interrupted.',
  )
}
