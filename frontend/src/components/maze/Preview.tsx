import { objection, offset, type Direction, type Logged, type State } from "../../protocol/maze";
import { linePath, middle, SHAPES, tilesOf, TURNS } from "./drawing";

/** What an action would do, drawn on the board. */
export function Preview({ state, action }: { state: State; action: Logged }) {
  const isIllegal = objection(state, action) !== null;
  return (
    <g className="preview" data-illegal={isIllegal || undefined}>
      <Shape state={state} action={action} />
    </g>
  );
}

function Shape({ state, action }: { state: State; action: Logged }) {
  const { size } = state.settings;
  switch (action.action) {
    case "move":
      return <Steps state={state} directions={[action.direction]} />;
    case "path":
      return <Steps state={state} directions={action.directions} />;
    case "break_wall": {
      const { x, y } = middle(state.player + offset(size, action.direction), size);
      return <path className="breach" d="M-0.3 -0.3L0.3 0.3M0.3 -0.3L-0.3 0.3" transform={`translate(${x} ${y})`} />;
    }
    case "freeze_germs":
    case "slow_germs":
      return (
        <>
          {state.germs.map((tile, at) => {
            const { x, y } = middle(tile, size);
            return <circle key={at} cx={x} cy={y} r={0.6} />;
          })}
        </>
      );
    case "scan": {
      const { x, y } = middle(state.player, size);
      return <rect x={x - 6.5} y={y - 6.5} width={13} height={13} rx={0.5} />;
    }
    case "wait":
    case "unreadable": {
      const { x, y } = middle(state.player, size);
      return <circle cx={x} cy={y} r={0.6} />;
    }
  }
}

function Steps({ state, directions }: { state: State; directions: readonly Direction[] }) {
  const { size } = state.settings;
  const tiles = tilesOf(state, directions);
  return (
    <>
      <path d={linePath(tiles, size)} />
      {tiles.slice(1).map((tile, at) => {
        const { x, y } = middle(tile, size);
        const turn = TURNS[directions[at] ?? "right"];
        return <path key={at} className="arrow" d={SHAPES.arrow} transform={`translate(${x} ${y}) rotate(${turn})`} />;
      })}
    </>
  );
}
