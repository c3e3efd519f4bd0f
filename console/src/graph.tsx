// graph.tsx: the steps of a definition as a picture; with the steps of a saga, in its states.
import type { Graph, Step } from "./types";
import { BOX, layOut } from "./layout";
import { signOf, words } from "./format";

function cut(text: string, size: number): string {
  return text.length > size ? `${text.slice(0, size - 1)}…` : text;
}

function marksOf(step: Graph["steps"][number]): string {
  return [
    step.kind,
    step.pivot && "pivot",
    step.async && "async",
    step.foreach && "foreach",
    step.conditional && "if",
    step.continue_on_error && "may fail",
    (step.compensation === "custom" || step.compensation === "automatic") && "undo",
  ].filter(Boolean).join(" · ");
}

function stateText(run: Step): string {
  const maybe = run.maybe ? " maybe" : "";
  const items = run.items_total ? ` ${run.items_settled ?? 0}/${run.items_total}` : "";
  return words(run.state) + maybe + items;
}

export function Picture({ graph, steps, hrefOf }:
    { graph: Graph; steps?: Step[]; hrefOf?: (id: string) => string }) {
  const { boxes, edges, width, height } = layOut(graph.steps);
  const runs = new Map(steps?.map((step) => [step.id, step]));
  return (
    <div class={width > 680 ? "graph wide" : "graph"} tabIndex={0} role="group" aria-label={`Steps of ${graph.id}`}>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height}>
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0L8 4L0 8z" class="tip" />
          </marker>
        </defs>
        {edges.map((edge) => (
          <path key={`${edge.from}>${edge.to}`} d={edge.path} class={edge.isLoose ? "edge loose" : "edge"}
            marker-end="url(#tip)" />
        ))}
        {boxes.map(({ step, x, y }) => {
          const run = runs.get(step.id);
          const box = (
            <g class={`box ${run ? `state-${run.state}` : ""} ${step.pivot ? "pivot" : ""}`}
              transform={`translate(${x} ${y})`}>
              <title>{`${step.name}: ${run ? stateText(run) : marksOf(step)}`}</title>
              <rect width={BOX.width} height={BOX.height} rx="8" />
              <text x="12" y="21" class="name">{run ? `${signOf(run.state)} ` : ""}{cut(step.id, run ? 21 : 23)}</text>
              <text x="12" y="38" class="about">{cut(run ? stateText(run) : marksOf(step), 30)}</text>
            </g>
          );
          return hrefOf ? <a key={step.id} href={hrefOf(step.id)}>{box}</a> : <g key={step.id}>{box}</g>;
        })}
      </svg>
    </div>
  );
}
