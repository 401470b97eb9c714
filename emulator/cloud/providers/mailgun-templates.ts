import type { JsonObject } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import { checkTemplate, render, TemplateError } from '../mail/handlebars.ts'
import type { Form } from './mailgun-request.ts'
import { refuse } from './refusal.ts'

export interface MailgunVersion {
  readonly id: string
  readonly tag: string
  readonly template: string
  readonly engine: 'handlebars'
  readonly mjml: string
  /** RFC 2822. */
  readonly createdAt: string
  readonly comment: string
  /** One version of a template is sent where none is named. */
  readonly active: boolean
}

export interface MailgunTemplate {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly createdAt: string
  readonly createdBy: string
  readonly version?: MailgunVersion
}

/**
 * A domain's stored templates, Handlebars all. Throws `invalid` and `not-found`.
 * Source: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/templates
 */
export interface MailgunTemplates {
  create(domain: string, form: Form): MailgunTemplate
  list(domain: string, limit: number): MailgunTemplate[]
  /** `active`: with its active version. */
  get(domain: string, name: string, active: boolean): MailgunTemplate
  update(domain: string, name: string, form: Form): void
  remove(domain: string, name: string): void
  removeAll(domain: string): void
  addVersion(domain: string, name: string, form: Form): MailgunTemplate
  versions(domain: string, name: string): MailgunTemplate & { readonly versions: readonly MailgunVersion[] }
  getVersion(domain: string, name: string, tag: string): MailgunTemplate
  updateVersion(domain: string, name: string, tag: string, form: Form): void
  removeVersion(domain: string, name: string, tag: string): void
  /** A version's html, the active one's without `tag`. */
  render(domain: string, name: string, tag: string | undefined, variables: JsonObject): string
  reset(): void
}

interface TemplateRow {
  id: string
  name: string
  description: string
  created_at: number
}
interface VersionRow {
  id: string
  tag: string
  template: string
  comment: string
  active: number
  created_at: number
}

/** Mailgun keeps 100 templates a domain, 40 versions a template, and 100 KB of each. */
const mostTemplates = 100
const mostVersions = 40
const longest = 100 * 1024

const time = (at: number) => new Date(at).toUTCString().replace('GMT', 'UTC')
const versionOf = ({ id, tag, template, comment, active, created_at }: VersionRow): MailgunVersion => ({
  id,
  tag,
  template,
  engine: 'handlebars',
  mjml: '',
  createdAt: time(created_at),
  comment,
  active: active !== 0,
})

const fieldOf = ({ fields }: Form, name: string) => fields.findLast(([field]) => field === name)?.[1]
const isYes = (value: string | undefined) => /^(yes|true)$/i.test(value ?? '')
const isName = (name: string) => /^[A-Za-z0-9._~ -]{1,100}$/.test(name)

function sourceOf(form: Form): string {
  const template = fieldOf(form, 'template') ?? ''
  const engine = fieldOf(form, 'engine') ?? 'handlebars'
  if (template === '') throw refuse('invalid', 'template parameter is missing')
  if (engine !== 'handlebars') {
    throw refuse(
      'invalid',
      `engine ${JSON.stringify(engine.slice(0, 40))} is not kept: Offload renders handlebars alone`,
    )
  }
  if (Buffer.byteLength(template) > longest) throw refuse('invalid', `template is longer than ${longest} bytes`)
  return inMailgunWords(() => {
    checkTemplate(template)
    return template
  })
}

function inMailgunWords<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    throw error instanceof TemplateError ? refuse('invalid', error.message) : error
  }
}

