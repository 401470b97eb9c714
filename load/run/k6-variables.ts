import type { MailsBy } from './mail-count.ts'
import type { LoadPlan } from './plan.ts'

/** Where a run's target is, once it is there. */
export interface Reached {
  readonly url: string
  readonly queueUrl: string
  readonly region?: string
  /** Of `POST /jobs`, and of an emulator's control API. */
  readonly token: string
  readonly secret: string
  readonly pluginToken: string
  readonly mailsBy: MailsBy
  /** What k6 signs with. */
  readonly aws: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string | undefined
  }
}

/** What a script is told. */
export function variablesOf(
  plan: LoadPlan,
  reached: Reached,
  {
    callbackUrl = '',
    figuresUrl = '',
    messagesFile = '',
  }: { callbackUrl?: string; figuresUrl?: string; messagesFile?: string },
): Record<string, string> {
  return {
    TARGET: reached.url,
    WAY: plan.way,
    QUEUE_URL: plan.way === 'sqs' ? reached.queueUrl : '',
    ...(reached.region === undefined ? {} : { AWS_REGION: reached.region }),
    AWS_ACCESS_KEY_ID: reached.aws.accessKeyId,
    AWS_SECRET_ACCESS_KEY: reached.aws.secretAccessKey,
    AWS_SESSION_TOKEN: reached.aws.sessionToken ?? '',
    TOKEN: reached.token,
    DIALECT: plan.dialect,
    SHAPE: plan.shape,
    RECIPIENTS: String(plan.recipients),
    BATCH: String(plan.batch),
    RATE: String(plan.rate),
    LOWEST: String(plan.lowest),
    HIGHEST: String(plan.highest),
    BUDGET: `${plan.budgetMs}ms`,
    DURATION: `${plan.durationMs}ms`,
    TENANT: String(plan.tenant),
    RUN: String(plan.run),
    CERTIFICATES: String(plan.certificates),
    CALLBACK_URL: callbackUrl,
    CALLBACK_SECRET: reached.secret,
    ADDRESS: plan.address,
    FIGURES: figuresUrl,
    MESSAGES: messagesFile,
    EVENTS: '1',
  }
}
