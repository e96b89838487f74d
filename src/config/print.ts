/** A configuration as text for `opsmon config show`: the file's own content with every secret shown as `<secret>`. */
import { Document } from "yaml";
import type { YamlNode } from "../base/yaml.ts";
import type { Config } from "./config.ts";

const MASK = "<secret>";
/** User and password inside a URL. */
const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/i;

/** YAML; loading it again gives the same configuration but for the secrets. */
export function configText(config: Config): string {
  if (config.source.root === undefined) return "";
  const document = new Document(toValue(config.source.root, config.source.secrets), { schema: "core" });
  return document.toString({ lineWidth: 0, singleQuote: false });
}

function toValue(node: YamlNode, secrets: ReadonlySet<YamlNode>): unknown {
  switch (node.kind) {
    case "map":
      return new Map(node.entries.map((entry) => [entry.key, toValue(entry.value, secrets)]));
    case "seq":
      return node.items.map((item) => toValue(item, secrets));
    case "scalar": {
      if (node.isNull) return null;
      if (USER_INFO.test(node.text)) return node.text.replace(USER_INFO, `$1${MASK}@`);
      if (secrets.has(node)) return MASK;
      if (node.style !== "plain") return node.text;
      return literal(node.text);
    }
  }
}

/** Numbers and booleans print without quotes when they are given as what they are. */
function literal(text: string): unknown {
  if (/^(?:true|false)$/.test(text)) return text === "true";
  const value = Number(text);
  return text !== "" && String(value) === text ? value : text;
}
