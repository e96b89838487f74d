/**
 * The ink tree: one absolute box a pane, its rows as text, and the keys. Charts are not here: they are painted behind
 * ink's back by the compositor. Panes whose rows have not changed are not rendered again.
 */
import { Box, Text, useInput, usePaste } from "ink";
import { memo, type ReactNode } from "react";
import { keyPresses, type KeyPress } from "./keys.ts";
import type { Pane } from "./pane.ts";
import type { Scene } from "./scene.ts";
import type { Size } from "../draw/cell.ts";

/** A row of its own: ink measures only the rows that have changed. */
const RowView: (props: { readonly text: string }) => ReactNode = memo(
  ({ text }: { readonly text: string }): ReactNode => <Text wrap="truncate">{text}</Text>,
);

interface PaneProps {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly rows: readonly string[];
}

const PaneView: (props: PaneProps) => ReactNode = ({ x, y, width, height, rows }: PaneProps): ReactNode => (
  <Box
    position="absolute"
    marginLeft={x}
    marginTop={y}
    width={width}
    height={height}
    flexDirection="column"
    overflow="hidden"
  >
    {rows.map((text, i) => (
      // A row is its place on the screen.
      <RowView key={`${i}`} text={text} />
    ))}
  </Box>
);

export interface ScreenProps {
  readonly scene: Scene;
  readonly size: Size;
}

/** The panes alone, for one frame without a terminal. */
export function Panes({ scene, size }: ScreenProps): ReactNode {
  return (
    <Box width={size.width} height={size.height} overflow="hidden">
      {scene.panes.map((pane: Pane) => (
        <PaneView
          key={pane.id}
          x={pane.rect.x}
          y={pane.rect.y}
          width={pane.rect.width}
          height={pane.rect.height}
          rows={pane.rows}
        />
      ))}
    </Box>
  );
}

export interface KeyedScreenProps extends ScreenProps {
  readonly onPress: (press: KeyPress) => void;
  readonly onPaste: (text: string) => void;
}

/** The panes with keys; what a key does is decided by the reducer, outside React. */
export function Screen({ scene, size, onPress, onPaste }: KeyedScreenProps): ReactNode {
  useInput((input, key) => {
    for (const press of keyPresses(input, key)) onPress(press);
  });
  usePaste(onPaste);
  return <Panes scene={scene} size={size} />;
}
