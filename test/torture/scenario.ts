/** What a scenario of `npm run torture` is given. */
export interface Torture {
  readonly rounds: number;
  readonly random: () => number;
  /** One line and one count a round; `problem` undefined means it held. */
  readonly report: (what: string, problem: string | undefined) => void;
}
