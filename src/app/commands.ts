/** What a person asks the engine to do, carried out by the room it belongs to. */
import type { Command, CommandResult } from "../api/source.ts";
import { UserError } from "../base/errors.ts";
import type { Rooms } from "./rooms.ts";

/** @throws UserError `bad-mark` and what the rooms throw. */
export async function carryOut(rooms: Rooms, command: Exclude<Command, { kind: "reload" }>): Promise<CommandResult> {
  const { journal, notifier, discovery, options } = rooms;
  switch (command.kind) {
    case "mark": {
      const at = command.at ?? options.clock.now();
      if (command.text.trim() === "") throw new UserError("bad-mark", "a mark needs a text", { exit: 2 });
      await journal.append([{ kind: "mark", at, text: command.text, author: command.author, labels: {} }]);
      return { text: `marked ${new Date(at).toISOString()}: ${command.text}` };
    }
    case "silence": {
      const made = await notifier.silence(command.silence);
      return { id: made.id, text: `silenced until ${new Date(made.endsAt).toISOString()} as ${made.id}` };
    }
    case "expire-silence":
      await notifier.expireSilence(command.id);
      return { id: command.id, text: `expired ${command.id}` };
    case "ack": {
      const made = await notifier.acknowledge(command.fingerprint, command.author, command.comment);
      return { id: made.id, text: `acknowledged by ${command.author}` };
    }
    case "notify-test": {
      const outcomes = await notifier.test(command.receiver);
      return { text: outcomes.map((one) => `${one.integration}: ${one.outcome}`).join("\n") };
    }
    case "add-target":
      await discovery.add(command.scraper, command.url);
      return { text: `scraping ${command.url} as ${command.scraper}` };
  }
}
