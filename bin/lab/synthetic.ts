/**
 * Pages of exporters that Debian does not package, written by hand from their documented names: MinIO's two
 * generations, cAdvisor, kube-state-metrics and a StatsD-fed host. Values are made up; counters grow with time.
 */
export interface SyntheticInput {
  readonly ageSeconds: number;
  /** True while `break NAME` is in force. */
  readonly broken: (incident: string) => boolean;
}

type Page = (input: SyntheticInput) => string;

interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** Labels as written between braces, and a value. */
  readonly samples: readonly (readonly [labels: string, value: number])[];
}

const CAPACITY_BYTES = 1e9;

function write(families: readonly Family[]): string {
  let out = "";
  for (const { name, type, samples } of families) {
    out += `# TYPE ${name} ${type}\n`;
    for (const [labels, value] of samples) out += `${name}${labels === "" ? "" : `{${labels}}`} ${value}\n`;
  }
  return out;
}

const gauge = (name: string, ...samples: Family["samples"]): Family => ({ name, type: "gauge", samples });
const counter = (name: string, ...samples: Family["samples"]): Family => ({ name, type: "counter", samples });

const usedBytes = ({ broken }: SyntheticInput): number => (broken("s3-full") ? 0.91 : 0.4) * CAPACITY_BYTES;

const minioV2: Page = (input) => {
  const server = 'server="127.0.0.1:9000"';
  const { ageSeconds: t } = input;
  return write([
    gauge("minio_cluster_capacity_usable_total_bytes", [server, CAPACITY_BYTES]),
    gauge("minio_cluster_capacity_usable_free_bytes", [server, CAPACITY_BYTES - usedBytes(input)]),
    gauge("minio_cluster_usage_total_bytes", [server, usedBytes(input)]),
    gauge(
      "minio_cluster_objects_size_distribution",
      [`range="LESS_THAN_1024_B",${server}`, 120],
      [`range="BETWEEN_1024_B_AND_1_MB",${server}`, 900],
      [`range="BETWEEN_1_MB_AND_10_MB",${server}`, 60],
      [`range="BETWEEN_10_MB_AND_64_MB",${server}`, 4],
    ),
    counter(
      "minio_s3_requests_total",
      [`api="getobject",${server}`, Math.floor(t * 20)],
      [`api="putobject",${server}`, Math.floor(t * 5)],
    ),
    counter(
      "minio_s3_requests_5xx_errors_total",
      [`api="getobject",${server}`, Math.floor(t * 0.1)],
      [`api="putobject",${server}`, Math.floor(t * 0.05)],
    ),
    counter("minio_s3_requests_4xx_errors_total", [`api="getobject",${server}`, Math.floor(t * 0.4)]),
    gauge("minio_s3_requests_inflight_total", [`api="getobject",${server}`, 3]),
    counter("minio_s3_traffic_received_bytes", [server, Math.floor(t * 50_000)]),
    counter("minio_s3_traffic_sent_bytes", [server, Math.floor(t * 400_000)]),
  ]);
};

const minioV3: Page = (input) => {
  const { ageSeconds: t } = input;
  const get = 'name="GetObject",type="s3",pool_index="0",server="127.0.0.1:9000"';
  const put = 'name="PutObject",type="s3",pool_index="0",server="127.0.0.1:9000"';
  return write([
    gauge("minio_cluster_health_capacity_usable_total_bytes", ["", CAPACITY_BYTES]),
    gauge("minio_cluster_health_capacity_usable_free_bytes", ["", CAPACITY_BYTES - usedBytes(input)]),
    gauge("minio_cluster_usage_objects_total_bytes", ["", usedBytes(input)]),
    gauge(
      "minio_cluster_usage_objects_size_distribution",
      ['range="LESS_THAN_1024_B"', 120],
      ['range="BETWEEN_1024_B_AND_1_MB"', 900],
    ),
    counter("minio_api_requests_total", [get, Math.floor(t * 20)], [put, Math.floor(t * 5)]),
    counter("minio_api_requests_5xx_errors_total", [get, Math.floor(t * 0.1)], [put, Math.floor(t * 0.05)]),
    gauge("minio_api_requests_inflight_total", [get, 3]),
  ]);
};

const cadvisor: Page = ({ ageSeconds: t }) => {
  const postgres = 'name="postgres",image="postgres:15"';
  return write([
    counter(
      "container_cpu_usage_seconds_total",
      [`${postgres},cpu="total"`, t * 0.3],
      ['name="mes-api",image="mes-api",cpu="total"', t * 0.1],
    ),
    gauge("container_spec_cpu_quota", [postgres, 200_000]),
    gauge("container_spec_cpu_period", [postgres, 100_000]),
    gauge("container_memory_working_set_bytes", [postgres, 2.1e8]),
    gauge("container_spec_memory_limit_bytes", [postgres, 5e8]),
  ]);
};

const kubeState: Page = ({ ageSeconds: t, broken }) => {
  const crashing = broken("pod-crash");
  const emr = 'namespace="emr",pod="emr-service-0",uid="u1",container="emr-service"';
  const task = 'namespace="emr",pod="task-service-0",uid="u2",container="task-service"';
  return write([
    counter("kube_pod_container_status_restarts_total", [emr, crashing ? Math.floor(t / 10) : 0], [task, 0]),
    gauge("kube_pod_container_status_waiting_reason", [`${emr},reason="CrashLoopBackOff"`, crashing ? 1 : 0]),
    gauge("kube_pod_status_phase", ['namespace="emr",pod="emr-service-0",uid="u1",phase="Running"', crashing ? 0 : 1]),
  ]);
};

export const SYNTHETIC: Readonly<Record<string, Page>> = {
  "minio-v2": minioV2,
  "minio-v3": minioV3,
  cadvisor,
  "kube-state-metrics": kubeState,
};
