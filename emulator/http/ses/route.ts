import type { Ses } from '../../cloud/ses/ses.ts'

/** What a request says, from its path, its query and its body. */
export interface Call {
  readonly ses: Ses
  readonly name: string
  /** The second parameter of a path, where it has one. */
  readonly second: string
  readonly query: unknown
  readonly body: unknown
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Its parameters are `:name` and `:second`. */
  readonly path: string
  readonly answer: (call: Call) => object | Promise<object>
}
