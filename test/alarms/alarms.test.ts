import { expect, it } from 'vitest'
import { post, watched } from './set-up.ts'

const hour = 3_600_000
const ofQueue = (url: string, operation: string, input: object) =>
  new Request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
    body: JSON.stringify({ QueueUrl: url, ...input }),
  })
const inQueue = (url: string, body: string) => ofQueue(url, 'SendMessage', { MessageBody: body })

it('is quiet where nothing is wrong, and says what it looks at', async () => {
  const run = await watched()
  await run.submit(100)
  await run.end()
  expect(await run.alarm('queue-depth')).toMatchObject({ state: 'OK', value: 0, reason: 'no message waits' })
  expect(await run.alarm('bounce-rate')).toMatchObject({
    state: 'OK',
    value: 0,
    reason: '0 of 100 mails bounced in the last 1 h (0 %), at most 5 %',
  })
  expect(await run.alarm('callback-success')).toMatchObject({ state: 'OK', value: 1 })
  for (const name of ['queue-depth', 'dead-letters', 'stuck-jobs'] as const) expect(run.changes(name)).toEqual([])
  expect(run.changes('bounce-rate')).toEqual(['OK'])
})

it('says nothing of shares of too few mails', async () => {
  const run = await watched()
  await run.submit(19, { bounces: 5 })
  await run.end()
  expect(await run.alarm('bounce-rate')).toMatchObject({
    state: 'INSUFFICIENT_DATA',
    value: null,
    reason: '19 mails in the last 1 h; fewer than 20 say nothing',
  })
})

it('raises the bounce rate over 5 %, not at it, and forgets it after an hour', async () => {
  const run = await watched()
  await run.submit(100, { bounces: 5 })
  await run.end()
  expect(await run.alarm('bounce-rate')).toMatchObject({ state: 'OK', value: 0.05 })
  await run.submit(1, { bounces: 1 })
  await run.end()
  expect(await run.alarm('bounce-rate')).toMatchObject({
    state: 'ALARM',
    reason: '6 of 101 mails bounced in the last 1 h (5.9 %), more than 5 %',
  })
  await run.clock.advance(hour + 120_000)
  expect(run.changes('bounce-rate')).toEqual(['OK', 'ALARM', 'INSUFFICIENT_DATA'])
  await run.submit(40, { bounces: 1 })
  await run.end()
  expect(await run.alarm('bounce-rate')).toMatchObject({ state: 'OK', value: 0.025 })
})

it('raises callback success under 99 % at the first failure, and ends it when the callback comes through', async () => {
  const run = await watched()
  await run.faults('{ at: callback.attempt, when: { times: 2 }, then: { error: 503 } }')
  await run.submit(3)
  await run.end()
  expect(run.changes('callback-success')).toEqual(['ALARM', 'OK'])
  const raised = run.emulator.journal.read().flatMap(({ event }) => (event.type === 'alarm.changed' ? [event] : []))
  expect(raised.find(({ to }) => to === 'ALARM')).toMatchObject({
    reason: '0 of 1 callback delivered in the last 1 h (0 %), less than 99 %',
    value: 0,
    threshold: 0.99,
  })
})

it('raises the depth of a queue over 1,000', async () => {
  const run = await watched({ worker: 'none', alarms: { queue_depth: 3 } })
  for (let n = 0; n < 3; n++) await run.during(({ inject, queueUrl }) => inject(inQueue(queueUrl, `${n}`)))
  expect(await run.alarm('queue-depth')).toMatchObject({ state: 'OK', value: 3 })
  await run.during(({ inject, queueUrl }) => inject(inQueue(queueUrl, 'one more')))
  expect(run.changes('queue-depth')).toEqual(['ALARM'])
  expect(await run.alarm('queue-depth')).toMatchObject({
    reason: '4 messages wait in manireports-jobs, more than 3',
    value: 4,
  })
})

it('raises the alarm of a dead letter, and ends it with the redrive of what was mended', async () => {
  const run = await watched()
  await run.during(({ inject, queueUrl }) => inject(inQueue(queueUrl, 'no job at all')))
  await run.end()
  expect(await run.alarm('dead-letters')).toMatchObject({
    state: 'ALARM',
    reason: '1 message in manireports-jobs-dlq: offload dlq says why',
  })
  await post(run, '/_offload/queues/manireports-jobs-dlq/redrive')
  await run.clock.settle()
  // It comes back, since it is still no job.
  expect(run.changes('dead-letters')).toEqual(['ALARM', 'OK', 'ALARM'])
})

