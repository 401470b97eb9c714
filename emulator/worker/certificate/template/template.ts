import type { Layout } from '../layout-model.ts'

/** How certificates of one template look in one language, and what they say. */
export interface Template {
  readonly name: string
  readonly layout: Layout
  /** Equal for equal layouts. */
  readonly layoutId: string
  readonly placeholders: readonly TemplatePlaceholder[]
  /** The document's title, with placeholders. */
  readonly title: string
  /** BCP 47: in which all dates and numbers are written, whoever the recipient is. */
  readonly locale?: string
}

export interface TemplatePlaceholder {
  readonly name: string
  /** It may stay empty without anybody being told. */
  readonly optional: boolean
}

/** What is wrong in a template's file. Line and column begin at 1. */
export interface TemplateProblem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly reason: string
  readonly fix?: string
}

/** There is no such template, or it is broken: no certificate can be made with it. */
export class TemplateError extends Error {
  readonly problems: readonly TemplateProblem[]

  constructor(message: string, problems: readonly TemplateProblem[] = []) {
    super(message)
    this.name = 'TemplateError'
    this.problems = problems
  }
}

/** `gold.yaml:12:5: "colour" is no key of a text. Write color.` */
export function problemLine({ file, line, column, reason, fix }: TemplateProblem): string {
  return `${file}:${line}:${column}: ${reason}${fix === undefined ? '' : `. ${fix}`}`
}
