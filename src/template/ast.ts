/** The tree of a template; unions on `kind`, `pos` is a UTF-16 offset into the text. */

interface At {
  readonly pos: number;
}
export type Operand =
  | ({ readonly kind: "dot" } & At)
  | ({ readonly kind: "nil" } & At)
  | ({ readonly kind: "bool"; readonly value: boolean } & At)
  | ({ readonly kind: "number"; readonly text: string; readonly value: number | bigint } & At)
  | ({ readonly kind: "string"; readonly text: string; readonly value: string } & At)
  | ({ readonly kind: "field"; readonly names: readonly string[] } & At)
  | ({ readonly kind: "variable"; readonly name: string; readonly names: readonly string[] } & At)
  | ({ readonly kind: "function"; readonly name: string } & At)
  | ({ readonly kind: "chain"; readonly base: Operand; readonly names: readonly string[] } & At)
  | Pipe;

export interface Command extends At {
  readonly kind: "command";
  /** First is what is asked or called, the rest its arguments; never empty. */
  readonly args: readonly Operand[];
}
export interface Pipe extends At {
  readonly kind: "pipe";
  readonly declare: readonly string[];
  /** `=` instead of `:=`. */
  readonly assign: boolean;
  readonly commands: readonly Command[];
}

export interface Branch extends At {
  readonly kind: "if" | "with" | "range";
  readonly pipe: Pipe;
  readonly list: List;
  readonly otherwise: List | undefined;
}
export type Node =
  | ({ readonly kind: "text"; readonly text: string } & At)
  | ({ readonly kind: "action"; readonly pipe: Pipe } & At)
  | Branch
  | ({ readonly kind: "template"; readonly name: string; readonly pipe: Pipe | undefined } & At)
  | ({ readonly kind: "break" } & At)
  | ({ readonly kind: "continue" } & At);
export type List = readonly Node[];

/** A template with the text its positions mean. */
export interface Tree {
  readonly name: string;
  readonly text: string;
  readonly list: List;
}

/** The node as Go prints it inside `at <…>`. */
export function nodeText(node: Operand | Command | Node): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
    case "string":
    case "text":
      return node.text;
    case "field":
      return `.${node.names.join(".")}`;
    case "variable":
      return [node.name, ...node.names].join(".");
    case "function":
      return node.name;
    case "chain":
      return `${node.base.kind === "pipe" ? `(${nodeText(node.base)})` : nodeText(node.base)}.${node.names.join(".")}`;
    case "command":
      return node.args.map((arg) => (arg.kind === "pipe" ? `(${nodeText(arg)})` : nodeText(arg))).join(" ");
    case "pipe": {
      const declared = node.declare.length > 0 ? `${node.declare.join(", ")} ${node.assign ? "=" : ":="} ` : "";
      return declared + node.commands.map(nodeText).join(" | ");
    }
    case "action":
      return `{{${nodeText(node.pipe)}}}`;
    case "template":
      return `{{template ${JSON.stringify(node.name)}${node.pipe === undefined ? "" : ` ${nodeText(node.pipe)}`}}}`;
    case "break":
    case "continue":
      return `{{${node.kind}}}`;
    case "if":
    case "with":
    case "range":
      return `{{${node.kind} ${nodeText(node.pipe)}}}`;
  }
}
