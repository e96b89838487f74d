/** All commands. A new one is a file under `commands/` and a line here. */
import type { CommandSpec } from "./command.ts";
import { alerts } from "./commands/alerts.ts";
import { backup, restore } from "./commands/backup.ts";
import { check } from "./commands/check.ts";
import { ack, mark, reload } from "./commands/control.ts";
import { fsck } from "./commands/fsck.ts";
import { exportCommand } from "./commands/export.ts";
import { importCommand } from "./commands/import.ts";
import { cardinality, config, notify } from "./commands/inspect.ts";
import { query } from "./commands/query.ts";
import { rules } from "./commands/rules.ts";
import { serve } from "./commands/serve.ts";
import { silence } from "./commands/silence.ts";
import { status } from "./commands/status.ts";
import { targets } from "./commands/targets.ts";
import { top } from "./commands/top.ts";

export const COMMANDS: readonly CommandSpec[] = [
  top,
  serve,
  query,
  alerts,
  silence,
  ack,
  mark,
  notify,
  check,
  rules,
  targets,
  status,
  cardinality,
  config,
  reload,
  exportCommand,
  importCommand,
  backup,
  restore,
  fsck,
];
