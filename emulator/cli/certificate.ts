import type { Command } from 'commander'
import { preview, type PreviewOptions } from './certificate-preview.ts'
import { verify } from './certificate-verify.ts'
import { examples, withJson, withTarget, type TargetOptions } from './options.ts'

export function define(command: Command): void {
  command.description('Certificates: a look at a template before it is used, and whether one is ours.')

  const previewing = command
    .command('preview')
    .description('Renders one certificate for a look, with sample values; no emulator need run.')
    .option('--template <name>', 'a template of the folder certificate-templates, or a .yaml file', 'default')
    .option('--data <json>', "the recipient's values as JSON, or @FILE; template_data in it is the job's")
    .option('--locale <tag>', 'the language of words, dates and numbers, such as pt-BR')
    .option('--png', 'a picture instead of a PDF (asks pdftoppm)')
    .option('--out <file>', 'where to write it (default certificate-NAME.pdf here)')
    .option('--config <file>', 'the configuration file (default offload.config.yaml, where there is one)')
  withJson(previewing)
  examples(previewing, [
    ['offload certificate preview', 'the default certificate'],
    ['offload certificate preview --template gold --png', 'certificate-templates/gold.yaml as a picture'],
    [`offload certificate preview --data '{"fullname": "Łucja Żak", "grade": "A"}'`, 'with values of your own'],
    ['offload certificate preview --locale ar --data @people/long-name.json', 'another language, values from a file'],
  ])
  previewing.action((options: PreviewOptions) => preview(options))

  const verifying = command
    .command('verify')
    .argument('<what>', 'a PDF file, a verification code, or the address in a QR code')
    .description('Tells whether a certificate is one of ours, and whether its file is as it was issued.')
  withTarget(verifying)
  examples(verifying, [
    ['offload certificate verify 7F3A91C2D04B55E1', 'is there a certificate with this code?'],
    ['offload certificate verify certificate.pdf', 'is this file one of ours, unaltered?'],
    ['offload certificate verify http://127.0.0.1:4566/verify/7F3A91C2D04B55E1', 'what the QR code says'],
  ])
  verifying.action((what: string, options: TargetOptions) => verify(what, options))

  examples(command, [
    ['offload certificate preview --template gold --png', 'look at a template'],
    ['offload certificate verify certificate.pdf', 'is it one of ours?'],
  ])
}
