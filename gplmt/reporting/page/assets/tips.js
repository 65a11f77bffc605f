// What is told of a bar under the pointer.

const after = (length) => (length === null ? "" : ` after ${inWords(length)}`);

function TipOfTask({ task }) {
  const end = task.length === null ? "…" : sinceStart(task.end);
  return html`<b>${task.targetName}: ${task.name}</b>
    <div><${Outcome} outcome=${task.outcome} />${after(task.length)}</div>
    <div>${[task.reason, task.result].filter(Boolean).join("; ").slice(0, 300)}</div>
    <div>${sinceStart(task.begin)} – ${end}, ${clock(task.begin)} UTC</div>
    <div>${task.kind} in ${task.stepLabel}, ${task.at}</div>`;
}

function TipOfStep({ step }) {
  const lines = [
    html`<${Outcome} outcome=${step.outcome} />${after(step.length)}`,
    `tasklist ${step.tasklist} on ${counting(step.targets, "target")}, ${step.at}`,
    step.planned !== null && `planned ${sinceStart(step.planned)}`,
    step.started === null ? "not started" : `started ${sinceStart(step.started)}`,
    step.delay !== null && `${inWords(step.delay)} after the plan`,
    step.skew !== null && `skew ${inWords(step.skew)} between ${counting(step.begun, "target")}`,
    step.reason,
  ];
  const told = lines.filter(Boolean);
  return html`<b>step ${step.label}</b>${told.map((line) => html`<div>${line}</div>`)}`;
}

// Beside the pointer, and inside of the timeline.
function Tip({ tip, width }) {
  const place = useRef(null);
  const [left, setLeft] = useState(0);
  useLayoutEffect(() => {
    const own = place.current.offsetWidth;
    const isRight = tip.x + 16 + own <= width;
    setLeft(Math.max(0, isRight ? tip.x + 16 : Math.min(tip.x - 16 - own, width - own)));
  }, [tip, width]);
  const style = { left: `${left}px`, top: `${tip.y + 18}px` };
  return html`<div id="tip" role="tooltip" ref=${place} style=${style}>
    ${tip.task ? html`<${TipOfTask} task=${tip.task} />` : html`<${TipOfStep} step=${tip.step} />`}
  </div>`;
}
