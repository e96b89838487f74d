/** Made from rules/kubernetes.yml by rules/embed.ts; edit that file. */
export const kubernetes: string = [
  "# Pods that restart.",
  "#",
  "# Variables (the value in front of a mark is the default):",
  "#   restarts  restarts of one container in 15 minutes",
  "groups:",
  "  - name: kubernetes",
  "    rules:",
  "      - alert: PodCrashLooping",
  "        expr: increase(kube_pod_container_status_restarts_total[15m]) > 0 # ${restarts}",
  "        labels: { severity: warning }",
  "        annotations:",
  "          summary: \"{{ $labels.namespace }}/{{ $labels.pod }} restarted\"",
  "          panel: services.pods.restarts",
  "",
].join("\n");
