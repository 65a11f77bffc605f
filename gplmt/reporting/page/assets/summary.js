// What somebody wants to know first, and what else there is to know of a run.

const verdicts = {
  ok: ["✓", "ok"],
  failed: ["✗", "failed"],
  interrupted: ["⊘", "interrupted"],
  unfinished: ["…", run.is_running ? "running" : "not ended"],
};

function aboutNoEnd() {
  const edge = "What is not known to have ended reaches to the right edge of the timeline.";
  return run.is_running
    ? `It was running when this page was made, ${inWords(data.end)} after its start. ${edge}`
    : `The record of the run ends ${inWords(data.end)} after its start: gplmt was killed, or its ` +
        `machine crashed. ${edge}`;
}

function Head() {
  const [glyph, word] = verdicts[run.outcome];
  return html`<header class=${`is-${run.outcome}`}>
    <h1>${run.experiment} <span id="outcome"><i aria-hidden="true">${glyph}</i> ${word}</span></h1>
    ${run.description && html`<p class="description">${run.description}</p>`}
    ${run.reason && html`<p class="reason">${run.reason}</p>`}
    ${isUnfinished && html`<p class="reason">${aboutNoEnd()}</p>`}
    <${Tiles} />
    <${Contents} />
  </header>`;
}

function Contents() {
  const sections = [
    ["failures", "failures", failures.length],
    ["timeline", "timeline", 1],
    ["steps", "steps", steps.length],
    ["tasks", "tasks", 1],
    ["experiment", "experiment", data.sources.length],
    ["notes", "warnings and notes", data.notes.length],
    ["cleanups", "gplmt cleanup", data.cleanups.length],
    ["about", "about this run", 1],
  ];
  return html`<nav aria-label="On this page">
    ${sections
      .filter(([, , count]) => count > 0)
      .map(([id, words]) => html`<a href=${`#${id}`}>${words}</a>`)}
  </nav>`;
}

function Tiles() {
  const counts = countOutcomes(counted.filter((task) => task.isOfRun));
  const ofRun = failures.filter((failure) => !failure.is_of_cleanup);
  const tolerated = ofRun.filter((failure) => failure.is_tolerated).length;
  const count = data.failure_count - (failures.length - ofRun.length) - tolerated;
  const failedTargets = new Set(
    ofRun.filter((failure) => !failure.is_tolerated && failure.target).map(({ target }) => target),
  ).size;
  const tiles = [
    ["duration", inWords(data.end), `${date(run.started)}`],
    [
      "failures",
      count.toLocaleString("en"),
      failureNote(failedTargets, tolerated, failures.length - ofRun.length),
    ],
    ["targets", data.targets.length.toLocaleString("en"), ""],
    [
      "tasks",
      (data.task_count - tasks.filter((task) => !task.isOfRun).length).toLocaleString("en"),
      counts.map(
        (number, outcome) =>
          number > 0 && html`<${Outcome} outcome=${outcome} count=${number} word=${false} /> `,
      ),
    ],
    ["steps", steps.filter((step) => step.kind === "step").length.toLocaleString("en"), stepNote()],
  ];
  return html`<ul class="tiles">
    ${tiles.map(
      ([name, value, note]) =>
        html`<li class=${name === "failures" && count > 0 ? "is-failed" : ""}>
          <small>${name}</small><b>${value}</b><span>${note}</span>
        </li>`,
    )}
  </ul>`;
}

function failureNote(targets, tolerated, later) {
  return [
    targets > 0 && `on ${counting(targets, "target")}`,
    tolerated > 0 && `and ${tolerated} tolerated`,
    later > 0 && `and ${later} in gplmt cleanup`,
  ]
    .filter(Boolean)
    .join(", ");
}

function stepNote() {
  const skews = steps.filter((step) => step.kind === "step" && step.skew !== null);
  if (skews.length === 0) return "";
  return `skew up to ${inWords(Math.max(...skews.map((step) => step.skew)))}`;
}

function About() {
  const facts = [
    ["run", run.run_id],
    ["command", html`<code>${run.command}</code>`],
    ["document", run.document],
    ["started in", run.directory],
    ["by", `${run.user} on ${run.host}`],
    ["started", date(run.started)],
    ["ended", date(run.ended)],
    ["exit code", run.exit_code],
    ["cleaned up", date(run.cleaned_up)],
    ["software", `gplmt ${run.gplmt}, Python ${run.python}, ${run.system}`],
    ["this page", `made ${date(data.made)}`],
  ];
  return html`<section id="about">
    <h2>About this run</h2>
    <dl>
      ${facts
        .filter(([, value]) => value !== "" && value !== null)
        .map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>
  </section>`;
}
