import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ManualClock, manualClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { HostPage } from "../../../src/scrape/host-page.ts";
import { ProcessCollector } from "../../../src/scrape/host-process.ts";
import { createHostCollector, type HostCollector } from "../../../src/scrape/host.ts";
import { type MemoryStore, memoryStore } from "../../support/memory-store.ts";
import { type Dump, dumpStore, SCRAPE_START } from "../../support/scrape.ts";

let root: string;
let store: MemoryStore;
let clock: ManualClock;
let host: HostCollector;

const put = (path: string, text: string): void => {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};
const process = (pid: number, name: string, ticks: number, pages: number): void => {
  const fields = [
    "S",
    "1",
    ...Array.from({ length: 9 }, () => "0"),
    `${ticks}`,
    "5",
    ...Array.from({ length: 6 }, () => "0"),
    "77",
    "1000",
    `${pages}`,
  ];
  put(`proc/${pid}/stat`, `${pid} (${name}) ${fields.join(" ")} 0 0\n`);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "opsmon-host-"));
  mkdirSync(join(root, "proc"));
  store = memoryStore();
  clock = manualClock(SCRAPE_START);
  host = createHostCollector({
    appendable: store,
    clock,
    log: silentLogger,
    procPath: join(root, "proc"),
    sysPath: join(root, "sys"),
    instance: "box",
  });
});
afterEach(async () => {
  await host.close();
  rmSync(root, { recursive: true });
});

/** Last values without the labels that every series has. */
async function collected(metric: string): Promise<Readonly<Record<string, number | "stale" | undefined>>> {
  await host.collect();
  const dump: Dump = await dumpStore(store, metric);
  return Object.fromEntries(
    Object.entries(dump).map(([series, values]) => [
      series
        .replace(/(?:, )?instance="box", job="node"(?:, )?/, (all) =>
          all.startsWith(",") && all.endsWith(" ") ? ", " : "",
        )
        .replace("{}", ""),
      values.at(-1)?.[1],
    ]),
  );
}

