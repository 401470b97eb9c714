import type { Clock } from '../../kernel/clock.ts'
import type { Store } from '../../kernel/store.ts'
import { limitExceeded, templateExists, templateInvalid, templateNotFound } from './errors.ts'
import { checkTemplate } from './rendering.ts'

export interface TemplateContent {
  readonly subject?: string | undefined
  readonly text?: string | undefined
  readonly html?: string | undefined
}

export interface Template {
  readonly name: string
  readonly content: TemplateContent
  /** Epoch milliseconds. */
  readonly createdAt: number
}

export interface Templates {
  create(name: string, content: TemplateContent): void
  get(name: string): Template
  update(name: string, content: TemplateContent): void
  /** Whether it was there. */
  remove(name: string): boolean
  /** By name, after `after`. */
  list(query: { after?: string | undefined; limit: number }): Template[]
  reset(): void
}

interface Row {
  name: string
  content: string
  created_at: number
}

const templateOf = ({ name, content, created_at }: Row): Template => ({
  name,
  content: JSON.parse(content) as TemplateContent,
  createdAt: created_at,
})

/** SES allows 500 KB a template, and 20,000 templates an account. */
const longest = 500 * 1024
const most = 20_000

export function createTemplates({ store, clock }: { store: Store; clock: Clock }): Templates {
  store.define(`
    CREATE TABLE IF NOT EXISTS ses_templates (
      name TEXT PRIMARY KEY,
      content TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) WITHOUT ROWID
  `)
  const check = (name: string, content: TemplateContent) => {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
      throw templateInvalid(
        'Template name must contain only alphanumeric characters, underscores and hyphens (1 to 64).',
      )
    }
    const { subject, text, html } = content
    if (subject === undefined && text === undefined && html === undefined) {
      throw templateInvalid('Template must have a subject, a text part or an HTML part.')
    }
    for (const part of [subject, text, html]) if (part !== undefined) checkTemplate(part)
    if (JSON.stringify(content).length > longest) throw templateInvalid(`Template is larger than ${longest} bytes.`)
  }
  return {
    create(name, content) {
      check(name, content)
      const held = store.get<{ held: number }>('SELECT count(*) AS held FROM ses_templates')?.held ?? 0
      if (held >= most) throw limitExceeded('templates', most)
      const { changes } = store.run(
        'INSERT OR IGNORE INTO ses_templates VALUES (?, ?, ?)',
        name,
        JSON.stringify(content),
        clock.now(),
      )
      if (changes === 0) throw templateExists(name)
    },
    get(name) {
      const row = store.get<Row>('SELECT * FROM ses_templates WHERE name = ?', name)
      if (row === undefined) throw templateNotFound(name)
      return templateOf(row)
    },
    update(name, content) {
      check(name, content)
      const { changes } = store.run(
        'UPDATE ses_templates SET content = ? WHERE name = ?',
        JSON.stringify(content),
        name,
      )
      if (changes === 0) throw templateNotFound(name)
    },
    remove: (name) => store.run('DELETE FROM ses_templates WHERE name = ?', name).changes > 0,
    list: ({ after = '', limit }) =>
      store.all<Row>('SELECT * FROM ses_templates WHERE name > ? ORDER BY name LIMIT ?', after, limit).map(templateOf),
    reset: () => void store.run('DELETE FROM ses_templates'),
  }
}