export function createMailgunTemplates({
  store,
  clock,
  ids,
}: {
  store: Store
  clock: Clock
  ids: Ids
}): MailgunTemplates {
  store.define(`
    CREATE TABLE IF NOT EXISTS mailgun_templates (
      domain TEXT NOT NULL,
      name TEXT NOT NULL,
      id TEXT NOT NULL,
      description TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      PRIMARY KEY (domain, name)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS mailgun_template_versions (
      template_id TEXT NOT NULL,
      tag TEXT NOT NULL,
      id TEXT NOT NULL,
      template TEXT NOT NULL,
      comment TEXT NOT NULL,
      active INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      PRIMARY KEY (template_id, tag)
    ) WITHOUT ROWID;
  `)
  const rowOf = (domain: string, name: string) => {
    const row = store.get<TemplateRow>('SELECT * FROM mailgun_templates WHERE domain = ? AND name = ?', domain, name)
    if (row === undefined) throw refuse('not-found', 'template not found')
    return row
  }
  const versionsOf = (id: string) =>
    store
      .all<VersionRow>('SELECT * FROM mailgun_template_versions WHERE template_id = ? ORDER BY created_at, tag', id)
      .map(versionOf)
  const versionRow = (template: TemplateRow, tag: string) => {
    const found = versionsOf(template.id).find((one) => one.tag === tag)
    if (found === undefined) throw refuse('not-found', 'version not found')
    return found
  }
  const templateOf = (
    { id, name, description, created_at }: TemplateRow,
    version?: MailgunVersion,
  ): MailgunTemplate => ({
    id,
    name,
    description,
    createdAt: time(created_at),
    createdBy: '',
    ...(version === undefined ? {} : { version }),
  })
  const activate = (id: string, tag: string) =>
    store.run('UPDATE mailgun_template_versions SET active = (tag = ?) WHERE template_id = ?', tag, id)

  const addVersion = (row: TemplateRow, form: Form, otherwise: string | undefined): MailgunTemplate => {
    const template = sourceOf(form)
    const tag = (fieldOf(form, 'tag') ?? otherwise ?? '').toLowerCase()
    if (!isName(tag)) throw refuse('invalid', 'tag parameter is missing, or no name')
    const known = versionsOf(row.id)
    if (known.some((one) => one.tag === tag)) throw refuse('invalid', `version ${tag} already exists`)
    if (known.length >= mostVersions) throw refuse('invalid', `a template has ${mostVersions} versions at most`)
    store.run(
      'INSERT INTO mailgun_template_versions VALUES (?, ?, ?, ?, ?, 0, ?)',
      row.id,
      tag,
      ids.next('mailgun-version'),
      template,
      fieldOf(form, 'comment') ?? '',
      clock.now(),
    )
    if (known.length === 0 || isYes(fieldOf(form, 'active'))) activate(row.id, tag)
    return templateOf(row, versionRow(row, tag))
  }
  const forget = (where: string, ...values: string[]) =>
    store.tx(() => {
      store.run(
        `DELETE FROM mailgun_template_versions WHERE template_id IN (SELECT id FROM mailgun_templates WHERE ${where})`,
        ...values,
      )
      store.run(`DELETE FROM mailgun_templates WHERE ${where}`, ...values)
    })

  return {
    create(domain, form) {
      const name = (fieldOf(form, 'name') ?? '').toLowerCase()
      if (!isName(name)) throw refuse('invalid', 'name parameter is missing, or no name')
      const held = store.get<{ held: number }>(
        'SELECT count(*) AS held FROM mailgun_templates WHERE domain = ?',
        domain,
      )
      if ((held?.held ?? 0) >= mostTemplates) {
        throw refuse('invalid', `a domain has ${mostTemplates} templates at most`)
      }
      return store.tx(() => {
        const { changes } = store.run(
          'INSERT OR IGNORE INTO mailgun_templates VALUES (?, ?, ?, ?, ?)',
          domain,
          name,
          ids.next('mailgun-template'),
          fieldOf(form, 'description') ?? '',
          clock.now(),
        )
        if (changes === 0) throw refuse('invalid', `template with name ${JSON.stringify(name)} already exists`)
        const row = rowOf(domain, name)
        return fieldOf(form, 'template') === undefined ? templateOf(row) : addVersion(row, form, 'initial')
      })
    },
    list: (domain, limit) =>
      store
        .all<TemplateRow>('SELECT * FROM mailgun_templates WHERE domain = ? ORDER BY name LIMIT ?', domain, limit)
        .map((row) => templateOf(row)),
    get(domain, name, active) {
      const row = rowOf(domain, name)
      return templateOf(row, active ? versionsOf(row.id).find((one) => one.active) : undefined)
    },
    update(domain, name, form) {
      const { id } = rowOf(domain, name)
      const description = fieldOf(form, 'description') ?? ''
      store.run('UPDATE mailgun_templates SET description = ? WHERE domain = ? AND id = ?', description, domain, id)
    },
    remove(domain, name) {
      rowOf(domain, name)
      forget('domain = ? AND name = ?', domain, name)
    },
    removeAll: (domain) => forget('domain = ?', domain),
    addVersion: (domain, name, form) => store.tx(() => addVersion(rowOf(domain, name), form, undefined)),
    versions(domain, name) {
      const row = rowOf(domain, name)
      return { ...templateOf(row), versions: versionsOf(row.id) }
    },
    getVersion(domain, name, tag) {
      const row = rowOf(domain, name)
      return templateOf(row, versionRow(row, tag))
    },
    updateVersion(domain, name, tag, form) {
      const row = rowOf(domain, name)
      const known = versionRow(row, tag)
      store.tx(() => {
        store.run(
          'UPDATE mailgun_template_versions SET template = ?, comment = ? WHERE template_id = ? AND tag = ?',
          fieldOf(form, 'template') === undefined ? known.template : sourceOf(form),
          fieldOf(form, 'comment') ?? known.comment,
          row.id,
          tag,
        )
        if (isYes(fieldOf(form, 'active'))) activate(row.id, tag)
      })
    },
    removeVersion(domain, name, tag) {
      const row = rowOf(domain, name)
      versionRow(row, tag)
      store.run('DELETE FROM mailgun_template_versions WHERE template_id = ? AND tag = ?', row.id, tag)
    },
    render(domain, name, tag, variables) {
      const key = name.toLowerCase()
      const row = store.get<TemplateRow>('SELECT * FROM mailgun_templates WHERE domain = ? AND name = ?', domain, key)
      if (row === undefined) {
        throw refuse(
          'invalid',
          `template ${JSON.stringify(name.slice(0, 80))} does not exist in ${domain}: create it by POST /v3/${domain}/templates`,
        )
      }
      const all = versionsOf(row.id)
      const found =
        tag === undefined ? all.find(({ active }) => active) : all.find((one) => one.tag === tag.toLowerCase())
      if (found === undefined) {
        throw refuse(
          'invalid',
          `template ${JSON.stringify(key)} has no ${tag === undefined ? 'active version' : `version ${tag.slice(0, 80)}`}`,
        )
      }
      return inMailgunWords(() => render(found.template, variables, { escapes: true, missing: 'empty' }))
    },
    reset() {
      store.run('DELETE FROM mailgun_templates')
      store.run('DELETE FROM mailgun_template_versions')
    },
  }
}
