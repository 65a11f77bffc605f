// The table of steps: planned and actual starts, and how far apart those on the targets were.

const stepColumns = [
  {
    key: "outcome",
    title: "outcome",
    about: "how it ended; failures come first",
    value: (step) => -urgency[step.outcome],
    cell: (step) => html`<${Outcome} outcome=${step.outcome} />`,
  },
  {
    key: "step",
    title: "step",
    about: "its name, and the iteration of loops around it",
    value: (step) => step.label,
    cell: (step) =>
      html`<span title=${`${step.kind} ${step.label}, ${step.at}`}>${step.label}</span>`,
  },
  {
    key: "tasklist",
    title: "tasklist",
    about: "what it ran",
    isMinor: true,
    value: (step) => step.tasklist,
    cell: (step) => html`<span title=${step.tasklist}>${step.tasklist}</span>`,
  },
  {
    key: "targets",
    title: "targets",
    about: "on how many targets, and on how many it failed",
    isNumber: true,
    value: (step) => step.targets,
    cell: (step) => {
      const failed = step.failed + step.tolerated;
      return failed > 0 ? `${step.targets} (${failed} ✗)` : step.targets;
    },
  },
  {
    key: "planned",
    title: "planned",
    about: "when it was to start, since the start of the run; empty: as soon as it was reached",
    isNumber: true,
    isMinor: true,
    value: (step) => step.planned,
    cell: (step) => (step.planned === null ? "" : sinceStart(step.planned)),
  },
  {
    key: "started",
    title: "started",
    about: "since the start of the run",
    isNumber: true,
    value: (step) => step.started,
    cell: (step) =>
      step.started === null
        ? "–"
        : html`<span title=${`${clock(step.started)} UTC`}>${sinceStart(step.started)}</span>`,
  },
  {
    key: "delay",
    title: "delay",
    about: "from the planned start to the actual one",
    isNumber: true,
    isMinor: true,
    value: (step) => step.delay,
    cell: (step) => inWords(step.delay),
  },
  {
    key: "skew",
    title: "skew",
    about: "from the first task's begin on the first target to that on the last one",
    isNumber: true,
    value: (step) => step.skew,
    cell: (step) => inWords(step.skew),
  },
  {
    key: "length",
    title: "took",
    about: "from its start to its end",
    isNumber: true,
    value: (step) => step.length,
    cell: (step) => (step.started !== null && step.ended === null ? "…" : inWords(step.length)),
  },
];

function Steps({ onFilter, isPrinting }) {
  const [order, setOrder] = useState({ key: "", isDown: false });
  if (steps.length === 0) return null;
  return html`<section id="steps">
    <h2>Steps</h2>
    <${Table}
      id="step-table"
      label="Steps"
      columns=${stepColumns}
      rows=${steps}
      order=${order}
      onOrder=${setOrder}
      onRow=${onFilter}
      isPrinting=${isPrinting}
    />
  </section>`;
}
