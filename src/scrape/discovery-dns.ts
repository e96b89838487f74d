/** dns_sd: names in, one group a name out, with Prometheus' meta labels. */
import { Resolver } from "node:dns/promises";
import type { Logger } from "../base/log.ts";
import type { DiscoveryConfig, TargetGroup } from "../model/job.ts";
import { UserError } from "../base/errors.ts";
import { causeSentence } from "./cause.ts";

type DnsConfig = DiscoveryConfig & { readonly kind: "dns" };

/** One question, two tries: a refresh comes again anyway. */
const QUERY = { timeout: 5_000, tries: 2 } as const;

function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

async function resolveName(resolver: Resolver, name: string, config: DnsConfig): Promise<readonly TargetGroup[]> {
  const group = (address: string, labels: Readonly<Record<string, string>> = {}): TargetGroup => ({
    targets: [address],
    labels: { __meta_dns_name: name, ...labels },
    source: `dns ${config.type} ${name}`,
  });
  switch (config.type) {
    case "A":
      return (await resolver.resolve4(name)).map((address) => group(hostPort(address, config.port)));
    case "AAAA":
      return (await resolver.resolve6(name)).map((address) => group(hostPort(address, config.port)));
    case "SRV":
      return (await resolver.resolveSrv(name)).map((record) =>
        group(hostPort(record.name, record.port), {
          __meta_dns_srv_record_target: record.name,
          __meta_dns_srv_record_port: String(record.port),
        }),
      );
    case "MX":
      return (await resolver.resolveMx(name)).map((record) =>
        group(hostPort(record.exchange, config.port), { __meta_dns_mx_record_target: record.exchange }),
      );
    case "NS":
      return (await resolver.resolveNs(name)).map((server) =>
        group(hostPort(server, config.port), { __meta_dns_ns_record_target: server }),
      );
  }
}

/**
 * All groups of all names; a name without records is an empty answer.
 *
 * @throws UserError `dns` when a name could not be asked for: the caller keeps what it knew.
 */
export async function resolveNames(config: DnsConfig, log: Logger): Promise<readonly TargetGroup[]> {
  const resolver = new Resolver(QUERY);
  const groups: TargetGroup[] = [];
  for (const name of config.names) {
    try {
      groups.push(...(await resolveName(resolver, name, config)));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code !== "ENOTFOUND" && code !== "ENODATA") {
        throw new UserError("dns", `${config.type} records of "${name}": ${causeSentence(error, name)}`, {
          cause: error,
        });
      }
      log.debug("a name of dns_sd has no records", { name, type: config.type });
    }
  }
  return groups.sort((a, b) => ((a.targets[0] as string) < (b.targets[0] as string) ? -1 : 1));
}
