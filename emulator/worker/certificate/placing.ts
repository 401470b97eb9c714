import { fit, lineHeight, lineWidth } from './fitting.ts'
import type { ShapedRun } from './fonts/typeface.ts'
import type { TextItem } from './layout-model.ts'
import type { GlyphUse } from './pdf/glyph-use.ts'
import { colour, number } from './pdf/syntax.ts'
import { fillText } from './placeholders.ts'
import { codePointName, plain, replacement } from './text/plain.ts'
import { visualOrder, type Typesetter, type Word } from './text/typesetter.ts'

/** A text on the page: what draws it, what is used for it, and what is to be said about it. */
export interface PlacedText {
  readonly operators: string
  readonly runs: readonly ShapedRun[]
  readonly findings: readonly string[]
}

const nothing: PlacedText = { operators: '', runs: [], findings: [] }
const listedCharacters = 20
/** UTF-16 units of a line of a template: more has room on no page, and is not looked at. */
const longestText = 10_000

/** Fits a text into its item's room. */
export function placeText(
  item: TextItem,
  values: Readonly<Record<string, string>>,
  { typesetter, use, language }: { readonly typesetter: Typesetter; readonly use: GlyphUse; readonly language: string },
): PlacedText {
  const filled = item.text.split('\n').map((line) => fillText(line, values))
  const texts = filled.flatMap((line) => plain(line.slice(0, longestText)) || [])
  if (texts.length === 0) return nothing
  const paragraphs = texts.map((text) => typesetter.typeset(text, item.font, language))
  const spaced = item.spacing !== undefined && item.spacing !== 0 && texts.every((text) => standsApart.test(text))
  const tracking = spaced ? ((item.spacing ?? 0) * 1000) / item.size : 0
  const { size, lines: fitted, cut } = fit(paragraphs, { ...item, tracking })
  const findings = missingFindings(item, new Set(paragraphs.flatMap(({ missing }) => [...missing])))
  let lines = fitted
  if (cut || filled.some((line) => line.length > longestText)) {
    const length = filled.reduce((sum, line) => sum + line.length, 0)
    findings.push(`the ${item.name} (${length} characters) is too long for the page and was cut`)
    const last = Array.from(textOf(fitted.at(-1) ?? []))
    const ending = typesetter.typeset(`${last.slice(0, -3).join('')}…`, item.font, language)
    lines = [...fitted.slice(0, -1), ending.words]
  }

  const leading = size * lineHeight
  const y = firstBaseline(item, size, (lines.length - 1) * leading)
  const runs: ShapedRun[] = []
  let operators = `${colour(item.colour)} rg${spaced ? ` ${Math.round(tracking) / 1000} Tc` : ''} BT\n`
  for (const [index, line] of lines.entries()) {
    const width = (lineWidth(line, tracking) * size) / 1000
    const x = item.align === 'left' ? item.x : item.align === 'right' ? item.x - width : item.x - width / 2
    operators += `${number(size)} 0 0 ${number(size)} ${number(x)} ${number(y - index * leading)} Tm\n`
    let current: string | undefined
    for (const { run } of visualOrder(line)) {
      const { resource } = run.typeface
      if (resource !== current) operators += `${current === undefined ? '' : ']TJ'}/${resource} 1 Tf[`
      current = resource
      operators += use.show(run)
      runs.push(run)
    }
    operators += ']TJ\n'
  }
  operators += spaced ? 'ET 0 Tc\n' : 'ET\n'
  return { operators: operators.replaceAll('><', '').replaceAll('[]TJ', ''), runs, findings }
}

// Scripts whose letters neither join nor stack.
const standsApart =
  /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Common}]*$/u

function firstBaseline({ y }: TextItem, size: number, above: number): number {
  if ('baseline' in y) return y.baseline + above
  if ('top' in y) return y.top - size * 0.92
  // Capitals are about 0.68 of the size high: their middle is what the eye takes for the middle of a line.
  return y.middle + above / 2 - size * 0.34
}

function textOf(line: readonly Word[]): string {
  return line.map(({ text, space }, index) => (index === 0 || space === undefined ? text : ` ${text}`)).join('')
}

function missingFindings(item: TextItem, missing: ReadonlySet<number>): string[] {
  const names = Array.from(missing, codePointName)
  const listed = names
    .slice(0, listedCharacters)
    .map((name) => `${name} has no glyph in any font: drawn as ${replacement} in the ${item.name}`)
  const more = names.length - listed.length
  return more > 0 ? [...listed, `${more} more characters of the ${item.name} have no glyph`] : listed
}
