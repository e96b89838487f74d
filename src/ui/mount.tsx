/**
 * The live console: a source and a terminal in, a screen until somebody quits. Wires the parts together and owns
 * nothing else: keys go to the reducer, the session asks the source, scenes are built from state and snapshot, ink
 * lays their text out, the compositor paints. Every path out of here leaves the terminal as it was found.
 */
import { format } from "node:util";
import { render, type Instance } from "ink";
import type { ReactElement } from "react";
import { UserError } from "../base/errors.ts";
import type { ChartRenderer } from "../draw/chart.ts";
import { sgr } from "../draw/theme.ts";
import { panelGrid } from "../panel/query.ts";
import { completionsFor } from "./complete.ts";
import { type Compositor, createCompositor } from "./compositor.ts";
import { insertText } from "./edit.ts";
import type { KeyPress } from "./keys.ts";
import type { Command } from "../api/source.ts";
import { contains } from "./layout.ts";
import { type Look, lookOf } from "./look.ts";
import { renderOnce, stateFor } from "./once.tsx";
import type { ProcessEvents, TopExit, TopOptions } from "./options.ts";
import { press, pressesOf } from "./reducer.ts";
import { requestOf } from "./request.ts";
import { buildScene } from "./scene.ts";
import { Screen } from "./screen.tsx";
import { type Connection, createSession, type Session } from "./session.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Effect, KeyContext, UiState } from "./state.ts";
import { staleSnapshot } from "./stale.ts";
import { type InputSplitter, type MouseReport, splitInput } from "./stdin.ts";
import { openView, sayError, toast } from "./steps.ts";
import { surveyScreen, type Survey } from "./survey.ts";
import { createTerminalModes, type TerminalModes, watchProcess } from "./terminal.ts";
import { ready } from "./yoga.ts";

const REFRESH_MS = 1_000;
/** How long after the first full frame the widget library is loaded: when nobody waits for anything. */
const CHARTS_AFTER_MS = 150;

/**
 * Shows the console until it is quit or a signal ends it.
 *
 * @throws UserError `not-a-terminal` (exit 2) when stdin or stdout is none; whatever a crash threw, after the terminal is clean.
 */
export async function mountTop(options: TopOptions): Promise<TopExit> {
  if (options.stdin.isTTY !== true || options.stdout.isTTY !== true) {
    throw new UserError("not-a-terminal", "the live console needs a terminal on stdin and stdout", {
      hint: "opsmon top --once prints one frame anywhere",
      exit: 2,
    });
  }
  await ready();
  // A terminal without cursor movement gets one plain frame: a console cannot be drawn there, an answer can.
  if (options.env["TERM"] === "dumb") {
    const { columns = 80, rows = 24 } = options.stdout;
    options.stdout.write(`${await renderOnce({ ...options, width: columns - 1, height: rows })}\n`);
    return { reason: "quit" };
  }
  return new Console(options).run();
}

class Console {
  readonly #options: TopOptions;
  readonly #process: ProcessEvents;
  readonly #modes: TerminalModes;
  readonly #compositor: Compositor;
  readonly #input: InputSplitter;
  readonly #session: Session;
  #state: UiState;
  #look: Look;
  #instance: Instance | undefined;
  #chart: ChartRenderer | undefined;
  #finish: (exit: TopExit) => void = () => undefined;
  #fail: (error: unknown) => void = () => undefined;
  #ended = false;
  #loading = false;
  #surveyed: { readonly state: UiState; readonly snapshot: Snapshot | undefined; readonly survey: Survey } | undefined;
  #stale: { readonly from: Snapshot; readonly connection: Connection; readonly snapshot: Snapshot } | undefined;
  #drawing = false;