describe("readings under node_exporter's names", () => {
  const cases: readonly (readonly [file: string, text: string, metric: string, expected: Record<string, number>])[] = [
    [
      "proc/stat",
      "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 20 300 4000 50 6 7 8 0 0\nintr 5 1 2\nctxt 77\nbtime 1700000000\nprocesses 9\nprocs_running 3\nprocs_blocked 1\n",
      "node_cpu_seconds_total|node_(context|boot|intr|forks|procs).*",
      {
        'node_cpu_seconds_total{cpu="0", mode="user"}': 1,
        'node_cpu_seconds_total{cpu="0", mode="nice"}': 0.2,
        'node_cpu_seconds_total{cpu="0", mode="system"}': 3,
        'node_cpu_seconds_total{cpu="0", mode="idle"}': 40,
        'node_cpu_seconds_total{cpu="0", mode="iowait"}': 0.5,
        'node_cpu_seconds_total{cpu="0", mode="irq"}': 0.06,
        'node_cpu_seconds_total{cpu="0", mode="softirq"}': 0.07,
        'node_cpu_seconds_total{cpu="0", mode="steal"}': 0.08,
        node_intr_total: 5,
        node_context_switches_total: 77,
        node_boot_time_seconds: 1_700_000_000,
        node_forks_total: 9,
        node_procs_running: 3,
        node_procs_blocked: 1,
      },
    ],
    [
      "proc/loadavg",
      "0.52 1.50 2.25 1/123 456\n",
      "node_load.*",
      { node_load1: 0.52, node_load5: 1.5, node_load15: 2.25 },
    ],
    [
      "proc/meminfo",
      "MemTotal:  1000 kB\nActive(anon):  10 kB\nHugePages_Total:  3\n",
      "node_memory.*",
      { node_memory_MemTotal_bytes: 1_024_000, node_memory_Active_anon_bytes: 10_240, node_memory_HugePages_Total: 3 },
    ],
    [
      "proc/vmstat",
      "pgmajfault 5\noom_kill 1\nnr_free_pages 7\npswpin 2\n",
      "node_vmstat.*",
      { node_vmstat_pgmajfault: 5, node_vmstat_oom_kill: 1, node_vmstat_pswpin: 2 },
    ],
    [
      "proc/pressure/io",
      "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=20\n",
      "node_pressure.*",
      { node_pressure_io_waiting_seconds_total: 1.5, node_pressure_io_stalled_seconds_total: 0.00002 },
    ],
    [
      "proc/sys/fs/file-nr",
      "928\t0\t9223372036854775807\n",
      "node_filefd.*",
      { node_filefd_allocated: 928, node_filefd_maximum: 2 ** 63 },
    ],
    [
      "proc/net/snmp",
      "Tcp: ActiveOpens CurrEstab Odd\nTcp: 5 3 1\nUdp: InDatagrams InErrors\nUdp: 7 2\n",
      "node_netstat.*",
      {
        node_netstat_Tcp_ActiveOpens: 5,
        node_netstat_Tcp_CurrEstab: 3,
        node_netstat_Udp_InDatagrams: 7,
        node_netstat_Udp_InErrors: 2,
      },
    ],
    [
      "proc/net/sockstat",
      "sockets: used 12\nTCP: inuse 4 mem 2\n",
      "node_sockstat.*",
      {
        node_sockstat_sockets_used: 12,
        node_sockstat_TCP_inuse: 4,
        node_sockstat_TCP_mem: 2,
        node_sockstat_TCP_mem_bytes: 8_192,
      },
    ],
    [
      "proc/diskstats",
      "   8 0 sda 10 1 2048 500 20 2 4096 700 3 1234 5678\n   8 1 sda1 1 1 1 1 1 1 1 1 1 1 1\n   7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n",
      "node_disk_(read_bytes|written_bytes|io_time|io_now|reads_completed).*",
      {
        'node_disk_reads_completed_total{device="sda"}': 10,
        'node_disk_read_bytes_total{device="sda"}': 1_048_576,
        'node_disk_written_bytes_total{device="sda"}': 2_097_152,
        'node_disk_io_now{device="sda"}': 3,
        'node_disk_io_time_seconds_total{device="sda"}': 1.234,
        'node_disk_io_time_weighted_seconds_total{device="sda"}': 5.678,
      },
    ],
    [
      "proc/net/dev",
      "Inter-|   Receive |  Transmit\n face |bytes packets\n  eth0: 100 2 3 4 0 0 0 5 600 7 8 9 0 0 0 0\n",
      "node_network_(receive|transmit)_(bytes|errs|drop)_total",
      {
        'node_network_receive_bytes_total{device="eth0"}': 100,
        'node_network_receive_errs_total{device="eth0"}': 3,
        'node_network_receive_drop_total{device="eth0"}': 4,
        'node_network_transmit_bytes_total{device="eth0"}': 600,
        'node_network_transmit_errs_total{device="eth0"}': 8,
        'node_network_transmit_drop_total{device="eth0"}': 9,
      },
    ],
  ];
  test.each(cases)("%s", async (file, text, metric, expected) => {
    put(file, text);
    expect(await collected(metric)).toEqual(expected);
  });

  test("file systems are asked by statfs; kernel ones and remote ones are not", async () => {
    put(
      "proc/1/mounts",
      `/dev/sda1 ${root} ext4 ro,relatime 0 0\nproc /proc proc rw 0 0\nserver:/x /mnt/nfs nfs4 rw 0 0\n`,
    );
    const found = await collected("node_filesystem_(size_bytes|readonly|device_error)");
    expect(Object.keys(found)).toHaveLength(3);
    expect(Object.entries(found).find(([name]) => name.startsWith("node_filesystem_readonly"))?.[1]).toBe(1);
    expect(Object.entries(found).find(([name]) => name.startsWith("node_filesystem_size_bytes"))?.[1]).toBeGreaterThan(
      0,
    );
  });
});

describe("a host that shows little", () => {
  test("an empty /proc is no error: up is 1 and the status names what is missing", async () => {
    expect(await collected("up")).toEqual({ up: 1 });
    expect(host.status()).toMatchObject({ health: "up", lastError: "" });
    expect(host.status().warnings[0]).toMatch(/^not readable here: stat, meminfo, loadavg, filesystem/);
  });

  test("files with other contents than expected give no numbers, not wrong ones", async () => {
    put("proc/loadavg", "what is this\n");
    put("proc/meminfo", "\u001b[2J: x kB\nMemTotal: many kB\n");
    put("proc/net/dev", "a\nb\nno colon here\neth0: x\n");
    expect(await collected("node_(load|memory|network).*")).toEqual({});
  });

  test("a CPU counter that steps back by a rounding stays where it was", async () => {
    put("proc/stat", "cpu0 0 0 0 4000 50 0 0 0 0 0\n");
    await host.collect();
    put("proc/stat", "cpu0 0 0 0 3999 49 0 0 0 0 0\n");
    await clock.advance(1_000);
    expect(await collected("node_cpu_seconds_total")).toMatchObject({
      'node_cpu_seconds_total{cpu="0", mode="idle"}': 40,
    });
  });
});

