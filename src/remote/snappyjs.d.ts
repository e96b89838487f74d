/** The one function of snappyjs that is used; the package has no types of its own. */
declare module "snappyjs" {
  export function compress(plain: Uint8Array): Uint8Array;
}
