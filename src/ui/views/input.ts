/** What every view is given, and what it gives back: panes of text and rectangles of drawn charts. */
import type { ChartRenderer } from "../../draw/chart.ts";
import type { Timestamp } from "../../model/sample.ts";
import type { Overlay } from "../cells.ts";
import type { Look } from "../look.ts";
import type { Pane } from "../pane.ts";
import type { Connection } from "../session.ts";
import type { Snapshot } from "../snapshot.ts";
import type { UiState } from "../state.ts";
import type { Survey } from "../survey.ts";

export interface ViewInput {
  readonly state: UiState;
  readonly survey: Survey;
  /** Undefined until the first answer. */
  readonly snapshot: Snapshot | undefined;
  readonly connection: Connection;
  readonly look: Look;
  readonly now: Timestamp;
  /** The terminal does not take frames as fast as they come. */
  readonly slow: boolean;
  /** For charts with enough room; our own braille otherwise. */
  readonly chart?: ChartRenderer | undefined;
  readonly completions: readonly string[];
}

export interface ViewPart {
  readonly panes: readonly Pane[];
  readonly overlays: readonly Overlay[];
}

/** Why it is not known what fires; undefined when it is. */
export function alertsUnknown(input: Pick<ViewInput, "snapshot" | "connection">): string | undefined {
  const { snapshot } = input;
  if (snapshot === undefined) return waitingText(input);
  if (snapshot.capabilities?.rules === false) return "this source evaluates no rules";
  return snapshot.alertsError === undefined ? undefined : `alerts unknown: ${snapshot.alertsError}`;
}

/** Why there is nothing yet. */
export function waitingText({ connection }: Pick<ViewInput, "connection">): string {
  return connection.error === undefined ? "waiting for the engine's first answer" : `no answer: ${connection.error}`;
}
