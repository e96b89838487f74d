/** The real process behind `Io`. A closed pipe (`opsmon query … | head`) ends the program in silence. */
import { EXIT, UserError } from "../base/errors.ts";
import type { Io } from "./command.ts";

/** Largest standard input read: an expression, a page of metrics; bytes. */
const STDIN_BYTES_MAX = 64 * 1024 * 1024;
const COLUMNS_DEFAULT = 80;

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    throw error;
  });
}

export const processIo: Io = {
  env: process.env,
  stdoutIsTty: process.stdout.isTTY === true,
  stderrIsTty: process.stderr.isTTY === true,
  columns: process.stdout.columns || Number(process.env["COLUMNS"]) || COLUMNS_DEFAULT,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  async readStdin() {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > STDIN_BYTES_MAX)
        throw new UserError("input-too-large", `standard input is larger than ${STDIN_BYTES_MAX} bytes`, {
          exit: EXIT.limit,
        });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  },
};
