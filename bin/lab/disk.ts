/** A small file system that can be filled without touching a real one. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { $ } from "zx";
import type { Lab } from "./settings.ts";

const SIZE_BYTES = 16 * 1024 * 1024;

export async function fillDisk(lab: Lab): Promise<void> {
  const disk = lab.at("smalldisk");
  mkdirSync(disk, { recursive: true });
  await $({ quiet: true })`mount -t tmpfs -o size=${SIZE_BYTES} opsmon-lab ${disk}`;
  writeFileSync(path.join(disk, "fill"), Buffer.alloc(Math.floor(SIZE_BYTES * 0.97)));
}

export async function emptyDisk(lab: Lab): Promise<void> {
  const disk = lab.at("smalldisk");
  if (existsSync(path.join(disk, "fill"))) await $({ quiet: true })`umount ${disk}`;
  rmSync(disk, { recursive: true, force: true });
}
