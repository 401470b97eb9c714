import { z } from 'zod'
import { invalidParameter, missingParameter } from '../errors.ts'
import { operation, queueUrl, type Operation, type QueueEngine } from '../operation.ts'

export const tagsInput = z.record(z.string(), z.string())

type Tags = Readonly<Record<string, string>>

export function checkTags(queue: string, tags: Tags): Tags {
  const entries = Object.entries(tags)
  if (entries.length > 50) throw invalidParameter(`Too many tags added for queue ${queue}.`)
  for (const [key, value] of entries) {
    if (key.length < 1 || key.length > 128) {
      throw invalidParameter('Tag keys must be between 1 and 128 characters in length.')
    }
    if (/^aws:/i.test(key)) throw invalidParameter("Tag keys cannot begin with 'aws:', which is reserved.")
    if (value.length > 256) throw invalidParameter('Tag values must be between 0 and 256 characters in length.')
  }
  return tags
}

export function tagQueue({ registry }: QueueEngine): Operation {
  const schema = z.object({ QueueUrl: queueUrl, Tags: tagsInput.default({}) })
  return operation('TagQueue', schema, ({ QueueUrl: name, Tags: tags }) => {
    const queue = registry.get(name)
    if (Object.keys(tags).length === 0) throw missingParameter('Tags')
    registry.setTags(queue, checkTags(name, { ...queue.tags, ...tags }))
    return undefined
  })
}

export function untagQueue({ registry }: QueueEngine): Operation {
  const schema = z.object({ QueueUrl: queueUrl, TagKeys: z.array(z.string()).default([]) })
  return operation('UntagQueue', schema, ({ QueueUrl: name, TagKeys: keys }) => {
    const queue = registry.get(name)
    if (keys.length === 0) throw invalidParameter('Tag keys must be between 1 and 128 characters in length.')
    registry.setTags(queue, Object.fromEntries(Object.entries(queue.tags).filter(([key]) => !keys.includes(key))))
    return undefined
  })
}

export function listQueueTags({ registry }: QueueEngine): Operation {
  return operation('ListQueueTags', z.object({ QueueUrl: queueUrl }), ({ QueueUrl: name }) => {
    const { tags } = registry.get(name)
    return Object.keys(tags).length === 0 ? {} : { Tags: tags }
  })
}
