import { SesError } from '../../cloud/ses/errors.ts'

const mostFields = 20_000
const deepest = 10

interface Node {
  value: string | undefined
  readonly children: Map<string, Node>
}

const newNode = (): Node => ({ value: undefined, children: new Map() })

function treeOf(node: Node): unknown {
  if (node.children.size === 0) return node.value ?? ''
  const members = node.children.get('member')
  if (members !== undefined && node.children.size === 1) {
    return [...members.children]
      .filter(([index]) => /^\d{1,9}$/.test(index))
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, member]) => treeOf(member))
  }
  return Object.fromEntries([...node.children].map(([name, child]) => [name, treeOf(child)]))
}

/** `Destination.ToAddresses.member.1=…` → `{Destination: {ToAddresses: […]}}`. Lists are `member.1`, `member.2`, … */
export function readForm(text: string): Record<string, unknown> {
  const root = newNode()
  let fields = 0
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.split('.')
    if (++fields > mostFields || path.length > deepest) {
      throw new SesError('malformed-input', 'The form has too many fields, or fields that are nested too deep.')
    }
    let node = root
    for (const part of path) {
      let child = node.children.get(part)
      if (child === undefined) {
        child = newNode()
        node.children.set(part, child)
      }
      node = child
    }
    node.value = value
  }
  return Object.fromEntries([...root.children].map(([name, child]) => [name, treeOf(child)]))
}
