import type { Cluster, ShapedRun, Typeface } from '../fonts/typeface.ts'
import { utf16 } from './syntax.ts'

/** Which glyphs a document shows and what text they stand for. */
export interface GlyphUse {
  /** Registers a run; returns the operands that show it, between `[` and `]TJ`. */
  show(run: ShapedRun): string
  /** By font: the codes that were shown. */
  readonly fonts: ReadonlyMap<Typeface, ReadonlyMap<number, string>>
}

/**
 * A glyph has one text in a font's map. Where a cluster cannot be told from its glyphs one by one, or one of them stands
 * for another text already, the cluster says itself what it stands for (`ActualText`); cluster by cluster, so that what
 * a reader may do to the order of right-to-left text cannot change the order within.
 */
export function createGlyphUse(): GlyphUse {
  const fonts = new Map<Typeface, Map<number, string>>()
  const shown = new Map<ShapedRun, string>()
  const codesOf = (typeface: Typeface) => {
    let codes = fonts.get(typeface)
    if (codes === undefined) fonts.set(typeface, (codes = new Map()))
    return codes
  }

  const explained = (run: ShapedRun, codes: Map<number, string>): string => {
    let operands = ''
    // Spelled letters know nothing of their neighbours.
    for (const cluster of (run.whole?.() ?? run).clusters()) {
      if (speaksForItself(cluster, codes)) {
        operands += cluster.operands
      } else {
        for (const code of cluster.codes) if (!codes.has(code)) codes.set(code, '')
        const text = utf16(cluster.text.toWellFormed())
        operands += `]TJ/Span<</ActualText<feff${text}>>>BDC[${cluster.operands}]TJ EMC[`
      }
    }
    return operands
  }

  return {
    fonts,
    show(run) {
      let operands = shown.get(run)
      if (operands !== undefined) return operands
      const codes = codesOf(run.typeface)
      let plain = true
      for (const cluster of run.clusters()) if (!speaksForItself(cluster, codes)) plain = false
      operands = plain ? run.operands : explained(run, codes)
      // What was spelled seldom comes again.
      if (run.whole === undefined) shown.set(run, operands)
      return operands
    },
  }
}

/** Whether the font's map can say what the cluster stands for; if so, it does from now on. */
function speaksForItself({ codes: [code, ...others], text }: Cluster, codes: Map<number, string>): boolean {
  if (code === undefined || others.length > 0) return false
  const known = codes.get(code)
  if (known === undefined || known === '') {
    codes.set(code, text)
    return true
  }
  return known === text
}
