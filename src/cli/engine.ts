/**
 * The engine a live screen holds on to. A held connection tells the engine that a screen is open, and tells the screen
 * that the engine has gone: then it is held again as soon as somebody has started it, or started anew from here. Only
 * an embedded engine is started; a service belongs to whoever runs it.
 */
import { existsSync } from "node:fs";
import { type EngineSource, engineSource } from "../api/client/engine.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { dataDirOf, socketCandidates, socketOf } from "../config/paths.ts";
import type { Clock } from "../base/clock.ts";
import type { Invocation } from "./command.ts";

/** Another screen's revival is noticed this soon, ms. */
const HOLD_AGAIN_MS = 1_000;

/** An engine that has the lock may still need this long, this many times, until it answers, ms. */
const OTHERS_START_MS = 500;
const OTHERS_START_TRIES = 20;

export interface HeldEngine extends AsyncDisposable {
  readonly engine: EngineSource;
  /**
   * Holds the engine again, and starts one where none runs and we may.
   *
   * @throws UserError `engine-not-started` with what it said, `forbidden`.
   */
  revive(): Promise<void>;
}

interface Start {
  readonly socketPath: string;
  readonly dataDir: string;
  readonly flags: readonly string[];
}

/** The running engine, or one started now. @throws UserError as `revive`. */
export async function holdEngine(call: Invocation): Promise<HeldEngine> {
  const { options, io } = call;
  for (const socketPath of socketCandidates(options.text("socket"), options.text("data"), io.env)) {
    if (!existsSync(socketPath)) continue;
    const held = new Held(engineSource(socketPath), call.clock);
    if (!(await held.hold())) continue;
    held.learnStart(socketPath, ownFlags(call));
    return held;
  }
  const socketPath = socketOf(options.text("socket"), options.text("data"), io.env);
  const held = new Held(engineSource(socketPath), call.clock);
  held.start = { socketPath, dataDir: dataDirOf(options.text("data"), io.env), flags: ownFlags(call) };
  await held.revive();
  return held;
}

function ownFlags({ options }: Invocation): readonly string[] {
  const given = (["config", "listen", "webConfig"] as const).flatMap((name) =>
    options.list(name).flatMap((value) => [name === "webConfig" ? "--web-config" : `--${name}`, value]),
  );
  return [...given, ...(options.flag("discover") ? ["--discover"] : [])];
}

class Held implements HeldEngine {
  readonly engine: EngineSource;
  /** How to start it; undefined: it is not ours to start. */
  start: Start | undefined;
  readonly #clock: Clock;
  #holds = false;
  /** The attempt under way: a revival and the watch share it, or one of two connections would outlive the screen. */
  #holding: Promise<boolean> | undefined;
  #closed = false;
  #again: Disposable | undefined;

  constructor(engine: EngineSource, clock: Clock) {
    this.engine = engine;
    this.#clock = clock;
  }

  /** An engine that another screen started may be started by this one too, with the same data and configuration. */
  learnStart(socketPath: string, flags: readonly string[]): void {
    this.engine.status().then(
      ({ embedded, dataDir, configFile }) => {
        if (!embedded) return;
        const known = configFile === "" || flags.includes("--config") ? [] : ["--config", configFile];
        this.start = { socketPath, dataDir, flags: [...known, ...flags] };
      },
      // It has gone already: without its word that it was embedded it is left alone.
      () => undefined,
    );
  }

  hold(): Promise<boolean> {
    this.#holding ??= this.#attach().finally(() => {
      this.#holding = undefined;
    });
    return this.#holding;
  }

  async #attach(): Promise<boolean> {
    if (this.#holds || this.#closed) return this.#holds;
    try {
      await this.engine.attach(() => this.#lost());
      this.#holds = true;
      return true;
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === "ENOENT" || code === "ENOTDIR" || code === "ECONNREFUSED" || code === "ECONNRESET") return false;
      if (code === "EACCES") {
        const socket = (error as { address?: string }).address ?? "";
        throw new UserError("forbidden", `the engine's socket "${socket}" does not admit you`, {
          hint: "join its group, or name another with --socket or --data",
          exit: EXIT.unreachable,
          cause: error,
        });
      }
      throw error;
    }
  }

  async revive(): Promise<void> {
    if ((await this.hold()) || this.start === undefined) return;
    const { startEmbedded } = await import("../app/embed.ts");
    try {
      await startEmbedded({ ...this.start, answers: () => this.hold() });
    } catch (error) {
      if (!(await this.#othersStart(error))) throw error;
    }
  }

  /** Two screens that start one at once: the engine of the other has the lock, and answers in a moment. */
  async #othersStart(error: unknown): Promise<boolean> {
    const other = error instanceof UserError && error.code === "engine-elsewhere";
    for (let tries = other ? OTHERS_START_TRIES : 1; tries > 0; tries--) {
      await new Promise<void>((resolve) => void this.#clock.after(OTHERS_START_MS, resolve));
      if (this.#closed || (await this.hold())) return true;
    }
    return false;
  }

  /** The engine has ended. Whoever starts it: an embedded one stays only as long as it is held. */
  #lost(): void {
    this.#holds = false;
    if (this.#closed) return;
    this.#again?.[Symbol.dispose]();
    this.#again = this.#clock.after(HOLD_AGAIN_MS, () => {
      this.hold().then(
        (holds) => (holds ? undefined : this.#lost()),
        () => this.#lost(),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#again?.[Symbol.dispose]();
    await this.engine[Symbol.asyncDispose]();
  }
}