describe("processes", () => {
  test("the busiest and the largest have series; one that ends goes stale", async () => {
    process(7, "post gres (x)", 100, 10);
    process(8, "idle", 0, 1);
    await host.collect();
    rmSync(join(root, "proc/8"), { recursive: true });
    process(7, "post gres (x)", 300, 20);
    await clock.advance(1_000);
    expect(await collected("opsmon_process.*")).toEqual({
      'opsmon_process_cpu_seconds_total{name="idle", pid="8"}': "stale",
      'opsmon_process_cpu_seconds_total{name="post gres (x)", pid="7"}': 3.05,
      'opsmon_process_resident_memory_bytes{name="idle", pid="8"}': "stale",
      'opsmon_process_resident_memory_bytes{name="post gres (x)", pid="7"}': 20 * 4_096,
      opsmon_processes: 1,
    });
  });

  test("a process that has not lived for ten seconds has none", async () => {
    put("proc/uptime", "10.5 20.0\n");
    process(7, "young", 100, 10);
    expect(await collected("opsmon_process_.*")).toEqual({});
    put("proc/uptime", "11.0 20.0\n");
    await clock.advance(1_000);
    expect(Object.keys(await collected("opsmon_process_.*"))).toHaveLength(2);
  });

  test("those shown are read each time; who is shown is chosen rarely, and more rarely where reading is slow", () => {
    let elapsed = 0;
    const slow = { ...clock, monotonic: () => (elapsed += 200) };
    const collector = new ProcessCollector(slow, join(root, "proc"));
    const shown = (): readonly number[] => {
      const page = new HostPage();
      page.begin();
      collector.collect(page);
      return [...page.finish().values];
    };
    const seconds = (ticks: number): number => (ticks + 5) / 100;
    for (const ticks of [100, 200, 300, 400]) {
      process(7, "busy", ticks, 10);
      expect(shown()).toContain(seconds(ticks));
    }
    process(9, "late", 9_000, 10);
    elapsed += 5_000;
    expect(shown(), "a choice of 200 ms is not made again for 10 s").not.toContain(seconds(9_000));
    elapsed += 5_000;
    expect(shown()).toContain(seconds(9_000));
    rmSync(join(root, "proc/9"), { recursive: true });
    expect(shown(), "it has ended").not.toContain(seconds(9_000));
  });

  test("a pid that another process has now is not the one that was shown", () => {
    const collector = new ProcessCollector(clock, join(root, "proc"));
    const count = (): number => {
      const page = new HostPage();
      page.begin();
      collector.collect(page);
      return page.finish().count;
    };
    process(7, "first", 100, 10);
    const both = [count(), count()];
    put("proc/7/stat", readFileSync(join(root, "proc/7/stat"), "utf8").replace(" 77 ", " 78 "));
    expect([...both, count()]).toEqual([3, 3, 1]);
  });

  test("no more than 40 processes have series however many run", async () => {
    for (let i = 1; i <= 120; i++) process(i, `p${i}`, i, 200 - i);
    const names = Object.keys(await collected("opsmon_process_cpu_seconds_total"));
    expect(names.length).toBeGreaterThan(10);
    expect(names.length).toBeLessThanOrEqual(40);
    expect(names).toContain('opsmon_process_cpu_seconds_total{name="p120", pid="120"}');
    expect(names).toContain('opsmon_process_cpu_seconds_total{name="p1", pid="1"}');
  });
});

describe("the rhythm", () => {
  test("start collects once an interval on whole seconds until close", async () => {
    put("proc/loadavg", "1 2 3\n");
    host.start();
    for (let i = 0; i < 3; i++) await clock.advance(1_000);
    await host.close();
    await clock.advance(5_000);
    const dump = await dumpStore(store, "node_load1");
    expect(Object.values(dump)[0]?.map(([t]) => t)).toEqual([1_000, 2_000, 3_000]);
  });
});
