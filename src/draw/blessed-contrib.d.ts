/** The little of blessed-contrib that `contrib.ts` uses; the package ships no types. */
declare module "blessed-contrib/lib/widget/charts/line.js" {
  interface LineCanvas {
    readonly width: number;
    readonly height: number;
    /** Braille bits of each cell. */
    readonly content: Uint8Array;
    /** Whatever was last set as stroke style. */
    color: unknown;
    set(x: number, y: number): void;
  }
  interface LineWidget {
    readonly ctx: { readonly _canvas: LineCanvas };
    emit(event: "attach"): void;
    setData(
      data: readonly {
        readonly x: readonly string[];
        readonly y: readonly number[];
        readonly style: { line: unknown };
      }[],
    ): void;
  }
  const line: new (options: object) => LineWidget;
  export default line;
}
