"use strict";
// What Python has written, as objects; gplmt/reporting/page/model.py says what it means.

const data = JSON.parse(document.getElementById("data").textContent);
const origin = Date.parse(data.origin);
const run = data.run;
const isUnfinished = run.outcome === "unfinished";
// Where the timeline ends: what has no end goes on beyond the last that is known.
const horizon = Math.max(data.end * (isUnfinished ? 1.03 : 1), 1);

const outcomes = [
  { name: "ok", glyph: "✓", label: "ok" },
  { name: "failed", glyph: "✗", label: "failed" },
  { name: "timeout", glyph: "◷", label: "timed out" },
  { name: "tolerated", glyph: "~", label: "failed, tolerated" },
  { name: "expected", glyph: "≈", label: "failed as expected" },
  { name: "stopped", glyph: "■", label: "stopped" },
  { name: "cancelled", glyph: "⊘", label: "cancelled" },
  { name: "skipped", glyph: "–", label: "skipped" },
  { name: "unfinished", glyph: "…", label: run.is_running ? "running" : "not ended" },
];
const FAILED = 1;
const TIMEOUT = 2;
const SKIPPED = 7;
const UNFINISHED = 8;
// What is drawn last, so that it is seen where bars are too many to be seen each.
const urgency = [1, 9, 8, 6, 4, 3, 5, 0, 7];
const isFailure = (outcome) => outcome === FAILED || outcome === TIMEOUT;

const steps = data.steps.map((step, index) => ({
  ...step,
  index,
  at: data.texts[step.at],
  isOfRun: step.kind === "step" || step.kind === "teardown",
  label: step.iteration === null ? step.name : `${step.name} [${step.iteration}]`,
  delay: step.planned === null || step.started === null ? null : step.started - step.planned,
  skew: step.begun < 2 ? null : step.last - step.first,
  length: step.ended === null || step.started === null ? null : step.ended - step.started,
}));

const tasks = data.tasks.begin.map((begin, index) => {
  const column = (name) => data.tasks[name][index];
  const step = steps[column("step")];
  const length = column("length");
  return {
    index,
    kind: data.kinds[column("kind")],
    target: column("target"),
    targetName: data.targets[column("target")] ?? "",
    step,
    stepLabel: step ? step.label : "",
    name: data.texts[column("name")],
    iteration: data.texts[column("iteration")],
    at: data.texts[column("at")],
    begin,
    length,
    end: length === null ? Math.max(begin, horizon) : begin + length,
    outcome: column("outcome"),
    result: data.texts[column("result")],
    reason: data.texts[column("reason")],
    log: column("log"),
    isOfRun: !step || step.isOfRun,
    failure: null,
  };
});

const failures = data.failures.map((row) => ({
  ...row,
  at: data.texts[row.at],
  what: data.texts[row.what],
  reason: data.texts[row.reason],
  target: row.target < 0 ? "" : data.targets[row.target],
  iteration: data.texts[row.iteration],
  tails: row.tails.map((tail) => ({ log: tail.log, text: data.texts[tail.text], key: tail.text })),
}));
for (const failure of failures) {
  if (failure.task >= 0) tasks[failure.task].failure = failure;
}

// Tasks that would only lie over those in them are left out of pictures and counts.
const AROUND = new Set(["call", "seq", "par"]);
const counted = tasks.filter((task) => !AROUND.has(task.kind));

function countOutcomes(list) {
  const counts = outcomes.map(() => 0);
  for (const each of list) counts[each.outcome] += 1;
  return counts;
}
