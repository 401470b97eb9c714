import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** A font in the memory of `harfbuzz-subset`. */
export interface SubsetFace {
  /** A font of only these glyphs and what they are composed of, without what lays out text. */
  subset(glyphs: Iterable<number>, options: { readonly keepIds: boolean }): Uint8Array
  /** Makes many subsets of one small font cheaper. */
  preprocess(): void
  close(): void
}

export interface Subsetter {
  open(font: Uint8Array): SubsetFace
}

/** What this module calls of the library: pointers are numbers, as in C. */
interface Harfbuzz {
  readonly memory: { readonly buffer: ArrayBuffer }
  _initialize(): void
  malloc(size: number): number
  free(pointer: number): void
  hb_blob_create(data: number, length: number, mode: number, userData: number, destroy: number): number
  hb_blob_destroy(blob: number): void
  hb_blob_get_length(blob: number): number
  hb_blob_get_data(blob: number, length: number): number
  hb_face_create(blob: number, index: number): number
  hb_face_destroy(face: number): void
  hb_face_reference_blob(face: number): number
  hb_set_add(set: number, value: number): void
  hb_set_clear(set: number): void
  hb_subset_input_create_or_fail(): number
  hb_subset_input_destroy(input: number): void
  hb_subset_input_glyph_set(input: number): number
  hb_subset_input_set(input: number, kind: number): number
  hb_subset_input_set_flags(input: number, flags: number): void
  hb_subset_input_pin_all_axes_to_default(input: number, face: number): number
  hb_subset_preprocess(face: number): number
  hb_subset_or_fail(face: number, input: number): number
}

const writable = 2
const dropTables = 3
const flags = { noHinting: 0x1, retainGids: 0x2, desubroutinize: 0x4, notdefOutline: 0x40, noLayoutClosure: 0x200 }

// A PDF places glyphs by number, so it needs nothing that chooses, names or places them.
const droppedTables =
  'GSUB GPOS GDEF BASE JSTF kern kerx morx cmap name post OS/2 STAT gasp DSIG VORG vhea vmtx meta MATH'
    .split(' ')
    .map((name) => Buffer.from(name.padEnd(4), 'latin1').readUInt32BE())

// Node has it; the types of Node leave it to those of browsers.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}

/** harfbuzz's own subsetter, which `harfbuzzjs` ships as a second WebAssembly file and wraps in nothing. */
export function createSubsetter(): Subsetter {
  const file = createRequire(import.meta.url).resolve('harfbuzzjs/dist/harfbuzz-subset.wasm')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {})
  const hb = exports as Harfbuzz
  // oxlint-disable-next-line no-underscore-dangle -- as WebAssembly calls what comes first
  hb._initialize()

  return {
    open(font) {
      const pointer = hb.malloc(font.byteLength)
      if (pointer === 0) throw new Error(`no memory for a font of ${font.byteLength} bytes`)
      new Uint8Array(hb.memory.buffer).set(font, pointer)
      const blob = hb.hb_blob_create(pointer, font.byteLength, writable, 0, 0)
      let face = hb.hb_face_create(blob, 0)
      const input = hb.hb_subset_input_create_or_fail()
      hb.hb_subset_input_pin_all_axes_to_default(input, face)
      const dropped = hb.hb_subset_input_set(input, dropTables)
      for (const table of droppedTables) hb.hb_set_add(dropped, table)
      const wanted = hb.hb_subset_input_glyph_set(input)
      const always = flags.noHinting | flags.desubroutinize | flags.notdefOutline | flags.noLayoutClosure

      return {
        subset(glyphs, { keepIds }) {
          hb.hb_set_clear(wanted)
          for (const glyph of glyphs) hb.hb_set_add(wanted, glyph)
          hb.hb_subset_input_set_flags(input, always | (keepIds ? flags.retainGids : 0))
          const result = hb.hb_subset_or_fail(face, input)
          if (result === 0) throw new Error('harfbuzz cannot make a subset of the font')
          const made = hb.hb_face_reference_blob(result)
          const at = hb.hb_blob_get_data(made, 0)
          const bytes = new Uint8Array(hb.memory.buffer).slice(at, at + hb.hb_blob_get_length(made))
          hb.hb_blob_destroy(made)
          hb.hb_face_destroy(result)
          return bytes
        },
        preprocess() {
          const prepared = hb.hb_subset_preprocess(face)
          hb.hb_face_destroy(face)
          face = prepared
        },
        close() {
          hb.hb_subset_input_destroy(input)
          hb.hb_face_destroy(face)
          hb.hb_blob_destroy(blob)
          // The blob was made of memory that it does not own.
          hb.free(pointer)
        },
      }
    },
  }
}
