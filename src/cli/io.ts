/** The real process behind `Io`. A closed pipe (`opsmon query … | head`) ends the program in silence. */
import { isatty } from "node:tty";
import { EXIT, UserError } from "../base/errors.ts";
import type { Io } from "./command.ts";

/** Largest standard input read: an expression, a page of metrics; bytes. */
const STDIN_BYTES_MAX = 64 * 1024 * 1024;
const COLUMNS_DEFAULT = 80;
const STDOUT = 1;
const STDERR = 2;

/** Node brings a stream up in milliseconds, and an engine never writes to its standard output. */
function opened(name: "stdout" | "stderr"): () => NodeJS.WriteStream {
  let stream: NodeJS.WriteStream | undefined;
  return () => {
    if (stream !== undefined) return stream;
    stream = process[name];
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(EXIT.ok);
      throw error;
    });
    return stream;
  };
}

const standardOutput: () => NodeJS.WriteStream = opened("stdout");
const standardError: () => NodeJS.WriteStream = opened("stderr");

export const processIo: Io = {
  env: process.env,
  get stdoutIsTty() {
    return isatty(STDOUT);
  },
  get stderrIsTty() {
    return isatty(STDERR);
  },
  get columns() {
    return (isatty(STDOUT) && standardOutput().columns) || Number(process.env["COLUMNS"]) || COLUMNS_DEFAULT;
  },
  out: (text) => void standardOutput().write(text),
  err: (text) => void standardError().write(text),
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
