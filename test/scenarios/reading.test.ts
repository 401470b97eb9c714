import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { everyScenario } from '../../scenarios/catalogue.ts'
import { jsonSchema } from '../../scenarios/schema.ts'
import { issues } from './set-up.ts'

const head = 'name: mine\nwhy: a test\n'

it.each([
  ['jobs:\n  job: { recipent: 3 }\nexpect: {}', '4 jobs.job.recipent: is not known here: recipients was meant?'],
  ['jobs:\n  job: { dialect: spek }\nexpect: {}', '4 jobs.job.dialect: "spek": spec was meant?'],
  ['jobs:\n  job: { recipients: many }\nexpect: {}', '4 jobs.job.recipients: "many": must be number'],
  ['jobs:\n  job: { recipients: 2, bounces: 3 }\nexpect: {}', '4 jobs.job: has 2 recipients and 3 special addresses'],
  [
    'jobs:\n  import: {}\nexpect:\n  jobs:\n    imports: {}',
    '7 expect.jobs.imports: there is no job "imports": import was meant?',
  ],
  ['jobs:\n  job: {}\nsteps:\n  - submit: jop\nexpect: {}', '6 steps[0].submit: there is no job "jop": job was meant?'],
  ['steps:\n  - submitt: job\nexpect: {}', '4 steps[0].submitt: is not known here: submit was meant?'],
  ['steps:\n  - restart\n  - crush\nexpect: {}', '5 steps[1]: "crush": crash was meant?'],
  ['steps:\n  - { wait: 10s, verify: a.test }\nexpect: {}', '4 steps[0]: must say exactly one thing to do'],
  ['steps:\n  - wait: soon\nexpect: {}', '4 steps[0].wait: must be "end", or a time such as 10s'],
  ['expect:\n  alarms: { raised: [stuck-job] }', '4 expect.alarms.raised[0]: "stuck-job": stuck-jobs was meant?'],
  [
    'expect:\n  events: { mail.accept: 3 }',
    '4 expect.events.mail.accept: is no type of entry in the journal: mail.accepted was meant?',
  ],
  ['expect:\n  mails: few', '4 expect.mails: must be a number, or {at_least, at_most}'],
  ['expect:\n  took: long', '4 expect.took: must be a time such as 35s, or {at_least: 30s, at_most: 1m}'],
  ['', '1 expect: is missing'],
  [
    'faults:\n  - { at: worker.mails, then: hang }\nexpect: {}',
    '4 faults[0].at: "worker.mails" is no operation: worker.mail was meant?',
  ],
  [
    'steps:\n  - wait: 1s\n  - faults:\n      - { at: worker.delete, then: hang }\nexpect: {}',
    /^6 steps\[1\]\.faults\[0\]\.then: hang cannot happen at worker\.delete/,
  ],
  [
    'config: { job_batch_sise: 3 }\nexpect: {}',
    '3 config.job_batch_sise: is not known here: job_batch_size was meant?',
  ],
  ['config: { port: 4566 }\nexpect: {}', /^3 config\.port: is not known here/],
  ['jobs: { a: [ }', /^3 : no YAML: /],
])('%j is refused with its line and what was meant', (text, expected) => {
  const [first = ''] = issues(`${head}${text}\n`)
  if (typeof expected === 'string') expect(first).toBe(expected)
  else expect(first).toMatch(expected)
})

it('is named as its file', () => {
  expect(issues(`${head}expect: {}\n`, 'other')).toEqual(['1 name: must be "other", as its file is named'])
})

it('has a schema for editors that is up to date, and every file names it', () => {
  const committed: unknown = JSON.parse(readFileSync('scenarios/scenario.schema.json', 'utf8'))
  expect(committed, 'npm exec -- tsx scenarios/write-schema.ts writes it anew').toEqual(
    JSON.parse(JSON.stringify(jsonSchema())),
  )
  for (const { file } of everyScenario()) {
    expect(readFileSync(file, 'utf8').split('\n')[0]).toBe('# yaml-language-server: $schema=./scenario.schema.json')
  }
})
