/** A rectangle of terminal cells. Index = row × width + column. */
export interface CellGrid {
  readonly width: number;
  readonly height: number;
  /** Unicode code point per cell; 0 marks the right half of a wide glyph. */
  readonly glyph: Uint32Array;
  /** Theme style number per cell; 0 is the default style. */
  readonly style: Uint16Array;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}
