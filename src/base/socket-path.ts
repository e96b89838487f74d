/** Paths of unix sockets: the system takes short ones only, and says no more than "invalid argument" to others. */
import { EXIT, UserError } from "./errors.ts";

/** Bytes of `sockaddr_un.sun_path` without its final zero; Linux has 108, macOS 104. */
export const SOCKET_PATH_BYTES_MAX: number = process.platform === "linux" ? 107 : 103;

/** @throws UserError `socket-path` (exit 3). */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return;
  throw new UserError("socket-path", `"${path}" is too long for a socket: ${bytes} of ${SOCKET_PATH_BYTES_MAX} bytes`, {
    hint: "name a shorter one with --socket, for example in /run or /tmp",
    exit: EXIT.invalid,
  });
}
