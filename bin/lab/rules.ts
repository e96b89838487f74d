/**
 * The lab's alert rules: the documents' incidents with windows of a minute and `for: 5s`, so that what `break` does is
 * seen firing within some 15 seconds. The product's own packs, with real durations, lie in rules/.
 */
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly severity: "critical" | "warning" | "info";
  readonly summary: string;
}

/** Errors by service whatever the status label is called; 0 where there are requests and no error. */
const ERRORS =
  '(sum by (service) (rate(http_requests_total{status_code=~"5.."}[1m]) or rate(http_requests_total{status=~"5.."}[1m])' +
  ' or rate(http_requests_total{code="5xx"}[1m])) or 0 * sum by (service) (rate(http_requests_total[1m])))';

const RULES: readonly Rule[] = [
  {
    alert: "TargetDown",
    expr: 'up{job!="faulty"} == 0',
    severity: "critical",
    summary: "{{ $labels.job }} at {{ $labels.instance }} does not answer",
  },
  {
    alert: "RedisDown",
    expr: "redis_up == 0 or absent(redis_up)",
    severity: "critical",
    summary: "Redis is not available",
  },
  {
    alert: "PostgresDown",
    expr: "pg_up == 0 or absent(pg_up)",
    severity: "critical",
    summary: "Postgres is not available",
  },
  {
    alert: "RabbitmqDown",
    expr: 'up{job="rabbitmq"} == 0 or absent(up{job="rabbitmq"})',
    severity: "critical",
    summary: "RabbitMQ is not available",
  },
  { alert: "NginxDown", expr: "nginx_up == 0", severity: "critical", summary: "nginx is not available" },
  {
    alert: "ProbeFailed",
    expr: "probe_success == 0",
    severity: "critical",
    summary: "{{ $labels.instance }} does not answer its probe",
  },
  {
    alert: "ApiErrorRateHigh",
    expr: `${ERRORS} / sum by (service) (rate(http_requests_total[1m])) > 0.05`,
    severity: "critical",
    summary: "{{ $value | humanizePercentage }} of requests to {{ $labels.service }} fail",
  },
  {
    alert: "ApiSlow",
    expr: "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket[1m]))) > 2",
    severity: "warning",
    summary: "p95 of {{ $labels.service }} is {{ $value | humanizeDuration }}",
  },
  {
    alert: "RpsSpike",
    expr: "sum by (service) (rate(http_requests_total[30s])) > 10 * (sum by (service) (rate(http_requests_total[1m] offset 90s)) > 0) > 5",
    severity: "warning",
    summary: "{{ $labels.service }} gets {{ $value | humanize }} requests/s",
  },
  {
    alert: "QueueFilling",
    expr: "sum by (queue) (rabbitmq_detailed_queue_messages_ready) > 1000",
    severity: "warning",
    summary: "{{ $value }} messages wait in {{ $labels.queue }}",
  },
  {
    alert: "MessagesUnacked",
    expr: "sum(rabbitmq_queue_messages_unacked) > 11",
    severity: "warning",
    summary: "{{ $value }} messages are delivered and not acknowledged",
  },
  {
    alert: "DeadLetters",
    expr: 'sum by (queue) (rabbitmq_detailed_queue_messages{queue=~".*(dead|dlq|dlx).*"}) > 50',
    severity: "warning",
    summary: "{{ $value }} dead letters in {{ $labels.queue }}",
  },
  {
    alert: "CalculationErrorsHigh",
    expr: 'sum(increase(calculations_total{result="error"}[1m])) / sum(increase(calculations_total[1m])) > 0.3',
    severity: "warning",
    summary: "{{ $value | humanizePercentage }} of calculations fail",
  },
  {
    alert: "CalculationSlow",
    expr: '1 - sum(increase(calculation_duration_seconds_bucket{le=~"1800(.0)?"}[1m])) / sum(increase(calculation_duration_seconds_count[1m])) > 0.05',
    severity: "info",
    summary: "{{ $value | humanizePercentage }} of calculations take over 30 minutes",
  },
  {
    alert: "OrderWaitLong",
    expr: 'sum(increase(order_new_to_in_progress_seconds_count[1m])) - sum(increase(order_new_to_in_progress_seconds_bucket{le=~"1800(.0)?"}[1m])) > 0',
    severity: "info",
    summary: "{{ $value | humanize }} orders waited over 30 minutes",
  },
  {
    alert: "CardinalityExplosion",
    expr: 'scrape_samples_post_metric_relabeling{job="apps"} > 5000',
    severity: "warning",
    summary: "{{ $labels.instance }} exposes {{ $value }} series",
  },
  {
    alert: "PostgresConnectionsHigh",
    expr: "100 * sum by (instance) (pg_stat_database_numbackends) / max by (instance) (pg_settings_max_connections) > 70",
    severity: "warning",
    summary: "{{ $value | humanize }} % of the connections are used",
  },
  {
    alert: "RedisMemoryHigh",
    expr: "100 * redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 90",
    severity: "warning",
    summary: "Redis uses {{ $value | humanize }} % of its memory",
  },
  {
    alert: "RedisClientsBlocked",
    expr: "redis_blocked_clients > 3",
    severity: "info",
    summary: "{{ $value }} clients wait in Redis",
  },
  {
    alert: "StorageFull",
    expr: "100 * sum(minio_cluster_usage_total_bytes) / sum(minio_cluster_capacity_usable_total_bytes) > 80",
    severity: "info",
    summary: "object storage is {{ $value | humanize }} % full",
  },
  {
    alert: "PodCrashLoop",
    expr: "increase(kube_pod_container_status_restarts_total[1m]) > 2",
    severity: "critical",
    summary: "{{ $labels.pod }} restarts again and again",
  },
];

const RECORDED: readonly (readonly [record: string, expr: string])[] = [
  ["service:http_requests:rate1m", "sum by (service) (rate(http_requests_total[1m]))"],
  ["service:http_errors:rate1m", ERRORS],
];

/** A Prometheus rule file. */
export function labRules(): object {
  return {
    groups: [
      { name: "lab-red", interval: "5s", rules: RECORDED.map(([record, expr]) => ({ record, expr })) },
      {
        name: "lab",
        interval: "5s",
        rules: RULES.map(({ alert, expr, severity, summary }) => ({
          alert,
          expr,
          for: "5s",
          labels: { severity },
          annotations: { summary },
        })),
      },
    ],
  };
}
