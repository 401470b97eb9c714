import type { Command } from 'commander'
import { defineJob } from './check-job.ts'
import { defineMoodle } from './check-moodle.ts'
import { examples } from './options.ts'

export function define(command: Command): void {
  command.description(
    'Whether a job message, or a Moodle, is what the contract says; and where not, why, and what to change.',
  )
  defineJob(command.command('job [file]'))
  defineMoodle(command.command('moodle'))
  examples(command, [
    ['offload check job job.json', 'a job message from a file'],
    ['offload check job --capture', 'the next one that Moodle sends to port 4566'],
    [
      'offload check moodle --url http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php',
      'a callback receiver',
    ],
  ])
  command.addHelpText(
    'after',
    '\nExit codes: 0 the contract holds, 1 it does not, 2 usage, or no case was run, 3 nobody answers, 130 interrupted.',
  )
}
