import { mockClient } from 'aws-sdk-client-mock'
import {
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda'
import { GetAccountCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeDeployment } from '../../emulator/deployment/description.ts'
import { costOf, usualUsage } from '../../load/run/cost.ts'
import { dryRun } from '../../load/run/dry-run.ts'
import { findK6 } from '../../load/run/k6.ts'
import { makePlan, type LoadRequest } from '../../load/run/make-plan.ts'
import { readPrices } from '../../load/run/prices.ts'

const now = Date.UTC(2026, 10, 22, 12)
const asked: LoadRequest = {
  scenario: 'budget',
  budgetMs: 1_800_000,
  durationMs: 30_000,
  dialect: 'spec',
  shape: 'batches',
  batch: 200,
  certificates: true,
  tenant: 1,
  listen: '127.0.0.1:0',
  ownsTarget: false,
  allowedDomains: [],
  quietMs: 300_000,
  now,
}
const real = { ...asked, target: 'https://api.example.com/prod', publicUrl: 'https://tunnel.example.com' }
const queueUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs'

describe('a plan', () => {
  it('takes an emulator of its own where no target is named', () => {
    expect(makePlan({ ...asked, mailRate: 14 })).toMatchObject({
      recipients: 50_000,
      target: { kind: 'own', settings: { worker_mail_rate: 14 } },
      address: 'load-{run}-{n}@check.offload.test',
    })
  })

  it("wants the owner's word beyond this machine, a way for callbacks, and mails SES's simulator or an allowed domain", () => {
    expect(() => makePlan(real)).toThrow('--i-own-this-target')
    expect(() => makePlan({ ...asked, target: real.target, ownsTarget: true })).toThrow('--public-url')
    expect(() => makePlan({ ...asked, target: 'http://127.0.0.1:4566', mailEvents: queueUrl })).toThrow(
      '--i-own-this-target',
    )
    expect(makePlan({ ...real, ownsTarget: true })).toMatchObject({
      address: 'success+load-{run}-{n}@simulator.amazonses.com',
      rate: 200,
    })
    expect(makePlan({ ...real, ownsTarget: true, allowedDomains: ['mine.example'] }).address).toBe(
      'load-{run}-{n}@mine.example',
    )
  })

  it('says what does not fit together before anything is sent', () => {
    expect(() => makePlan({ ...real, ownsTarget: true, mailRate: 14 })).toThrow('--mail-rate is for an emulator')
    expect(() => makePlan({ ...real, ownsTarget: true, way: 'sqs' })).toThrow('--way sqs needs --queue-url')
    expect(() => makePlan({ ...asked, way: 'worker-url' })).toThrow('needs --target')
    expect(() => makePlan({ ...asked, way: 'sqs', shape: 'one-message' })).toThrow(
      /bytes, and sqs takes 1,048,576: --shape batches --batch \d+/,
    )
    expect(makePlan({ ...asked, shape: 'one-message' }).batch).toBe(50_000)
  })

  it('gives each run ids of its own', () => {
    expect(makePlan({ ...asked, now: now + 1000 }).run).toBeGreaterThan(makePlan(asked).run + 1)
  })
})

describe('k6', () => {
  const none = () => undefined
  it('is found on the PATH, by --k6, or in Docker, and else the message says how to get it', () => {
    const docker = (command: string) => (command === 'docker' ? '27.0' : undefined)
    expect(findK6({ path: '', say: docker })).toMatchObject({ kind: 'docker' })
    expect(findK6({ given: '/opt/k6', say: () => 'k6 v2.2.0 (go1.26, linux/amd64)' })).toEqual({
      kind: 'program',
      command: '/opt/k6',
      version: '2.2.0',
    })
    expect(() => findK6({ path: '', say: none })).toThrow('k6 is not on the PATH')
    expect(() => findK6({ given: '/bin/true', say: none })).toThrow('is no k6')
    expect(() => findK6({ given: 'k6', say: () => 'k6 v0.49.0' })).toThrow('0.57 or newer')
  })
})

it('counts requests and their price', () => {
  const prices = readPrices()
  const usage = {
    ...usualUsage,
    recipients: 50_000,
    messages: 250,
    messageBytes: 23_000,
    way: 'api',
    certificates: true,
    mailEvents: false,
  } as const
  const cost = costOf(usage, prices)
  const of = (service: string) => cost.lines.find((line) => line.service === service)
  expect(of('SES')).toMatchObject({ requests: 50_000, price: 5 })
  expect(of('API Gateway')?.requests).toBe(250)
  expect(of('SQS')?.requests).toBe(250 + 250 + 25)
  expect(cost.total).toBeCloseTo(cost.lines.reduce((sum, { price }) => sum + price, 0))
  // A message of 300 KB is five of 64 KB.
  expect(costOf({ ...usage, way: 'sqs', messageBytes: 300_000 }, prices).lines[0]).toMatchObject({
    service: 'SQS',
    requests: 5 * 500 + 25,
  })
  expect(costOf({ ...usage, mailEvents: true }, prices).requests).toBe(cost.requests + 120_000)
})

describe('a dry run against AWS', () => {
  const ses = mockClient(SESv2Client)
  const sqs = mockClient(SQSClient)
  const lambda = mockClient(LambdaClient)
  beforeEach(() => {
    ses.on(GetAccountCommand).resolves({
      ProductionAccessEnabled: true,
      SendingEnabled: true,
      SendQuota: { MaxSendRate: 14, Max24HourSend: 60_000, SentLast24Hours: 1000 },
    })
    sqs.on(GetQueueAttributesCommand).resolves({
      Attributes: {
        QueueArn: 'arn:aws:sqs:eu-west-1:123456789012:jobs',
        VisibilityTimeout: '30',
        ApproximateNumberOfMessages: '0',
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn: 'arn:…', maxReceiveCount: 10 }),
      },
    })
    lambda.on(ListEventSourceMappingsCommand).resolves({
      EventSourceMappings: [
        {
          FunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:worker',
          BatchSize: 10,
          State: 'Enabled',
          ScalingConfig: { MaximumConcurrency: 20 },
        },
      ],
    })
    lambda.on(GetFunctionConfigurationCommand).resolves({ FunctionName: 'worker', Timeout: 300, MemorySize: 1024 })
    lambda.on(GetFunctionConcurrencyCommand).resolves({ ReservedConcurrentExecutions: 50 })
  })
  afterEach(() => {
    for (const mock of [ses, sqs, lambda]) mock.reset()
  })
  afterAll(() => {
    for (const mock of [ses, sqs, lambda]) mock.restore()
  })
  const plan = makePlan({ ...asked, queueUrl, ownsTarget: true, publicUrl: 'https://tunnel.example.com' })
  const dry = async () =>
    dryRun(plan, await describeDeployment({ queueUrl }), readPrices(), 'https://tunnel.example.com/callback')

  it('reads what it may, and says that 14 a second cannot pass', async () => {
    const { foretold, passes, deployment, obstacles, warnings, sends } = await dry()
    expect(foretold).toBe('rate 14/s: 59.5 minutes, cannot pass')
    expect(passes).toBe(false)
    expect(deployment).toEqual([
      'SES: 14 mails a second, 59,000 of 60,000 left today',
      'queue: visibility 30 s, a dead letter after 10 receives, 0 waiting',
      'Lambda worker: timeout 300 s, 1024 MB, at most 20 at once, batches of 10',
    ])
    expect(obstacles).toEqual([])
    expect(warnings.join('\n')).toMatch(/visibility timeout \(30 s\) is shorter than the function's \(300 s\)/)
    expect(warnings.join('\n')).toMatch(/batch item failures/)
    expect(sends.join('\n')).toMatch(/success\+load-\d+-0000000@simulator\.amazonses\.com/)
    // Nothing but reading was asked of anybody.
    expect([ses.calls().length, sqs.calls().length, lambda.calls().length]).toEqual([1, 1, 3])
  })

  it('passes with 28 a second', async () => {
    ses.on(GetAccountCommand).resolves({ SendQuota: { MaxSendRate: 28, Max24HourSend: 60_000, SentLast24Hours: 0 } })
    const { foretold, passes } = await dry()
    expect(foretold).toMatch(/^rate 28\/s: 29\.8 minutes, passes/)
    expect(passes).toBe(true)
  })

  it('names what stands in the way', async () => {
    ses.on(GetAccountCommand).resolves({
      ProductionAccessEnabled: false,
      SendingEnabled: false,
      SendQuota: { MaxSendRate: 50, Max24HourSend: 200, SentLast24Hours: 0 },
    })
    sqs.on(GetQueueAttributesCommand).resolves({ Attributes: { QueueArn: 'arn', ApproximateNumberOfMessages: '7' } })
    const { passes, obstacles, warnings } = await dry()
    expect(passes).toBe(false)
    expect(obstacles.join('\n')).toMatch(/sending is paused[^]*200 of 200 mails left, and 50,000 are needed/)
    expect(warnings.join('\n')).toMatch(/no dead-letter queue[^]*7 messages are in the queue already/)
  })

  it('says what it may not read, and goes on', async () => {
    const denied = Object.assign(new Error('User is not authorized to perform: ses:GetAccount'), {
      name: 'AccessDeniedException',
    })
    ses.on(GetAccountCommand).rejects(denied)
    lambda.on(ListEventSourceMappingsCommand).resolves({ EventSourceMappings: [] })
    const { deployment, foretold } = await dry()
    expect(deployment[0]).toMatch(/^not read: SES: AWS refuses these credentials \(AccessDeniedException\)/)
    expect(deployment[2]).toMatch(/no function takes this queue/)
    expect(foretold).toMatch(/^SES's rate and the workers not known; else: /)
  })
})