  constructor(options: TopOptions) {
    this.#options = options;
    this.#process = options.process ?? (process as unknown as ProcessEvents);
    const first = stateFor(options);
    this.#state = openView(first, first.view);
    this.#look = lookOf(options);
    this.#modes = createTerminalModes(options.stdin, options.stdout);
    this.#compositor = createCompositor(options.stdout, {
      clock: options.clock,
      sgr: (style) => sgr(this.#look.theme, style, this.#look.depth),
    });
    this.#input = splitInput(options.stdin, options.clock, {
      onMouse: (report) => this.#guard(() => this.#mouse(report)),
      onFocus: (focused) => this.#session.focus(focused),
      onEnd: () => this.#finish({ reason: "signal", signal: "SIGHUP" }),
    });
    this.#session = createSession({
      source: options.source,
      clock: options.clock,
      refreshMs: options.refreshMs ?? REFRESH_MS,
      wanted: () => requestOf(options, this.#state, this.#session.snapshot, this.#survey(), options.clock.now()),
      onTick: () => this.#ticked(),
      isSlow: () => this.#compositor.slow,
      revive: options.revive,
    });
  }

  async run(): Promise<TopExit> {
    const { stdout } = this.#options;
    const ended = new Promise<TopExit>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const resize = (): void => this.#guard(() => this.#resized());
    const broken = (): void => this.#finish({ reason: "signal", signal: "SIGHUP" });
    const watch = watchProcess(this.#process, {
      onSignal: (signal) => this.#finish({ reason: "signal", signal }),
      onContinue: () => this.#continued(),
      onDeath: () => this.#modes.leave(),
    });
    const printed = holdConsole();
    stdout.on("resize", resize);
    stdout.on("error", broken);
    try {
      this.#modes.enter();
      this.#input.attach();
      this.#session.start();
      this.#draw();
      return await ended;
    } finally {
      this.#ended = true;
      this.#session.close();
      this.#input.detach();
      this.#compositor.stop();
      stdout.off("resize", resize);
      this.#modes.leave();
      this.#instance?.unmount();
      printed.release();
      watch[Symbol.dispose]();
      // A late EPIPE of a terminal that has gone must not become a crash: this listener stays.
    }
  }

  #ticked(): void {
    this.#draw();
    if (this.#session.snapshot === undefined || this.#loading) return;
    this.#loading = true;
    this.#options.clock.after(CHARTS_AFTER_MS, () => void this.#loadCharts());
  }

  /** The widget library costs 50 ms to load: the first full frame is drawn without it. */
  async #loadCharts(): Promise<void> {
    if (this.#ended) return;
    try {
      this.#chart = (await import("../draw/contrib.ts")).contribChart;
      this.#draw();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The last answer; once the engine is silent, without what is only true of now. */
  #snapshot(): Snapshot | undefined {
    const { snapshot: from, connection } = this.#session;
    if (from === undefined || connection.silentSince === undefined) return from;
    if (this.#stale?.from !== from || this.#stale.connection !== connection) {
      const { clock, utc } = this.#options;
      this.#stale = { from, connection, snapshot: staleSnapshot(from, connection, clock.now(), utc === true) };
    }
    return this.#stale.snapshot;
  }

  /** The survey of this state, snapshot and size; asked several times for one frame. */
  #survey(): Survey {
    const { size } = this.#compositor;
    const snapshot = this.#snapshot();
    const known = this.#surveyed;
    const same = known?.state === this.#state && known.snapshot === snapshot;
    if (same && known.survey.layout.size.width === size.width && known.survey.layout.size.height === size.height) {
      return known.survey;
    }
    const survey = surveyScreen(this.#state, snapshot, this.#options.panels, size);
    this.#surveyed = { state: this.#state, snapshot, survey };
    return survey;
  }

  #guard(step: () => void): void {
    if (this.#ended) return;
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #draw(): void {
    this.#guard(() => this.#paint());
  }

  #paint(): void {
    if (this.#drawing || !this.#modes.entered) return;
    this.#drawing = true;
    const { size } = this.#compositor;
    const scene = buildScene({
      state: this.#state,
      survey: this.#survey(),
      snapshot: this.#snapshot(),
      connection: this.#session.connection,
      look: this.#look,
      now: this.#options.clock.now(),
      slow: this.#compositor.slow,
      chart: this.#chart,
      completions: this.#completions(),
    });
    const screen = (
      <Screen
        scene={scene}
        size={size}
        onPress={(key) => this.#guard(() => this.#press(key))}
        onPaste={(text) => this.#guard(() => this.#paste(text))}
      />
    );
    this.#compositor.overlay(scene.overlays);
    if (this.#instance === undefined) this.#mount(screen);
    else this.#instance.rerender(screen);
    this.#compositor.present();
    this.#drawing = false;
  }

  #mount(screen: ReactElement): void {
    // Debug mode makes ink hand over whole frames; interactive must be said, or CI=true in the environment mutes it.
    this.#instance = render(screen, {
      stdout: this.#compositor.stream,
      stdin: this.#input.stream,
      debug: true,
      interactive: true,
      exitOnCtrlC: false,
      patchConsole: false,
      isScreenReaderEnabled: false,
    });
    this.#instance.waitUntilExit().then(
      () => undefined,
      (error: unknown) => this.#fail(error),
    );
  }

  #completions(): readonly string[] {
    const snapshot = this.#session.snapshot;
    return completionsFor(this.#state, { metrics: snapshot?.metrics, labels: snapshot?.labels ?? [] });
  }

  #context(survey: Survey): KeyContext {
    const { options, snapshot } = { options: this.#options, snapshot: this.#session.snapshot };
    const request = requestOf(options, this.#state, snapshot, survey, options.clock.now());
    const frame = survey.selected === undefined ? undefined : snapshot?.frames.get(survey.selected.id);
    const inAlerts = this.#state.pane === "alerts" || this.#state.view === "alerts";
    const list = (inAlerts && this.#state.view !== "alerts" ? survey.layout.alerts : survey.layout.list)?.height ?? 10;
    return {
      now: options.clock.now(),
      utc: options.utc === true,
      bucketMs: panelGrid(request.window).stepMs,
      rows: survey.rows,
      panel: survey.selected,
      exprs: frame?.exprs ?? [],
      alerts: survey.alerts,
      panels: options.panels,
      target: survey.targets[survey.cursor],
      discovered: survey.discovered,
      changes: (snapshot?.changes ?? []).map((change) => change.at),
      completions: this.#completions(),
      capabilities: snapshot?.capabilities,
      author: options.author ?? "console",
      page: Math.max(1, list - 3),
    };
  }

  #press(key: KeyPress): void {
    for (const one of pressesOf(this.#state, key)) {
      if (this.#ended) return;
      const step = press(this.#state, one, this.#context(this.#survey()));
      this.#apply(step.state, step.effects);
    }
  }

  /** A paste is text for a prompt; outside of one it must not be taken for commands. */
  #paste(text: string): void {
    if (this.#state.mode === "normal") return;
    const line = text.replace(/\s+/g, " ").trim();
    this.#apply({ ...this.#state, input: insertText(this.#state.input, line), picked: -1 }, []);
  }

  #apply(state: UiState, effects: readonly Effect[]): void {
    if (state.theme !== this.#state.theme) {
      this.#look = lookOf({ ...this.#options, theme: state.theme });
      this.#compositor.invalidate();
    }
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (this.#ended) return;
    this.#session.changed();
    this.#draw();
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "quit":
        return this.#finish({ reason: "quit" });
      case "suspend":
        return this.#suspend();
      case "redraw":
        return this.#compositor.invalidate();
      case "mouse":
        this.#state = { ...this.#state, mouse: effect.on };
        return this.#modes.mouse(effect.on);
      case "copy":
        return this.#modes.copy(effect.text);
      case "command":
        return void this.#send(effect.command);
    }
  }

  async #send(command: Command): Promise<void> {
    const { source, clock } = this.#options;
    try {
      const result = await source.command(command);
      this.#state = toast(this.#state, result.text, clock.now());
      this.#session.refresh();
    } catch (error) {
      this.#state = sayError(this.#state, error, clock.now());
    }
    this.#draw();
  }

  #mouse(report: MouseReport): void {
    if (!this.#state.mouse || report.kind === "release") return;
    const survey = this.#survey();
    const { layout } = survey;
    const inAlerts = layout.alerts !== undefined && contains(layout.alerts, report.x, report.y);
    const focused: UiState = { ...this.#state, pane: inAlerts && this.#state.view !== "alerts" ? "alerts" : "main" };
    if (report.kind !== "press") {
      this.#state = focused;
      return this.#press({ kind: "key", name: report.kind === "wheel-up" ? "Up" : "Down" });
    }
    const chart = layout.charts.findIndex((rect) => contains(rect, report.x, report.y));
    const inGrid = chart >= 0 && survey.charts.length > 1 && this.#state.view !== "overview";
    this.#apply(inGrid ? { ...focused, cursor: chart } : focused, []);
  }

  #resized(): void {
    this.#compositor.invalidate();
    // Ink lays out anew by itself on this event, once with the old scene: nothing of that is sent.
    this.#compositor.stream.emit("resize");
    this.#session.changed();
    this.#draw();
  }

  /** Gives the terminal back and stops, with everything else of this job, until the shell says go on. */
  #suspend(): void {
    this.#modes.leave();
    this.#input.detach();
    this.#process.kill(0, "SIGTSTP");
  }

  #continued(): void {
    if (this.#ended) return;
    if (this.#modes.entered) this.#modes.repeat();
    else {
      this.#modes.enter();
      this.#input.attach();
    }
    this.#compositor.invalidate();
    this.#session.refresh();
    this.#draw();
  }
}

/** Lines kept of what anything printed while the screen was up. */
const HELD_LINES_MAX = 100;

/** Keeps console output off the screen; it is printed to stderr once the terminal is back. */
function holdConsole(): { release(): void } {
  const held: string[] = [];
  const methods = ["log", "info", "warn", "error", "debug"] as const;
  const originals = methods.map((method) => [method, console[method]] as const);
  for (const method of methods) {
    console[method] = (...parts: unknown[]): void => {
      if (held.length < HELD_LINES_MAX) held.push(format(...parts));
    };
  }
  return {
    release() {
      for (const [method, original] of originals) console[method] = original;
      for (const line of held) console.error(line);
    },
  };
}
