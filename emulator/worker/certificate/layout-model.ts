/** A certificate's page as it is drawn. All lengths are points, from the left and from the bottom. */
export interface Layout {
  readonly name: string
  readonly page: { readonly width: number; readonly height: number }
  /** Fills the page, behind everything. */
  readonly background?: Picture | { readonly kind: 'pdf'; readonly bytes: Uint8Array }
  /** Drawn in this order. What holds no placeholder is the same on every certificate, and drawn once a batch. */
  readonly items: readonly LayoutItem[]
}

export interface Picture {
  readonly kind: 'png' | 'jpeg'
  readonly bytes: Uint8Array
}

/** `#rrggbb`. */
export type Colour = string

export interface FontChoice {
  readonly family: 'serif' | 'sans' | 'mono'
  readonly bold?: boolean
  readonly italic?: boolean
  /** The customer's own font (TrueType or OpenType); `family` is what stands in for characters that it lacks. */
  readonly file?: Uint8Array
}

export interface TextItem {
  readonly kind: 'text'
  /** As a finding names it. */
  readonly name: string
  /**
   * With placeholders such as `{course}`, filled from a recipient's values (`fillText`); an empty result draws nothing.
   * A line end of its own begins a new line; one in a value is a space.
   */
  readonly text: string
  readonly font: FontChoice
  readonly colour: Colour
  /** Where the lines begin, have their middle, or end, by `align`. */
  readonly x: number
  /** Where the lines have their middle, where the last of them stands, or where the first of them begins. */
  readonly y: { readonly middle: number } | { readonly baseline: number } | { readonly top: number }
  readonly align: 'left' | 'centre' | 'right'
  /** The room that the text has: it shrinks from `size` to `wrapBelow`, then wraps, then shrinks on, then is cut. */
  readonly width: number
  readonly height: number
  readonly size: number
  readonly wrapBelow: number
  /** Between the letters, in scripts whose letters stand apart. */
  readonly spacing?: number
}

export interface PictureItem {
  readonly kind: 'picture'
  readonly name: string
  readonly picture: Picture
  /** The lower left corner. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The recipient's verification address as a QR code, with its quiet zone inside `side`. */
export interface QrItem {
  readonly kind: 'qr'
  /** The lower left corner. */
  readonly x: number
  readonly y: number
  readonly side: number
  readonly colour: Colour
  /** Behind the code; without it the page shows through. */
  readonly paper?: Colour
}

export interface ShapeItem {
  readonly kind: 'rectangle' | 'line'
  /** A rectangle's lower left corner, or where a line begins. */
  readonly x: number
  readonly y: number
  /** A rectangle's size, or how far right and up a line goes: less than 0 is left and down. */
  readonly width: number
  readonly height: number
  readonly fill?: Colour
  readonly stroke?: Colour
  readonly strokeWidth?: number
}

/** Drawn by code of ours: the default's frames and rosette, as PDF operators. */
export interface ArtworkItem {
  readonly kind: 'artwork'
  readonly operators: string
}

export type LayoutItem = TextItem | PictureItem | QrItem | ShapeItem | ArtworkItem
