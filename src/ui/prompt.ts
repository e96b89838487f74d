/**
 * Keys while a line of text is edited: palette, filter, go-to-time, silence, acknowledge, mark, expression. Enter
 * carries the line out, Esc leaves without a trace. A line that cannot be carried out stays, with the reason beside it.
 */
import { errorText } from "../base/errors.ts";
import type { Alert } from "../model/alert.ts";
import { parseDuration } from "../model/duration.ts";
import { fingerprint } from "../model/fingerprint.ts";
import { METRIC_NAME } from "../model/labels.ts";
import { parseTime } from "../model/time.ts";
import type { Command } from "../api/source.ts";
import { completeWord, EMPTY_INPUT, editText, inputOf, insertText } from "./edit.ts";
import type { ActionName } from "./keymap.ts";
import type { KeyPress } from "./keys.ts";
import { parsePalette } from "./palette.ts";
import type { KeyContext, Step, UiState } from "./state.ts";
import { controlled, goTo, only, openView, say, toast } from "./steps.ts";
import { pauseAt } from "./time.ts";

type Act = (state: UiState, action: ActionName, context: KeyContext) => Step;

export function pressInPrompt(state: UiState, key: KeyPress, context: KeyContext, act: Act): Step {
  if (key.kind === "text") return edited(state, insertText(state.input, key.text));
  switch (key.name) {
    case "C-c":
    case "Esc":
      return only({ ...closed(state), filter: state.mode === "filter" ? "" : state.filter });
    case "Enter":
      return submit(state, context, act);
    case "Tab":
      return complete(state, context, 1);
    case "S-Tab":
      return complete(state, context, -1);
    case "Down":
      return only({ ...state, picked: wrap(state.picked + 1, context.completions.length) });
    case "Up":
      return only({ ...state, picked: wrap(state.picked - 1, context.completions.length) });
    case "C-z":
      return { state, effects: [{ kind: "suspend" }] };
    case "C-l":
      return { state, effects: [{ kind: "redraw" }] };
    default: {
      // Erasing the empty line leaves the prompt, as in less and vim.
      if (key.name === "Backspace" && state.input.text === "") return only(closed(state));
      const input = editText(state.input, key.name);
      return input === undefined ? only(state) : edited(state, input);
    }
  }
}

function edited(state: UiState, input: UiState["input"]): Step {
  const next = { ...state, input, picked: -1, toast: undefined };
  // The filter acts while it is typed.
  return only(state.mode === "filter" ? { ...next, filter: input.text, cursor: 0 } : next);
}

function closed(state: UiState): UiState {
  return { ...state, mode: "normal", input: EMPTY_INPUT, picked: -1 };
}

function wrap(index: number, count: number): number {
  return count === 0 ? -1 : (index + count) % count;
}

function complete(state: UiState, { completions }: KeyContext, direction: 1 | -1): Step {
  if (completions.length === 0) return only(state);
  const picked = state.picked < 0 ? 0 : state.picked;
  const completion = completions[picked] as string;
  const input = completeWord(state.input, completion);
  if (input.text !== state.input.text) return only({ ...state, input, picked: -1 });
  return only({ ...state, picked: wrap(picked + direction, completions.length) });
}

function submit(state: UiState, context: KeyContext, act: Act): Step {
  try {
    return carryOut(state, context, act);
  } catch (error) {
    return say(state, errorText(error), context.now, "error");
  }
}

function carryOut(state: UiState, context: KeyContext, act: Act): Step {
  const text = state.input.text.trim();
  switch (state.mode) {
    case "filter":
    case "normal":
      return only(closed(state));
    case "goto":
      return text === "" ? only(closed(state)) : goToTime(closed(state), text, context);
    case "silence":
      return silence(closed(state), text, context);
    case "ack":
      return acknowledge(closed(state), text, context);
    case "mark":
      return mark(closed(state), text, context);
    case "explore": {
      const picked = context.completions[state.picked];
      if (picked !== undefined) return only({ ...state, input: completeWord(state.input, picked), picked: -1 });
      return only({ ...closed(state), expr: text, cursor: 0 });
    }
    case "palette":
      return palette(state, text, context, act);
  }
}

function palette(state: UiState, text: string, context: KeyContext, act: Act): Step {
  const picked = context.completions[state.picked];
  const line = picked === undefined ? text : completeWord(inputOf(text), picked).text;
  const result = parsePalette(line);
  const done = closed(state);
  switch (result.kind) {
    case "action":
      return act(done, result.action, context);
    case "view":
      return only(openView(done, result.view));
    case "expr":
      return only({ ...goTo(done, "explore"), expr: result.text });
    case "span":
      return only({ ...done, time: { ...done.time, spanMs: result.spanMs } });
    case "goto":
      return goToTime(done, result.text, context);
    case "silence":
      return silence(done, result.text, context);
    case "ack":
      return acknowledge(done, result.text, context);
    case "mark":
      return mark(done, result.text, context);
    case "filter":
      return only({ ...done, filter: result.text, cursor: 0 });
    case "theme":
      return only({ ...done, theme: result.text });
    case "reload":
      return send(done, { kind: "reload" }, context, "reloading the configuration");
    case "nothing":
      return line === ""
        ? only(done)
        : say(state, `"${line}" is no command or view; ? lists them`, context.now, "error");
  }
}

function goToTime(state: UiState, text: string, { now, utc }: KeyContext): Step {
  const at = parseTime(text, now, utc);
  if (at > now) return say(state, `"${text}" is in the future`, now, "error");
  return only({ ...state, time: pauseAt(state.time, at) });
}

function send(state: UiState, command: Command, context: KeyContext, text: string): Step {
  return (
    controlled(state, context) ?? {
      state: toast(state, text, context.now),
      effects: [{ kind: "command", command }],
    }
  );
}

function chosenAlert(state: UiState, { alerts }: KeyContext): Alert | undefined {
  return alerts[state.alertCursor];
}

/** `2h`, or `2h because of the deploy`. All labels of the alert become matchers. */
function silence(state: UiState, text: string, context: KeyContext): Step {
  const alert = chosenAlert(state, context);
  if (alert === undefined) return say(state, "no alert here to silence", context.now, "error");
  const [duration = "", ...words] = text.split(/\s+/);
  const forMs = parseDuration(duration);
  const matchers = [...alert.labels]
    .filter(([name]) => name !== METRIC_NAME)
    .map(([name, value]) => ({ name, op: "=" as const, value }));
  const comment = words.join(" ") || "from the console";
  return send(
    state,
    {
      kind: "silence",
      silence: { matchers, startsAt: context.now, endsAt: context.now + forMs, createdBy: context.author, comment },
    },
    context,
    `silencing ${alert.labels.get("alertname")} for ${duration}`,
  );
}

function acknowledge(state: UiState, text: string, context: KeyContext): Step {
  const alert = chosenAlert(state, context);
  if (alert === undefined) return say(state, "no alert here to acknowledge", context.now, "error");
  return send(
    state,
    { kind: "ack", fingerprint: fingerprint(alert.labels), author: context.author, comment: text },
    context,
    `acknowledging ${alert.labels.get("alertname")}`,
  );
}

function mark(state: UiState, text: string, context: KeyContext): Step {
  if (text === "") return only(state);
  const at = state.time.mode === "paused" ? { at: state.time.at } : {};
  return send(state, { kind: "mark", text, author: context.author, ...at }, context, `marked: ${text}`);
}
