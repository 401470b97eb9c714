import { z } from 'zod'
import { invalidParameter, invalidValue, resourceNotFound } from '../errors.ts'
import { operation, type Operation, type QueueEngine } from '../operation.ts'
import type { Queue, Registry } from '../registry.ts'

type ArnParameter = 'SourceArn' | 'DestinationArn'

function queueOf(registry: Registry, arn: string, parameter: ArnParameter): Queue {
  if (!/^arn:[^:]+:sqs:[^:]+:\d{12}:[^:]+$/.test(arn)) {
    throw invalidParameter(
      `You must use this format to specify the ${parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>`,
    )
  }
  const queue = registry.findArn(arn)
  if (queue === undefined) {
    throw resourceNotFound(`The resource that you specified for the ${parameter} parameter doesn't exist.`)
  }
  return queue
}

export function startMessageMoveTask({ store, registry, moveTasks }: QueueEngine): Operation {
  const schema = z.object({
    SourceArn: z.string(),
    DestinationArn: z.string().optional(),
    MaxNumberOfMessagesPerSecond: z.int().optional(),
  })
  return operation('StartMessageMoveTask', schema, async (input) => {
    const { MaxNumberOfMessagesPerSecond: rate } = input
    if (rate !== undefined && (rate < 1 || rate > 500)) {
      throw invalidValue(rate, 'MaxNumberOfMessagesPerSecond', 'You must enter a number from 1 to 500.')
    }
    const handle = await store.write(() => {
      const source = queueOf(registry, input.SourceArn, 'SourceArn')
      if (registry.sourcesOf(source).length === 0) {
        throw invalidParameter('Source queue must be configured as a Dead Letter Queue.')
      }
      const destination =
        input.DestinationArn === undefined ? undefined : queueOf(registry, input.DestinationArn, 'DestinationArn')
      if (destination?.id === source.id) {
        throw invalidParameter('Source queue arn and destination queue arn cannot be the same')
      }
      if (
        destination !== undefined &&
        (destination.settings.fifo === undefined) !== (source.settings.fifo === undefined)
      ) {
        throw invalidParameter('Source queue and destination queue must be of the same type.')
      }
      return moveTasks.start(source, destination, rate)
    })
    return { TaskHandle: handle }
  })
}

export function listMessageMoveTasks({ registry, moveTasks }: QueueEngine): Operation {
  const schema = z.object({ SourceArn: z.string(), MaxResults: z.int().default(1) })
  return operation('ListMessageMoveTasks', schema, ({ SourceArn: arn, MaxResults: most }) => {
    if (most < 1 || most > 10) throw invalidValue(most, 'MaxResults', 'Must be between 1 and 10, if provided.')
    const tasks = moveTasks.list(queueOf(registry, arn, 'SourceArn'), most)
    return {
      Results: tasks.map((task) => ({
        // Only what runs can be cancelled.
        ...(task.status === 'RUNNING' && { TaskHandle: task.handle }),
        Status: task.status,
        SourceArn: task.sourceArn,
        ...(task.destinationArn !== undefined && { DestinationArn: task.destinationArn }),
        ...(task.rate !== undefined && { MaxNumberOfMessagesPerSecond: task.rate }),
        ApproximateNumberOfMessagesMoved: task.moved,
        ApproximateNumberOfMessagesToMove: task.toMove,
        ...(task.failure !== undefined && { FailureReason: task.failure }),
        StartedTimestamp: task.startedAt,
      })),
    }
  })
}

export function cancelMessageMoveTask({ store, moveTasks }: QueueEngine): Operation {
  return operation('CancelMessageMoveTask', z.object({ TaskHandle: z.string() }), async ({ TaskHandle: handle }) => ({
    ApproximateNumberOfMessagesMoved: await store.write(() => moveTasks.cancel(handle)),
  }))
}
