// The table of tasks, and all that is known of one.

const rank = (task) => urgency[task.outcome];

const taskColumns = [
  {
    key: "outcome",
    title: "outcome",
    about: "how it ended; failures come first",
    value: (task) => -rank(task),
    cell: (task) => html`<${Outcome} outcome=${task.outcome} />`,
  },
  {
    key: "target",
    title: "target",
    about: "where it ran",
    value: (task) => task.targetName,
    cell: (task) => html`<span title=${task.targetName}>${task.targetName}</span>`,
  },
  {
    key: "task",
    title: "task",
    about: "tasklist and task",
    value: (task) => task.name,
    cell: (task) =>
      html`<span title=${`${task.kind} ${task.name}, ${task.at}`}>${task.name}</span>`,
  },
  {
    key: "kind",
    title: "kind",
    about: "the element",
    isMinor: true,
    value: (task) => task.kind,
    cell: (task) => task.kind,
  },
  {
    key: "step",
    title: "step",
    about: "the step it was part of, and in which iteration",
    isMinor: true,
    value: (task) => task.stepLabel,
    cell: (task) => html`<span title=${task.stepLabel}>${task.stepLabel}</span>`,
  },
  {
    key: "begin",
    title: "began",
    about: "since the start of the run",
    isNumber: true,
    value: (task) => task.begin,
    cell: (task) =>
      html`<span title=${`${clock(task.begin)} UTC`}>${sinceStart(task.begin)}</span>`,
  },
  {
    key: "length",
    title: "took",
    about: "how long it took",
    isNumber: true,
    value: (task) => task.length,
    cell: (task) => (task.length === null ? "…" : inWords(task.length)),
  },
  {
    key: "result",
    title: "result",
    about: "status and reason",
    value: (task) => task.reason || task.result,
    cell: (task) => {
      const text = [task.reason, task.result].filter(Boolean).join("; ");
      return html`<span title=${text}>${text}</span>`;
    },
  },
  {
    key: "logs",
    title: "output",
    about: "links into the run directory",
    value: (task) => task.log,
    cell: (task) => html`<${Links} log=${task.log} />`,
  },
];

function Tasks({ rows, chosen, onChoose, isPrinting }) {
  const [order, setOrder] = useState({ key: "begin", isDown: false });
  return html`<section id="tasks">
    <h2>Tasks</h2>
    ${
      data.task_count > tasks.length &&
      html`<p class="hint">
      The run had ${counting(data.task_count, "task")}, too many for a page:
      ${" "}${counting(data.task_count - tasks.length, "one", "of them")} that went well
      ${" "}${data.task_count - tasks.length === 1 ? "is" : "are"} left out.
    </p>`
    }
    <${Table}
      id="task-table"
      label="Tasks"
      columns=${taskColumns}
      rows=${rows}
      order=${order}
      onOrder=${setOrder}
      onRow=${onChoose}
      isChosen=${(task) => task === chosen}
      isPrinting=${isPrinting}
    />
  </section>`;
}

// What was chosen in the timeline or the table, at the lower edge of the window.
function Details({ task, onClose }) {
  useEffect(() => {
    const close = (event) => event.key === "Escape" && onClose();
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, []);
  const facts = [
    ["step", task.stepLabel],
    ["place", task.at],
    ["began", `${sinceStart(task.begin)}, at ${clock(task.begin)} UTC`],
    ["took", task.length === null ? "not ended" : inWords(task.length)],
    ["result", task.result],
    ["reason", task.reason],
  ];
  return html`<aside id="details" aria-label="The chosen task">
    <button type="button" class="close" aria-label="Close" onClick=${onClose}>✕</button>
    <h3>
      <${Outcome} outcome=${task.outcome} /> ${task.kind} ${task.name} <small>on</small>
      ${" "}${task.targetName} ${" "}<${Links} log=${task.log} />
    </h3>
    <dl>
      ${facts
        .filter(([, text]) => text)
        .map(([name, text]) => html`<div><dt>${name}</dt><dd>${text}</dd></div>`)}
    </dl>
    ${task.failure && html`<${Tails} tails=${task.failure.tails} />`}
  </aside>`;
}
