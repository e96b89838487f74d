/** Network devices, sockets and protocol counters from /proc/net and /sys/class/net, under node_exporter's names. */
import { join } from "node:path";
import { fieldsOf, readNumber, readSmall } from "./host-files.ts";
import { type HostFamily, type HostPage, hostFamily } from "./host-page.ts";

/** A container host has a device for each container; beyond this they are noise. */
const DEVICES_MAX = 256;
const SOCKET_PAGE_BYTES = 4_096;

const RECEIVE = ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"];
const TRANSMIT = ["bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed"];
const DEVICE_COUNTERS: readonly HostFamily[] = [
  ...RECEIVE.map((field) => deviceCounter("receive", field)),
  ...TRANSMIT.map((field) => deviceCounter("transmit", field)),
];
const UP = hostFamily("node_network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", "device");
const SPEED = hostFamily("node_network_speed_bytes", "gauge", "Network device property: speed_bytes", "device");
const MTU = hostFamily("node_network_mtu_bytes", "gauge", "Network device property: mtu_bytes", "device");

function deviceCounter(direction: string, field: string): HostFamily {
  const name = `node_network_${direction}_${field}_total`;
  return hostFamily(name, "counter", `Network device statistic ${direction}_${field}.`, "device");
}

export function collectDevices(page: HostPage, proc: string, sys: string): boolean {
  const text = readSmall(join(proc, "net/dev"));
  if (text === undefined) return false;
  let devices = 0;
  for (const line of text.split("\n").slice(2)) {
    const colon = line.lastIndexOf(":");
    if (colon < 0 || devices++ >= DEVICES_MAX) continue;
    const device = line.slice(0, colon).trim();
    const counters = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    DEVICE_COUNTERS.forEach((family, i) => page.add(family, Number(counters[i]), device));
    const properties = join(sys, "class/net", device);
    const state = readSmall(join(properties, "operstate"))?.trim();
    if (state !== undefined) page.add(UP, state === "up" ? 1 : 0, device);
    page.add(MTU, readNumber(join(properties, "mtu")), device);
    // Virtual devices say -1 or refuse to be read.
    const megabits = readNumber(join(properties, "speed"));
    if (megabits > 0) page.add(SPEED, megabits * 125_000, device);
  }
  return true;
}

const NETSTAT_SHOWN =
  /^(?:.*_(?:InErrors|InErrs)|Ip_Forwarding|Ip(?:6|Ext)_(?:InOctets|OutOctets)|Icmp6?_(?:InMsgs|OutMsgs)|TcpExt_(?:Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(?:ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(?:InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$/;
const families = new Map<string, HostFamily>();
/** As for memory fields: names are the kernel's, and still bounded. */
const FAMILIES_MAX = 500;

function named(name: string, help: string, type: "unknown" | "gauge"): HostFamily {
  const known = families.get(name);
  if (known !== undefined) return known;
  const family = hostFamily(name, type, help);
  if (families.size < FAMILIES_MAX) families.set(name, family);
  return family;
}

/** Pairs of lines, names above values: `Tcp: RtoAlgorithm …` over `Tcp: 1 …`. */
export function collectNetstat(page: HostPage, proc: string): boolean {
  let found = false;
  for (const file of ["net/netstat", "net/snmp"]) {
    const text = readSmall(join(proc, file));
    if (text === undefined) continue;
    found = true;
    const lines = fieldsOf(text);
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const names = lines[i] as readonly string[];
      const values = lines[i + 1] as readonly string[];
      const protocol = (names[0] as string).replace(":", "");
      if (values[0] !== names[0]) continue;
      for (let k = 1; k < names.length; k++) netstat(page, `${protocol}_${names[k]}`, Number(values[k]));
    }
  }
  for (const [name, value] of fieldsOf(readSmall(join(proc, "net/snmp6")) ?? "")) {
    const parts = /^(Ip6|Icmp6|Udp6|UdpLite6)(.+)$/.exec(name as string);
    if (parts !== null) netstat(page, `${parts[1]}_${parts[2]}`, Number(value));
  }
  return found;
}

function netstat(page: HostPage, field: string, value: number): void {
  if (!NETSTAT_SHOWN.test(field) || !/^\w+$/.test(field)) return;
  page.add(named(`node_netstat_${field}`, `Statistic ${field.replace("_", "")}.`, "unknown"), value);
}

export function collectSockstat(page: HostPage, proc: string): boolean {
  let found = false;
  for (const file of ["net/sockstat", "net/sockstat6"]) {
    const text = readSmall(join(proc, file));
    if (text === undefined) continue;
    found = true;
    for (const [word, ...pairs] of fieldsOf(text)) {
      const protocol = (word as string).replace(":", "");
      for (let i = 0; i + 1 < pairs.length; i += 2) sockstat(page, protocol, pairs[i] as string, Number(pairs[i + 1]));
    }
  }
  return found;
}

function sockstat(page: HostPage, protocol: string, field: string, value: number): void {
  const name = `node_sockstat_${protocol}_${field}`;
  if (!/^\w+$/.test(name)) return;
  page.add(named(name, `Number of ${protocol} sockets in state ${field}.`, "gauge"), value);
  if (field === "mem") {
    page.add(
      named(`${name}_bytes`, `Number of ${protocol} sockets in state mem_bytes.`, "gauge"),
      value * SOCKET_PAGE_BYTES,
    );
  }
}
