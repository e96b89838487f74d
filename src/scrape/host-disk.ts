/**
 * Block devices from /proc/diskstats and file systems by statfs, under node_exporter's names.
 *
 * Asking a dead network file system blocks a thread of the process for ever, so those are not asked, and no mount is
 * asked again while its last question is open.
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { fieldsOf, readSmall } from "./host-files.ts";
import { type HostFamily, type HostPage, hostFamily } from "./host-page.ts";

const DEVICES_MAX = 256;
const SECTOR_BYTES = 512;
/** node_exporter's default: partitions, RAM disks, loops and floppies are left out. */
const DEVICE_HIDDEN = /^(?:z?ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;

function disk(name: string, help: string, type: "counter" | "gauge" = "counter"): HostFamily {
  return hostFamily(`node_disk_${name}`, type, help, "device");
}

/** In the order of /proc/diskstats, with what one unit there is worth. */
const DISK_FIELDS: readonly (readonly [family: HostFamily, unit: number])[] = [
  [disk("reads_completed_total", "The total number of reads completed successfully."), 1],
  [disk("reads_merged_total", "The total number of reads merged."), 1],
  [disk("read_bytes_total", "The total number of bytes read successfully."), SECTOR_BYTES],
  [disk("read_time_seconds_total", "The total number of seconds spent by all reads."), 0.001],
  [disk("writes_completed_total", "The total number of writes completed successfully."), 1],
  [disk("writes_merged_total", "The number of writes merged."), 1],
  [disk("written_bytes_total", "The total number of bytes written successfully."), SECTOR_BYTES],
  [disk("write_time_seconds_total", "This is the total number of seconds spent by all writes."), 0.001],
  [disk("io_now", "The number of I/Os currently in progress.", "gauge"), 1],
  [disk("io_time_seconds_total", "Total seconds spent doing I/Os."), 0.001],
  [disk("io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os."), 0.001],
  [disk("discards_completed_total", "The total number of discards completed successfully."), 1],
  [disk("discards_merged_total", "The total number of discards merged."), 1],
  [disk("discarded_sectors_total", "The total number of sectors discarded successfully."), 1],
  [disk("discard_time_seconds_total", "This is the total number of seconds spent by all discards."), 0.001],
  [disk("flush_requests_total", "The total number of flush requests completed successfully"), 1],
  [
    disk("flush_requests_time_seconds_total", "This is the total number of seconds spent by all flush requests."),
    0.001,
  ],
];

export function collectDisks(page: HostPage, proc: string): boolean {
  const text = readSmall(join(proc, "diskstats"));
  if (text === undefined) return false;
  let devices = 0;
  for (const [, , name, ...counters] of fieldsOf(text)) {
    if (name === undefined || DEVICE_HIDDEN.test(name) || devices++ >= DEVICES_MAX) continue;
    DISK_FIELDS.forEach(([family, unit], i) => page.add(family, scaled(Number(counters[i]), unit), name));
  }
  return true;
}

/** Milliseconds are divided, not multiplied, so 1234 ms is 1.234 s and not 1.2340000000000002. */
function scaled(value: number, unit: number): number {
  return unit === 0.001 ? value / 1_000 : value * unit;
}

/** node_exporter's defaults, and the files a container runtime mounts from the disk that is shown anyway. */
const MOUNT_HIDDEN =
  /^\/(?:dev|proc|sys|run\/credentials\/.+|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+|etc\/(?:hosts|hostname|resolv\.conf))(?:$|\/)/;
const TYPE_HIDDEN =
  /^(?:autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$/;
/** Their servers may be gone. */
const TYPE_REMOTE = /^(?:nfs\d?|cifs|smb\w*|ncpfs|afs|ceph|9p|glusterfs|lustre|beegfs|fuse\..+|davfs)$/;
const MOUNTS_MAX = 200;
/** A local file system answers in microseconds; one that takes this long is broken. */
const STATFS_MS_MAX = 300;

const FILESYSTEM = {
  size: filesystem("size_bytes", "Filesystem size in bytes."),
  free: filesystem("free_bytes", "Filesystem free space in bytes."),
  avail: filesystem("avail_bytes", "Filesystem space available to non-root users in bytes."),
  files: filesystem("files", "Filesystem total file nodes."),
  filesFree: filesystem("files_free", "Filesystem total free file nodes."),
  readonly: filesystem("readonly", "Filesystem read-only status."),
  error: filesystem("device_error", "Whether an error occurred while getting statistics for the given device."),
} as const;

function filesystem(name: string, help: string): HostFamily {
  return hostFamily(`node_filesystem_${name}`, "gauge", help, "device", "mountpoint", "fstype");
}

interface Mount {
  readonly device: string;
  readonly point: string;
  readonly type: string;
  readonly readOnly: boolean;
}

/** Octal escapes of /proc/mounts: blanks, tabs, line feeds and backslashes in names. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function mountsOf(proc: string): readonly Mount[] | undefined {
  const text =
    readSmall(join(proc, "1/mounts")) ?? readSmall(join(proc, "self/mounts")) ?? readSmall(join(proc, "mounts"));
  if (text === undefined) return undefined;
  const mounts = new Map<string, Mount>();
  for (const [device, point, type, options] of fieldsOf(text)) {
    if (device === undefined || point === undefined || type === undefined) continue;
    const mount = unescapeMount(point);
    // The root of a container is an overlay, and its fill level is what the person in there wants to see.
    const hidden = MOUNT_HIDDEN.test(mount) || (TYPE_HIDDEN.test(type) && !(type === "overlay" && mount === "/"));
    if (hidden || TYPE_REMOTE.test(type) || mounts.size >= MOUNTS_MAX) continue;
    const readOnly = (options ?? "").split(",").includes("ro");
    mounts.set(mount, { device: unescapeMount(device), point: mount, type, readOnly });
  }
  return [...mounts.values()];
}

export class FilesystemCollector {
  readonly #clock: Clock;
  readonly #open: Set<string> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async collect(page: HostPage, proc: string): Promise<boolean> {
    const mounts = mountsOf(proc);
    if (mounts === undefined) return false;
    const answers = await Promise.all(mounts.map((mount) => this.#ask(mount.point)));
    mounts.forEach((mount, i) => addFilesystem(page, mount, answers[i]));
    return true;
  }

  /** Undefined: it failed, or has not answered yet. */
  async #ask(point: string): Promise<Awaited<ReturnType<typeof statfs>> | undefined> {
    if (this.#open.has(point)) return undefined;
    this.#open.add(point);
    const asked = statfs(point)
      .catch(() => undefined)
      .finally(() => this.#open.delete(point));
    const { promise, resolve } = Promise.withResolvers<undefined>();
    using _patience = this.#clock.after(STATFS_MS_MAX, () => resolve(undefined));
    return await Promise.race([asked, promise]);
  }
}

function addFilesystem(page: HostPage, mount: Mount, stats: Awaited<ReturnType<typeof statfs>> | undefined): void {
  const labels = [mount.device, mount.point, mount.type] as const;
  page.add(FILESYSTEM.error, stats === undefined ? 1 : 0, ...labels);
  page.add(FILESYSTEM.readonly, mount.readOnly ? 1 : 0, ...labels);
  if (stats === undefined) return;
  page.add(FILESYSTEM.size, Number(stats.blocks) * Number(stats.bsize), ...labels);
  page.add(FILESYSTEM.free, Number(stats.bfree) * Number(stats.bsize), ...labels);
  page.add(FILESYSTEM.avail, Number(stats.bavail) * Number(stats.bsize), ...labels);
  page.add(FILESYSTEM.files, Number(stats.files), ...labels);
  page.add(FILESYSTEM.filesFree, Number(stats.ffree), ...labels);
}
