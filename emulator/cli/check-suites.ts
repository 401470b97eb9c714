import { PassThrough } from 'node:stream'
import { checkJobMessage, jobCases, type JobMessage } from '../../contracts/checks/job-message.ts'
import { canaryId } from '../../contracts/checks/receiver/index.ts'
import { canaryId as cloudCanaryId } from '../../contracts/checks/deployment/index.ts'
import type { CheckSection, CloudSection, MoodleSection } from '../../contracts/checks/section.ts'
import { everyScenario, findScenario, type Entry } from '../../scenarios/catalogue.ts'
import { differenceInWords } from '../../scenarios/report.ts'
import { runMany } from '../../scenarios/run-many.ts'
import type { ScenarioResult } from '../../scenarios/run-scenario.ts'
import type { Suite } from '../check/plan.ts'
import type { Reported } from '../check/reports.ts'
import type { Config, ConfigInput } from '../config.ts'
import { messageFromFile } from './check-job.ts'
import { cloudCasesOf, openCloud } from './cloud-target.ts'
import { call } from './invocation.ts'
import { casesOf, dialectOf, openMoodle } from './moodle-target.ts'

type Section<Name extends keyof CheckSection> = NonNullable<CheckSection[Name]>

/** A suite for each file, so that each has its own entry in reports and baseline. */
export function jobSuites({ files, ...rules }: Section<'jobs'>): Suite[] {
  return files.map((file) => ({
    name: `job ${file}`,
    rules,
    at: ['check', 'jobs'],
    cases: jobCases,
    async *run() {
      const message: JobMessage = messageFromFile(file)
      for (const finding of checkJobMessage(message).findings) yield { ...finding, file }
    },
  }))
}

type Secrets = Pick<Config, 'cloud_callback_secret' | 'plugin_token'>

export function moodleSuites(sections: readonly MoodleSection[], secrets: Secrets): Suite[] {
  return sections.map((section, index) => {
    const { name, rubbish, required, advised, skipped, ...given } = section
    const options = {
      ...given,
      standIn: given.stand_in,
      secret: secrets.cloud_callback_secret,
      token: secrets.plugin_token,
      previousSecret: given.previous_secret,
      recipient: given.recipients,
      moodleRoot: given.moodle_root,
      connectTo: given.connect_to,
      allowHost: given.allow_hosts,
    }
    const dialect = dialectOf(options)
    const cases = casesOf(dialect)
    let why: readonly string[] = []
    return {
      name: name ?? `moodle ${dialect}`,
      rules: { required, advised, skipped },
      at: ['check', 'moodle', index],
      cases: [canaryId, ...cases.map(({ id }) => id)],
      list: 'check moodle --list',
      canary: canaryId,
      async *run(isLeftOut) {
        const isAsked = ({ id, leaves }: (typeof cases)[number]) => !isLeftOut(id) && (rubbish || leaves === undefined)
        const moodle = await openMoodle(options, false)
        why = moodle.why
        try {
          yield* moodle.results(cases.filter(isAsked))
        } finally {
          await moodle.close()
        }
        yield* cases.filter(({ id }) => isLeftOut(id)).map(notRun)
        const rubbishing = cases.filter(({ id, leaves }) => !isLeftOut(id) && !rubbish && leaves !== undefined)
        for (const one of rubbishing) {
          yield { ...notRun(one), reason: `it would leave ${one.leaves ?? 'something'} (rubbish: false)` }
        }
      },
      why: () => why,
    } satisfies Suite
  })
}

interface CloudDeps {
  /** As they were given; without them an emulator has its development defaults. */
  readonly secrets: Pick<ConfigInput, 'ingest_token' | 'cloud_callback_secret' | 'plugin_token'>
  /** The emulator that runs, or one that is started for it. */
  readonly emulator: () => Promise<{ readonly url: string; readonly queueUrl: string }>
}

export function cloudSuites(sections: readonly CloudSection[], { secrets, emulator }: CloudDeps): Suite[] {
  return sections.map((section, index) => {
    const { name, required, advised, skipped, dialect, ...given } = section
    const cases = cloudCasesOf(dialect)
    const isElsewhere = (given.url ?? given.worker_url ?? given.queue_url) !== undefined
    let why: readonly string[] = []
    return {
      name: name ?? `cloud ${dialect}`,
      rules: { required, advised, skipped },
      at: ['check', 'cloud', index],
      cases: [cloudCanaryId, ...cases.map(({ id }) => id)],
      list: 'check cloud --list',
      canary: cloudCanaryId,
      async *run(isLeftOut) {
        const cloud = await openCloud({
          ...given,
          dialect,
          workerUrl: given.worker_url,
          queueUrl: given.queue_url,
          publicUrl: given.public_url,
          mailEvents: given.mail_events,
          iOwnThisTarget: given.i_own_this_target,
          allowDomain: given.allow_domain,
          firstRetry: given.first_retry,
          callbackTimeout: given.callback_timeout,
          token: secrets.ingest_token,
          secret: secrets.cloud_callback_secret,
          pluginToken: secrets.plugin_token,
          ...(isElsewhere ? {} : await emulator()),
        })
        why = cloud.why
        try {
          yield* cloud.results(cases.filter(({ id }) => !isLeftOut(id)))
        } finally {
          await cloud.close()
        }
        yield* cases.filter(({ id }) => isLeftOut(id)).map(notRun)
      },
      why: () => why,
    } satisfies Suite
  })
}

/** What a case comes to that was not run. */
const notRun = ({ id, title, level }: Pick<Reported, 'id' | 'title' | 'level'>): Reported => ({
  id,
  title,
  level,
  verdict: 'skip',
  reason: 'not run',
})

/** Throws EmulatorError `no-scenario` or `bad-scenario`. */
export function scenarioSuite({ run, seed, ...rules }: Section<'scenarios'>): Suite {
  const entries = run === 'all' ? everyScenario() : [...new Set(run)].map(findScenario)
  return {
    name: 'scenarios',
    rules,
    at: ['check', 'scenarios'],
    cases: entries.map(({ name }) => name),
    list: 'scenario list',
    async *run(isLeftOut) {
      for (const { name, scenario } of entries) {
        if (isLeftOut(name)) yield notRun({ id: name, title: scenario.why, level: 'required' })
      }
      const results = new PassThrough({ objectMode: true })
      runMany(
        entries.filter(({ name }) => !isLeftOut(name)),
        { seed, ended: (entry, result) => void results.write(findingOf(entry, result)) },
      ).then(
        () => results.end(),
        (error: Error) => results.destroy(error),
      )
      for await (const finding of results) yield finding as Reported
    },
  }
}

function findingOf(
  { name, file }: Entry,
  { why, verdict, seed, differences, reason, account, seconds }: ScenarioResult,
): Reported {
  const [first] = differences
  const said = first === undefined ? (reason ?? account) : differenceInWords(file, first)
  return {
    id: name,
    title: why,
    level: 'required',
    verdict,
    reason: said,
    seconds,
    ...(verdict === 'fail' ? { fix: `look at it: ${call(`scenario run ${name} --seed ${seed}`)}` } : {}),
  }
}
