import type { MessageAttributes } from './contents.ts'

const names = ['tenant_id', 'company_id', 'companyid']

/**
 * Whose job a message carries, as the worker reads it: the attribute, else the body's own field in any dialect, else 0.
 * Undefined where the message is no job.
 */
export function tenantOf(attributes: MessageAttributes | undefined, body: string): string | undefined {
  const attribute = attributes?.CompanyId?.value
  if (attribute !== undefined) return attribute
  let job: unknown
  try {
    job = JSON.parse(body)
  } catch {
    return undefined
  }
  const fields = (typeof job === 'object' && job !== null ? job : {}) as Record<string, unknown>
  const found = names.map((name) => fields[name]).find((value) => value !== undefined && value !== null) ?? 0
  return typeof found === 'string' ? found : JSON.stringify(found)
}