it('raises it where a queue that holds something becomes one for dead letters, and ends it when it is one no more', async () => {
  const run = await watched({ worker: 'none' })
  const ask = (name: string, operation: string, input: object = {}) =>
    run.during(({ inject, queueUrl }) => inject(ofQueue(queueUrl.replace(/[^/]+$/, name), operation, input)))
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:others',
    maxReceiveCount: 3,
  })
  await ask('', 'CreateQueue', { QueueName: 'others' })
  await ask('others', 'SendMessage', { MessageBody: 'left here' })
  expect(run.changes('dead-letters')).toEqual([])
  await ask('', 'CreateQueue', { QueueName: 'mine', Attributes: { RedrivePolicy } })
  expect(run.changes('dead-letters')).toEqual(['ALARM'])
  await ask('mine', 'SetQueueAttributes', { Attributes: { RedrivePolicy: '' } })
  expect(run.changes('dead-letters')).toEqual(['ALARM', 'OK'])
  await ask('mine', 'SetQueueAttributes', { Attributes: { RedrivePolicy } })
  expect(run.changes('dead-letters')).toEqual(['ALARM', 'OK', 'ALARM'])
})

it('raises the worker’s errors', async () => {
  const run = await watched()
  await run.faults('{ at: worker.mail, when: { every: 10, times: 1 }, then: { error: 451 } }')
  await run.submit(50)
  await run.end()
  expect(run.changes('worker-errors')).toEqual(['ALARM'])
  expect(await run.alarm('worker-errors')).toMatchObject({
    reason: '5 of 55 attempts failed in the last 1 h (9.1 %), more than 5 %',
  })
})

it('raises a job that stands still for an hour, to the second, and ends it with the job', async () => {
  const run = await watched()
  await run.faults('{ at: worker.receive, then: { delay: 2h } }')
  const began = run.clock.now()
  const job = await run.submit(2)
  await run.end()
  const changes = run.emulator.journal
    .read()
    .flatMap(({ at, event }) =>
      event.type === 'alarm.changed' && event.alarm === 'stuck-jobs' ? [[event.to, at - began]] : [],
    )
  expect(changes[0]).toEqual(['ALARM', hour])
  expect(changes[1]?.[0]).toBe('OK')
  const raised = run.emulator.journal.read().find(({ event }) => event.type === 'alarm.changed')?.event
  expect(raised).toMatchObject({
    reason: `1 job without progress for 1 h: job ${job} of tenant 1 (the worker has not ended it)`,
  })
})

it('raises a job of whose end Moodle never heard', async () => {
  const run = await watched()
  await run.faults('{ at: callback.attempt, then: { error: 500 } }')
  const job = await run.submit(2)
  await run.end()
  await run.clock.advance(hour)
  expect(await run.alarm('stuck-jobs')).toMatchObject({
    state: 'ALARM',
    reason: `1 job without progress for 1 h: job ${job} of tenant 1 (its end was never told to Moodle)`,
  })
})

it('goes on after a restart: states, history, shares and jobs', async () => {
  const run = await watched()
  await run.faults('{ at: callback.attempt, then: { error: 500 } }')
  await run.submit(40, { bounces: 10 })
  await run.end()
  const before = await run.alarm('bounce-rate')
  expect(before.state).toBe('ALARM')
  await run.crash()
  expect(await run.alarm('bounce-rate')).toEqual(before)
  expect(await run.alarm('callback-success')).toMatchObject({ state: 'ALARM', value: 0 })
  await run.clock.advance(hour)
  expect(run.changes('stuck-jobs')).toEqual(['ALARM'])
})

it('forgets with a reset', async () => {
  const run = await watched()
  await run.submit(40, { bounces: 10 })
  await run.end()
  await post(run, '/_offload/reset')
  expect(await run.alarm('bounce-rate')).toMatchObject({ state: 'INSUFFICIENT_DATA', value: null })
})

it('is on the page', async () => {
  const run = await watched()
  await run.submit(40, { bounces: 10 })
  await run.end()
  const page = await run.during(({ inject, url }) => inject(new Request(`${url}/_offload/page/alarms`)))
  const text = await page.text()
  expect(text).toContain('1 alarm')
  expect(text).toContain('10 of 40 mails bounced')
})
